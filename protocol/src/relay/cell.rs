//! Cells: a record, or nothing, under one layer of encryption for each node of a cascade.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::envelope::hpke::{HpkeError, RecipientKey, Sealed, seal};
use crate::registry::NetworkId;

/// What is sealed, for HPKE's `info`.
const PURPOSE: &[u8] = b"tegata relay cell/1";
/// An encapsulated key and a tag.
const LAYER_BYTES: usize = 32 + 16;
const ENC_BYTES: usize = 32;
const LENGTH_BYTES: usize = 2;
const CONTENT_BYTES: usize = 256;
/// The longest record that a cell carries; an outcome has 193 bytes.
pub const CONTENT_BYTES_MAX: usize = CONTENT_BYTES - LENGTH_BYTES;

/// Where a cell is opened: it opens nowhere else, so that it cannot be sent again to see what comes out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The slot.
    pub slot: u64,
    /// The position in the slot's cascade, from 0.
    pub hop: u8,
}

/// Why a cell is not made or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// The record has more than [`CONTENT_BYTES_MAX`] bytes, or none.
    #[error("a cell carries 1 to {CONTENT_BYTES_MAX} bytes, not {0}")]
    Length(usize),
    /// More nodes than have a place.
    #[error("a cascade has at most 255 nodes")]
    Cascade,
    /// It is not sealed to this key for this place, or the key is none.
    #[error("not a cell for this place")]
    Sealed(#[from] HpkeError),
    /// What is inside is not of the form of a cell's content.
    #[error("the cell's content is malformed")]
    Malformed,
}

/// How long a cell is while `layers` of its layers are left.
#[must_use]
pub const fn cell_bytes(layers: usize) -> usize {
    CONTENT_BYTES + layers * LAYER_BYTES
}

/// A cell for the nodes with these relay keys, the first to open it first. Without a record it is a dummy, which only the
/// last of them can tell from others.
///
/// `first` is where the first of the keys opens it.
pub fn seal_cell(
    network: &NetworkId,
    first: Place,
    keys: &[[u8; 32]],
    record: Option<&[u8]>,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, CellError> {
    let mut cell = content(record)?.to_vec();
    for (above, key) in keys.iter().enumerate().rev() {
        let hop = u8::try_from(above)
            .ok()
            .and_then(|above| first.hop.checked_add(above))
            .ok_or(CellError::Cascade)?;
        let place = Place { hop, ..first };
        let sealed = seal(key, &info(network), &aad(place), &cell, rng)?;
        cell = [sealed.enc.as_slice(), &sealed.ciphertext].concat();
    }
    Ok(cell)
}

/// Takes one layer off a cell.
pub fn open_cell(
    key: &RecipientKey,
    network: &NetworkId,
    place: Place,
    cell: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CellError> {
    let (enc, ciphertext) = cell
        .split_first_chunk::<ENC_BYTES>()
        .ok_or(CellError::Malformed)?;
    let sealed = Sealed {
        enc: *enc,
        ciphertext: ciphertext.to_vec(),
    };
    Ok(key.open(&info(network), &aad(place), &sealed)?)
}

/// The record in the content that is left when all layers are off; none in a dummy.
pub fn read_content(content: &[u8]) -> Result<Option<&[u8]>, CellError> {
    if content.len() != CONTENT_BYTES {
        return Err(CellError::Malformed);
    }
    let (length, rest) = content
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(CellError::Malformed)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (record, padding) = rest.split_at_checked(length).ok_or(CellError::Malformed)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(CellError::Malformed);
    }
    Ok((length > 0).then_some(record))
}

fn content(record: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, CellError> {
    let record = match record {
        None => &[],
        Some(record) if (1..=CONTENT_BYTES_MAX).contains(&record.len()) => record,
        Some(record) => return Err(CellError::Length(record.len())),
    };
    let length = u16::try_from(record.len()).map_err(|_| CellError::Length(record.len()))?;
    let mut content = Zeroizing::new(Vec::with_capacity(CONTENT_BYTES));
    content.extend_from_slice(&length.to_be_bytes());
    content.extend_from_slice(record);
    content.resize(CONTENT_BYTES, 0);
    Ok(content)
}

fn info(network: &NetworkId) -> Vec<u8> {
    [PURPOSE, network.as_bytes()].concat()
}

fn aad(place: Place) -> [u8; 9] {
    let mut aad = [0; 9];
    let (slot, hop) = aad.split_at_mut(8);
    slot.copy_from_slice(&place.slot.to_be_bytes());
    hop.copy_from_slice(&[place.hop]);
    aad
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    const NETWORK: NetworkId = NetworkId::from_bytes([7; 32]);
    const FIRST: Place = Place {
        slot: 1_000,
        hop: 0,
    };

    fn keys() -> Vec<RecipientKey> {
        (1..=3)
            .map(|n| RecipientKey::from_secret(&[n; 32]))
            .collect()
    }

    fn sealed(record: Option<&[u8]>, seed: u64) -> Vec<u8> {
        let public: Vec<[u8; 32]> = keys().iter().map(RecipientKey::public_key).collect();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        seal_cell(&NETWORK, FIRST, &public, record, &mut rng).unwrap()
    }

    fn opened(mut cell: Vec<u8>) -> Vec<u8> {
        for (hop, key) in (0..).zip(keys()) {
            let place = Place { hop, ..FIRST };
            cell = open_cell(&key, &NETWORK, place, &cell).unwrap().to_vec();
        }
        cell
    }

    #[test]
    fn a_record_comes_out_when_all_layers_are_off() {
        let longest = [1; CONTENT_BYTES_MAX];
        for record in [&b"r"[..], &[0, 0], &longest] {
            let content = opened(sealed(Some(record), 1));
            assert_eq!(read_content(&content), Ok(Some(record)));
        }
        assert_eq!(read_content(&opened(sealed(None, 1))), Ok(None));
    }

    #[test]
    fn a_dummy_has_the_size_of_a_record_at_every_node() {
        let (mut dummy, mut real) = (sealed(None, 1), sealed(Some(&[9; 193]), 2));
        for (hop, key) in (0..).zip(keys()) {
            let layers = 3 - usize::from(hop);
            assert_eq!(
                (dummy.len(), real.len()),
                (cell_bytes(layers), cell_bytes(layers))
            );
            let place = Place { hop, ..FIRST };
            dummy = open_cell(&key, &NETWORK, place, &dummy).unwrap().to_vec();
            real = open_cell(&key, &NETWORK, place, &real).unwrap().to_vec();
        }
        assert_eq!((dummy.len(), real.len()), (cell_bytes(0), cell_bytes(0)));
    }

    #[test]
    fn a_cell_opens_in_its_slot_at_its_place_in_its_network_only() {
        let cell = sealed(Some(b"record"), 1);
        let [first, second, _] = &keys()[..] else {
            panic!("three keys")
        };
        assert!(open_cell(first, &NETWORK, FIRST, &cell).is_ok());
        let refused = |key, network: &NetworkId, place| {
            matches!(
                open_cell(key, network, place, &cell),
                Err(CellError::Sealed(_))
            )
        };
        assert!(refused(
            first,
            &NETWORK,
            Place {
                slot: 1_001,
                hop: 0
            }
        ));
        assert!(refused(
            first,
            &NETWORK,
            Place {
                slot: 1_000,
                hop: 1
            }
        ));
        assert!(refused(first, &NetworkId::from_bytes([8; 32]), FIRST));
        assert!(refused(second, &NETWORK, FIRST));
        assert_eq!(
            open_cell(first, &NETWORK, FIRST, &cell[..20]),
            Err(CellError::Malformed)
        );
    }

    #[test]
    fn a_cell_with_any_byte_changed_is_refused() {
        let cell = sealed(Some(b"record"), 1);
        let key = &keys()[0];
        for position in 0..cell.len() {
            let mut changed = cell.clone();
            changed[position] ^= 1;
            assert!(
                open_cell(key, &NETWORK, FIRST, &changed).is_err(),
                "{position}"
            );
        }
    }

    #[test]
    fn a_record_that_is_too_long_makes_no_cell() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for length in [0, CONTENT_BYTES_MAX + 1] {
            let record = vec![1; length];
            assert_eq!(
                seal_cell(&NETWORK, FIRST, &[], Some(&record), &mut rng),
                Err(CellError::Length(length))
            );
        }
    }

    #[test]
    fn content_of_another_form_is_refused() {
        let mut too_long = [0; CONTENT_BYTES];
        too_long[..2].copy_from_slice(&255_u16.to_be_bytes());
        let mut not_padded = [0; CONTENT_BYTES];
        not_padded[CONTENT_BYTES - 1] = 1;
        for content in [&[][..], &[0; CONTENT_BYTES - 1], &too_long, &not_padded] {
            assert_eq!(read_content(content), Err(CellError::Malformed));
        }
    }
}
