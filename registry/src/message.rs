//! What nodes tell each other through the gossip channel: one byte says what follows.

use bytes::Bytes;
use protocol::registry::{note::NOTE_BYTES_MAX, record::RECORD_BYTES_MAX};
use registry_consensus::GOSSIP_BYTES_MAX;

const RECORD: u8 = 1;
const CHECKPOINT: u8 = 2;
const WANTED: u8 = 3;
const CELL: u8 = 16;

/// What is taken from anybody can be told to the others.
const _: () = assert!(RECORD_BYTES_MAX < GOSSIP_BYTES_MAX && NOTE_BYTES_MAX < GOSSIP_BYTES_MAX);

/// A message between nodes, not yet trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A record that was submitted to the sender.
    Record(Bytes),
    /// A checkpoint with the signatures that the sender has.
    Checkpoint(Bytes),
    /// The height of a handover whose signatures the sender lacks.
    Wanted(u64),
    /// A cell on its way through a cascade.
    Cell(Bytes),
}

impl Message {
    pub(crate) fn encode(&self) -> Bytes {
        let height;
        let (kind, content) = match self {
            Self::Record(record) => (RECORD, record.as_ref()),
            Self::Checkpoint(note) => (CHECKPOINT, note.as_ref()),
            Self::Wanted(wanted) => {
                height = wanted.to_be_bytes();
                (WANTED, height.as_slice())
            }
            Self::Cell(cell) => (CELL, cell.as_ref()),
        };
        [&[kind], content].concat().into()
    }

    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        let content = || bytes.slice(1..);
        match *bytes.first()? {
            RECORD => Some(Self::Record(content())),
            CHECKPOINT => Some(Self::Checkpoint(content())),
            WANTED => {
                let height = bytes.get(1..)?.try_into().ok()?;
                Some(Self::Wanted(u64::from_be_bytes(height)))
            }
            CELL => Some(Self::Cell(content())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_encoding() {
        for message in [
            Message::Record(Bytes::from_static(b"record")),
            Message::Checkpoint(Bytes::from_static(b"note")),
            Message::Wanted(7),
            Message::Cell(Bytes::from_static(b"cell")),
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn the_longest_records_and_notes_can_be_told() {
        let record = Message::Record(vec![0; RECORD_BYTES_MAX].into());
        let note = Message::Checkpoint(vec![0; NOTE_BYTES_MAX].into());
        for message in [record, note] {
            assert!(message.encode().len() <= GOSSIP_BYTES_MAX);
        }
    }

    #[test]
    fn neg_l09_messages_of_other_kinds_are_not_understood() {
        assert_eq!(Message::decode(&Bytes::new()), None);
        assert_eq!(Message::decode(&Bytes::from_static(&[0, 1])), None);
        assert_eq!(Message::decode(&Bytes::from_static(&[4])), None);
        assert_eq!(Message::decode(&Bytes::from_static(&[3, 1])), None);
    }
}
