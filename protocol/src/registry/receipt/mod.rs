//! Receipts: [C2SP tlog-proof](https://c2sp.org/tlog-proof) texts that show, offline and for ever, that a record is on
//! the ledger.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::checkpoint::{CheckpointError, Committees, UnverifiedCheckpoint, VerifiedCheckpoint};
use super::merkle::{PROOF_HASHES_MAX, ProofError, TreeHash, verify_inclusion};
use super::note::NOTE_BYTES_MAX;
use super::record::{Record, RecordError, UnverifiedRecord};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Extra data is read past; more of it is refused.
const EXTRA_CHARACTERS_MAX: usize = 4096;

/// No receipt is longer.
pub const RECEIPT_BYTES_MAX: usize = NOTE_BYTES_MAX + 16 * 1024;

/// Why a receipt does not show that a record is on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Longer than [`RECEIPT_BYTES_MAX`].
    #[error("the receipt is too long")]
    TooLong,
    /// Not the text of a proof.
    #[error("the receipt is malformed")]
    Malformed,
    /// The record is not one of this network.
    #[error("the receipt's record is invalid")]
    Record(#[from] RecordError),
    /// The checkpoint is not one of this network.
    #[error("the receipt's checkpoint is invalid")]
    Checkpoint(#[from] CheckpointError),
    /// The record does not stand where the receipt says.
    #[error("the receipt's path does not lead from the record to the checkpoint")]
    Proof(#[from] ProofError),
}

/// A receipt as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedReceipt {
    index: u64,
    path: Vec<TreeHash>,
    checkpoint: UnverifiedCheckpoint,
}

impl UnverifiedReceipt {
    /// Reads the text of a receipt.
    ///
    /// # Errors
    ///
    /// Fails unless it has the form of a proof.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLong);
        }
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(ReceiptError::Malformed)?;
        let (index, path) = read_proof(proof).ok_or(ReceiptError::Malformed)?;
        Ok(Self {
            index,
            path,
            checkpoint: UnverifiedCheckpoint::parse(checkpoint.as_bytes())?,
        })
    }

    /// Where the record is said to stand.
    #[must_use]
    pub const fn dangerous_index(&self) -> u64 {
        self.index
    }

    /// Checks the record, the checkpoint and the path between them.
    ///
    /// # Errors
    ///
    /// Fails unless the record is signed by its author, a quorum of members signed the checkpoint, and the path leads
    /// from the record to it.
    pub fn verify(
        self,
        record: &[u8],
        committees: &Committees,
    ) -> Result<VerifiedEntry, ReceiptError> {
        let record = UnverifiedRecord::decode(record)?.verify(&committees.network())?;
        let checkpoint = self.checkpoint.verify(committees)?;
        verify_inclusion(
            &self.path,
            self.index,
            record.leaf_hash(),
            checkpoint.size(),
            checkpoint.root(),
        )?;
        Ok(VerifiedEntry {
            index: self.index,
            record,
            checkpoint,
        })
    }
}

/// A record that stands on the ledger, with the checkpoint that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEntry {
    index: u64,
    record: Record,
    checkpoint: VerifiedCheckpoint,
}

impl VerifiedEntry {
    /// Where it stands.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// The checkpoint of the receipt.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

/// Checks a receipt offline: with the record and the network's members alone.
///
/// # Errors
///
/// As [`UnverifiedReceipt::parse`] and [`UnverifiedReceipt::verify`].
pub fn verify_receipt(
    text: &str,
    record: &[u8],
    committees: &Committees,
) -> Result<VerifiedEntry, ReceiptError> {
    UnverifiedReceipt::parse(text)?.verify(record, committees)
}

/// Writes a receipt: index, path and the note of the checkpoint.
#[must_use]
pub fn write_receipt(index: u64, path: &[TreeHash], checkpoint: &str) -> String {
    let mut text = format!("{HEADER}\nindex {index}\n");
    for hash in path {
        writeln!(text, "{hash}").expect("writing to a string cannot fail");
    }
    text.push('\n');
    text.push_str(checkpoint);
    text
}

/// Reads the lines above the checkpoint, of which the last one has lost its newline.
fn read_proof(proof: &str) -> Option<(u64, Vec<TreeHash>)> {
    let mut lines = proof.split('\n');
    if lines.next()? != HEADER {
        return None;
    }
    let mut line = lines.next()?;
    if let Some(extra) = line.strip_prefix("extra ") {
        if extra.len() > EXTRA_CHARACTERS_MAX || BASE64_STANDARD.decode(extra).is_err() {
            return None;
        }
        line = lines.next()?;
    }
    let index = decimal(line.strip_prefix("index ")?)?;
    let path: Vec<TreeHash> = lines
        .take(PROOF_HASHES_MAX + 1)
        .map(TreeHash::from_base64)
        .collect::<Option<_>>()?;
    (path.len() <= PROOF_HASHES_MAX).then_some((index, path))
}

/// A decimal number in its one spelling.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n: &u64| n.to_string() == text)
}

#[cfg(test)]
mod tests;
