//! A cell between two nodes: `slot (8) ‖ hop (1) ‖ total (2) ‖ cell`, numbers big-endian.

use bytes::{BufMut as _, Bytes, BytesMut};
use protocol::relay::Place;

const HEAD_BYTES: usize = 8 + 1 + 2;

/// A cell, and how many of them the sender sends for the same place.
#[derive(Clone, PartialEq, Eq)]
pub struct CellMessage {
    /// Where it is opened.
    pub place: Place,
    /// Cells of this sender for this place.
    pub total: usize,
    /// The cell.
    pub cell: Vec<u8>,
}

impl CellMessage {
    pub(super) const fn new(place: Place, total: usize, cell: Vec<u8>) -> Self {
        Self { place, total, cell }
    }

    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEAD_BYTES + self.cell.len());
        bytes.put_u64(self.place.slot);
        bytes.put_u8(self.place.hop);
        // 64 members with 8 cells each fit.
        bytes.put_u16(u16::try_from(self.total).unwrap_or(u16::MAX));
        bytes.put_slice(&self.cell);
        bytes.freeze()
    }

    /// Reads what [`CellMessage::encode`] writes; whether it is acceptable is for the relay to say.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (slot, rest) = bytes.split_first_chunk::<8>()?;
        let (hop, rest) = rest.split_first()?;
        let (total, cell) = rest.split_first_chunk::<2>()?;
        Some(Self {
            place: Place {
                slot: u64::from_be_bytes(*slot),
                hop: *hop,
            },
            total: usize::from(u16::from_be_bytes(*total)),
            cell: cell.to_vec(),
        })
    }
}

impl std::fmt::Debug for CellMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "CellMessage({:?}, {} bytes)",
            self.place,
            self.cell.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_message_survives_encoding() {
        let message = CellMessage::new(Place { slot: 9, hop: 2 }, 56, vec![1, 2, 3]);
        assert_eq!(CellMessage::decode(&message.encode()), Some(message));
    }

    #[test]
    fn neg_l09_a_head_that_is_cut_off_is_no_cell() {
        let message = CellMessage::new(Place { slot: 9, hop: 2 }, 56, Vec::new()).encode();
        for length in 0..HEAD_BYTES {
            assert_eq!(CellMessage::decode(&message[..length]), None);
        }
        assert!(CellMessage::decode(&message).is_some());
    }
}
