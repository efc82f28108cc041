//! The recovery code: 130 random bits in Crockford's base32, with ten check bits.

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS: usize = 26;
const SYMBOLS_WITH_CHECK: usize = SYMBOLS + 2;
const GROUP: usize = 4;

/// A code written down on paper that opens a vault without its passphrase.
pub struct RecoveryCode(Zeroizing<[u8; SYMBOLS]>);

/// Why a text is no recovery code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecoveryCodeError {
    /// Not 28 symbols of the alphabet.
    #[error("a recovery code has 28 letters and digits")]
    Format,
    /// The check symbols do not fit: a symbol was misread.
    #[error("a symbol of the recovery code was misread or mistyped")]
    Check,
}

impl RecoveryCode {
    /// A fresh code of 130 random bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut symbols = Zeroizing::new([0; SYMBOLS]);
        rng.fill_bytes(symbols.as_mut());
        for symbol in symbols.iter_mut() {
            *symbol &= 31;
        }
        Self(symbols)
    }

    /// Reads a code as it was written down: case, spaces and hyphens do not matter; `O` is read as 0, `I` and `L` as 1.
    pub fn parse(text: &str) -> Result<Self, RecoveryCodeError> {
        let mut symbols = Zeroizing::new([0_u8; SYMBOLS_WITH_CHECK]);
        let mut places = symbols.iter_mut();
        for character in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let value = symbol_value(character).ok_or(RecoveryCodeError::Format)?;
            *places.next().ok_or(RecoveryCodeError::Format)? = value;
        }
        if places.next().is_some() {
            return Err(RecoveryCodeError::Format);
        }
        let (code, check) = symbols
            .split_first_chunk::<SYMBOLS>()
            .expect("the array is longer than the code");
        if check != check_symbols(code) {
            return Err(RecoveryCodeError::Check);
        }
        Ok(Self(Zeroizing::new(*code)))
    }

    /// The code as it is written down: seven groups of four.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS_WITH_CHECK + 6));
        for (position, symbol) in self.0.iter().chain(&check_symbols(&self.0)).enumerate() {
            if position > 0 && position % GROUP == 0 {
                text.push('-');
            }
            let letter = ALPHABET.get(usize::from(*symbol)).copied();
            text.push(char::from(letter.expect("a symbol is below 32")));
        }
        text
    }

    pub(crate) fn bytes(&self) -> &[u8; SYMBOLS] {
        &self.0
    }
}

fn symbol_value(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let letter = u8::try_from(upper).ok()?;
    let position = ALPHABET.iter().position(|known| *known == letter)?;
    u8::try_from(position).ok()
}

fn check_symbols(code: &[u8; SYMBOLS]) -> [u8; 2] {
    let mut hash = Sha256::new();
    hash.update(b"tegata/recovery-check/1\0");
    hash.update(code);
    let digest: [u8; 32] = hash.finalize().into();
    let [first, second, ..] = digest;
    [first & 31, second & 31]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    fn code(seed: u64) -> RecoveryCode {
        RecoveryCode::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(seed))
    }

    #[test]
    fn a_code_survives_being_written_down() {
        let text = code(1).to_text();
        assert_eq!(text.len(), 34);
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o");
        assert_eq!(
            RecoveryCode::parse(&sloppy).unwrap().bytes(),
            code(1).bytes()
        );
    }

    #[test]
    fn a_misread_symbol_is_noticed() {
        let text = code(2).to_text();
        let mut noticed = 0;
        for position in (0..text.len()).filter(|p| text.as_bytes()[*p] != b'-') {
            let mut bytes = text.as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'7' { b'8' } else { b'7' };
            let altered = String::from_utf8(bytes).unwrap();
            noticed += usize::from(RecoveryCode::parse(&altered).is_err());
        }
        assert_eq!(noticed, SYMBOLS_WITH_CHECK);
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        let text = code(3).to_text();
        for wrong in [
            "",
            &text[1..],
            &format!("{}0", *text),
            &text.replace('-', "_"),
        ] {
            assert_eq!(
                RecoveryCode::parse(wrong).err(),
                Some(RecoveryCodeError::Format)
            );
        }
    }
}
