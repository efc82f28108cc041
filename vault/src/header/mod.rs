//! The header: who may open the vault, and nothing that helps to guess.
//!
//! `magic 8 ‖ format u16 ‖ vault id 16 ‖ slot count u8 ‖ slots ‖ HMAC 32 ‖ SHA-256 32`, all integers big-endian. The checksum is verified
//! and every bound is checked before any derivation runs, so a damaged or hostile header costs nothing. The HMAC, under a key
//! derived from the master key, notices removed or altered slots.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::kdf::KdfCost;
use crate::keys::{Key, VaultId};
use crate::reader::Reader;
use crate::unlock::{NewSlot, Unlock};

const MAGIC: [u8; 8] = *b"TGTVAULT";
const FORMAT: u16 = 1;
const SLOTS_MAX: u8 = 8;
const SLOT_BYTES: usize = 1 + 12 + 16 + 2 * (24 + 48);
/// No header is longer than this.
pub(crate) const HEADER_BYTES_MAX: usize = 8 + 2 + 16 + 1 + SLOTS_MAX as usize * SLOT_BYTES + 64;

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Not the header of a vault, or damaged.
    #[error("the header of the vault is damaged")]
    Damaged,
    /// A format that this program does not know.
    #[error("the vault has format {0}, which this program does not know")]
    Format(u16),
    /// A key derivation beyond what this program is willing to run.
    #[error("the header asks for a key derivation out of bounds")]
    Cost,
    /// The slots are not those that the vault was closed with.
    #[error("the slots of the vault were altered")]
    Altered,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SlotKind {
    Passphrase(KdfCost),
    RecoveryCode,
    KeyFile,
}

/// One way to open the vault: the master key and the sensitive key, each wrapped.
#[derive(Clone, PartialEq, Eq)]
struct Slot {
    kind: SlotKind,
    salt: [u8; 16],
    master: Wrapped,
    sensitive: Wrapped,
}

#[derive(Clone, PartialEq, Eq)]
struct Wrapped {
    nonce: [u8; 24],
    ciphertext: [u8; 48],
}

/// A header whose form is right and whose bounds hold.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) vault: VaultId,
    slots: Vec<Slot>,
    tag: [u8; 32],
}

/// Which of the two wrapped keys of a slot.
#[derive(Clone, Copy)]
enum Use {
    Master,
    Sensitive,
}

impl Use {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Master => b"tegata/vault/1/wrap-master",
            Self::Sensitive => b"tegata/vault/1/wrap-sensitive",
        }
    }
}

impl Header {
    /// A header for a new vault, with one slot for each of `slots`.
    pub(crate) fn new(
        master: &Key,
        sensitive: &Key,
        slots: &[NewSlot<'_>],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let mut header = Self {
            vault: VaultId(id),
            slots: Vec::new(),
            tag: [0; 32],
        };
        for slot in slots.iter().take(usize::from(SLOTS_MAX)) {
            let sealed = Slot::seal(slot, header.vault, master, sensitive, rng);
            header.slots.push(sealed);
        }
        header.authenticate(master);
        header
    }

    /// The same vault with its passphrase slots replaced by one for `slot`.
    pub(crate) fn with_passphrase(
        &self,
        slot: &NewSlot<'_>,
        master: &Key,
        sensitive: &Key,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut header = self.clone();
        header
            .slots
            .retain(|slot| !matches!(slot.kind, SlotKind::Passphrase(_)));
        header
            .slots
            .push(Slot::seal(slot, self.vault, master, sensitive, rng));
        header.authenticate(master);
        header
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (body, checksum) = bytes.split_last_chunk::<32>().ok_or(HeaderError::Damaged)?;
        let expected: [u8; 32] = Sha256::digest(body).into();
        if expected.ct_ne(checksum).into() {
            return Err(HeaderError::Damaged);
        }
        let mut reader = Reader::new(body);
        if reader.array() != Some(MAGIC) {
            return Err(HeaderError::Damaged);
        }
        let format = reader.u16().ok_or(HeaderError::Damaged)?;
        if format != FORMAT {
            return Err(HeaderError::Format(format));
        }
        let vault = VaultId(reader.array().ok_or(HeaderError::Damaged)?);
        let count = reader.byte().ok_or(HeaderError::Damaged)?;
        if !(1..=SLOTS_MAX).contains(&count) {
            return Err(HeaderError::Damaged);
        }
        let slots = (0..count)
            .map(|_| Slot::parse(&mut reader))
            .collect::<Result<Vec<_>, _>>()?;
        let tag = reader.array().ok_or(HeaderError::Damaged)?;
        if !reader.is_empty() {
            return Err(HeaderError::Damaged);
        }
        Ok(Self { vault, slots, tag })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.body();
        bytes.extend_from_slice(&self.tag);
        let checksum: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// The master key, or nothing if `unlock` opens no slot.
    pub(crate) fn master(&self, unlock: &Unlock<'_>) -> Result<Option<Key>, HeaderError> {
        let Some(master) = self.unwrap(unlock, Use::Master) else {
            return Ok(None);
        };
        let confirmed = header_key(&master, self.vault).confirms(&[&self.body()], &self.tag);
        confirmed
            .then_some(Some(master))
            .ok_or(HeaderError::Altered)
    }

    /// The key of the sensitive kinds, or nothing if `unlock` opens no slot.
    pub(crate) fn sensitive(&self, unlock: &Unlock<'_>) -> Option<Key> {
        self.unwrap(unlock, Use::Sensitive)
    }

    fn unwrap(&self, unlock: &Unlock<'_>, usage: Use) -> Option<Key> {
        self.slots.iter().find_map(|slot| {
            let key = slot.wrapping_key(unlock, self.vault)?;
            slot.unwrap(&key, self.vault, usage)
        })
    }

    fn authenticate(&mut self, master: &Key) {
        self.tag = header_key(master, self.vault).mac(&[&self.body()]);
    }

    fn body(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES_MAX);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&self.vault.0);
        let count = u8::try_from(self.slots.len()).expect("a header has at most eight slots");
        bytes.push(count);
        for slot in &self.slots {
            bytes.extend_from_slice(&slot.description());
            for wrapped in [&slot.master, &slot.sensitive] {
                bytes.extend_from_slice(&wrapped.nonce);
                bytes.extend_from_slice(&wrapped.ciphertext);
            }
        }
        bytes
    }
}

fn header_key(master: &Key, vault: VaultId) -> Key {
    master.derive(vault, &[b"tegata/vault/1/header"])
}

impl Slot {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, HeaderError> {
        let tag = reader.byte().ok_or(HeaderError::Damaged)?;
        let cost = (|| Some((reader.u32()?, reader.u32()?, reader.u32()?)))();
        let kind = match (tag, cost.ok_or(HeaderError::Damaged)?) {
            (1, (memory, passes, lanes)) => SlotKind::Passphrase(
                KdfCost::within_cap(memory, passes, lanes).ok_or(HeaderError::Cost)?,
            ),
            (2, (0, 0, 0)) => SlotKind::RecoveryCode,
            (3, (0, 0, 0)) => SlotKind::KeyFile,
            _ => return Err(HeaderError::Damaged),
        };
        Self::parse_keys(kind, reader).ok_or(HeaderError::Damaged)
    }

    fn parse_keys(kind: SlotKind, reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            kind,
            salt: reader.array()?,
            master: Wrapped::parse(reader)?,
            sensitive: Wrapped::parse(reader)?,
        })
    }

    fn seal(
        new: &NewSlot<'_>,
        vault: VaultId,
        master: &Key,
        sensitive: &Key,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let (kind, unlock) = match new {
            NewSlot::Passphrase(passphrase, cost) => {
                (SlotKind::Passphrase(*cost), Unlock::Passphrase(passphrase))
            }
            NewSlot::RecoveryCode(code) => (SlotKind::RecoveryCode, Unlock::RecoveryCode(code)),
            NewSlot::KeyFile(key) => (SlotKind::KeyFile, Unlock::KeyFile(key)),
        };
        let mut slot = Self {
            kind,
            salt: [0; 16],
            master: Wrapped::empty(),
            sensitive: Wrapped::empty(),
        };
        rng.fill_bytes(&mut slot.salt);
        let key = slot
            .wrapping_key(&unlock, vault)
            .expect("the slot was made for this secret");
        slot.master = slot.wrap(&key, vault, Use::Master, master, rng);
        slot.sensitive = slot.wrap(&key, vault, Use::Sensitive, sensitive, rng);
        slot
    }

    /// The key that wraps this slot's keys, if `unlock` is a secret of this slot's kind.
    fn wrapping_key(&self, unlock: &Unlock<'_>, vault: VaultId) -> Option<Key> {
        let secret: Zeroizing<Vec<u8>> = match (self.kind, unlock) {
            (SlotKind::Passphrase(cost), Unlock::Passphrase(passphrase)) => {
                let derived = cost.derive(passphrase.bytes(), &self.salt);
                Zeroizing::new(derived.to_vec())
            }
            (SlotKind::RecoveryCode, Unlock::RecoveryCode(code)) => {
                Zeroizing::new(code.bytes().to_vec())
            }
            (SlotKind::KeyFile, Unlock::KeyFile(key)) => Zeroizing::new(key.bytes().to_vec()),
            (SlotKind::Passphrase(_) | SlotKind::RecoveryCode | SlotKind::KeyFile, _) => {
                return None;
            }
        };
        let extracted = hkdf::Hkdf::<Sha256>::new(Some(&self.salt), &secret);
        let mut key = Zeroizing::new([0; 32]);
        extracted
            .expand_multi_info(&[b"tegata/vault/1/slot", &vault.0], key.as_mut())
            .expect("32 bytes are a valid length for HKDF-SHA256");
        Some(Key::from_bytes(key))
    }

    fn wrap(
        &self,
        key: &Key,
        vault: VaultId,
        usage: Use,
        content: &Key,
        rng: &mut impl CryptoRng,
    ) -> Wrapped {
        let mut wrapped = Wrapped::empty();
        rng.fill_bytes(&mut wrapped.nonce);
        let aad = self.aad(vault, usage);
        let sealed = Self::cipher(key, usage, vault)
            .encrypt(
                &XNonce::from(wrapped.nonce),
                Payload {
                    msg: content.bytes(),
                    aad: &aad,
                },
            )
            .expect("32 bytes can be encrypted");
        wrapped.ciphertext = *sealed
            .first_chunk()
            .expect("32 bytes and the tag of 16 bytes are 48 bytes");
        wrapped
    }

    fn unwrap(&self, key: &Key, vault: VaultId, usage: Use) -> Option<Key> {
        let wrapped = match usage {
            Use::Master => &self.master,
            Use::Sensitive => &self.sensitive,
        };
        let aad = self.aad(vault, usage);
        let payload = Payload {
            msg: &wrapped.ciphertext,
            aad: &aad,
        };
        let opened = Self::cipher(key, usage, vault).decrypt(&XNonce::from(wrapped.nonce), payload);
        let opened = Zeroizing::new(opened.ok()?);
        Some(Key::from_bytes(Zeroizing::new(*opened.first_chunk()?)))
    }

    fn cipher(key: &Key, usage: Use, vault: VaultId) -> XChaCha20Poly1305 {
        let key = key.derive(vault, &[usage.label()]);
        XChaCha20Poly1305::new_from_slice(key.bytes()).expect("the key has 32 bytes")
    }

    fn aad(&self, vault: VaultId, usage: Use) -> Vec<u8> {
        [usage.label(), &vault.0, &self.description()].concat()
    }

    fn description(&self) -> [u8; 29] {
        let (tag, cost) = match self.kind {
            SlotKind::Passphrase(cost) => (1, cost.to_bytes()),
            SlotKind::RecoveryCode => (2, [0; 12]),
            SlotKind::KeyFile => (3, [0; 12]),
        };
        let mut bytes = [0; 29];
        let parts = std::iter::once(tag).chain(cost).chain(self.salt);
        for (place, value) in bytes.iter_mut().zip(parts) {
            *place = value;
        }
        bytes
    }
}

impl Wrapped {
    fn empty() -> Self {
        Self {
            nonce: [0; 24],
            ciphertext: [0; 48],
        }
    }

    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            nonce: reader.array()?,
            ciphertext: reader.array()?,
        })
    }
}

#[cfg(test)]
mod tests;
