//! What the readers of peers' bytes must hold for any bytes at all (`registry/fuzz`).

use crate::block::{BLOCK_RECORDS_BYTES_MAX, BLOCK_RECORDS_MAX, Block};
use crate::gossip::{FRAME_MESSAGES_MAX, Frame, GOSSIP_BYTES_MAX};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};

/// A frame has one encoding and stays within its bounds. Says whether it is one.
///
/// # Panics
///
/// If not.
pub fn frame(data: &[u8]) -> bool {
    let frame = Frame::decode(Bytes::copy_from_slice(data));
    if let Ok(frame) = &frame {
        assert_eq!(frame.encode().as_ref(), data);
        let messages = frame.messages();
        assert!(!messages.is_empty() && messages.len() <= FRAME_MESSAGES_MAX);
        assert!(
            messages
                .iter()
                .all(|message| message.len() <= GOSSIP_BYTES_MAX)
        );
    }
    frame.is_ok()
}

/// A block has one encoding, so that its digest names it, and stays within its bounds. Says whether it is one.
///
/// # Panics
///
/// If not.
pub fn block(data: &[u8]) -> bool {
    let block = Block::decode(Bytes::copy_from_slice(data));
    if let Ok(block) = &block {
        assert_eq!(block.encode().as_ref(), data);
        let records = block.ordered().records;
        let bytes: usize = records.iter().map(Bytes::len).sum();
        assert!(records.len() <= BLOCK_RECORDS_MAX && bytes <= BLOCK_RECORDS_BYTES_MAX);
    }
    block.is_ok()
}
