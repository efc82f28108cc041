//! A reader that knows only the genesis file: it follows the members through the log, and believes no smaller ledger.

use crate::lock;
use protocol::registry::{
    TrustedParties,
    checkpoint::{Committees, Handover, VerifiedCheckpoint},
    merkle::TreeHash,
    receipt::{ReceiptError, VerifiedEntry, verify_receipt},
};
use registry::cosigning::Cosigned;
use std::sync::{Arc, Mutex};

/// What is known of the members, and the newest checkpoint; clones are the same reader.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Mutex<Known>>);

struct Known {
    committees: Committees,
    newest: Option<VerifiedCheckpoint>,
    oldest: Option<VerifiedCheckpoint>,
}

impl Reader {
    pub(crate) fn new(committees: &Committees) -> Self {
        Self(Arc::new(Mutex::new(Known {
            committees: committees.clone(),
            newest: None,
            oldest: None,
        })))
    }

    pub(crate) fn committees(&self) -> Committees {
        lock(&self.0).committees.clone()
    }

    /// Learns from what a node shows who signs; what it shows, if it holds.
    pub(crate) fn follow(&self, shown: &Cosigned) -> Option<TrustedParties> {
        let handover = Handover {
            checkpoint: shown.checkpoint.as_note().to_owned(),
            document: shown.document.to_string(),
        };
        let checkpoint = lock(&self.0).committees.follow(&handover).ok()?;
        TrustedParties::verify(&shown.document, &checkpoint).ok()
    }

    pub(crate) fn verify(
        &self,
        receipt: &str,
        record: &[u8],
    ) -> Result<VerifiedEntry, ReceiptError> {
        verify_receipt(receipt, record, &lock(&self.0).committees)
    }

    /// The ledger that the next one has to extend.
    pub(crate) fn newest(&self) -> Option<VerifiedCheckpoint> {
        lock(&self.0).newest.clone()
    }

    /// The first ledger that was seen.
    pub(crate) fn oldest(&self) -> Option<VerifiedCheckpoint> {
        lock(&self.0).oldest.clone()
    }

    /// Takes a ledger that extends the newest one; says what is wrong if it thereby went back.
    pub(crate) fn admit(
        &self,
        seen: &VerifiedCheckpoint,
        proof: &[TreeHash],
    ) -> Result<(), String> {
        let mut known = lock(&self.0);
        let before = known.newest.as_ref();
        if before.is_some_and(|newest| seen.verify_extends(newest, proof).is_err()) {
            return Ok(());
        }
        let size = before.map_or(0, VerifiedCheckpoint::size);
        if seen.size() < size {
            return Err(format!(
                "N7: a reader went back from {size} to {}",
                seen.size()
            ));
        }
        known.oldest.get_or_insert_with(|| seen.clone());
        known.newest = Some(seen.clone());
        Ok(())
    }
}
