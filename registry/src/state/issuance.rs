//! Rules for what issuers record of their credentials: batches of anchors and status list versions.

use std::collections::BTreeSet;

use protocol::registry::record::{CredentialBatch, Record, StatusListVersion};
use protocol::registry::{
    ContentDigest, Issuer, KeyBytes, ListId, STATUS_LISTS_PER_ISSUER_MAX, StatusListEntry,
};

use super::{BlockContext, Rejection, State};

/// A status list of an issuer, which is named by its first record key: nobody can take the id of another one's list.
pub(super) type ListKey = (KeyBytes, ListId);

/// The latest version of a status list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusList {
    sequence: u64,
    digest: ContentDigest,
}

impl StatusList {
    pub(super) const fn new(sequence: u64, digest: ContentDigest) -> Self {
        Self { sequence, digest }
    }

    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) const fn digest(&self) -> ContentDigest {
        self.digest
    }

    pub(super) fn entry(&self, issuer: &Issuer, list: ListId) -> StatusListEntry {
        StatusListEntry {
            issuer: issuer.id.clone(),
            list,
            sequence: self.sequence,
            digest: self.digest,
        }
    }

    pub(super) fn has(&self, digest: &ContentDigest) -> bool {
        self.digest == *digest
    }
}

impl State<'_> {
    /// A batch comes from an issuer and is its next one.
    pub(super) fn credential_batch(
        &mut self,
        record: &Record,
        batch: &CredentialBatch,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let issuer = self.active_issuer_of(record, block)?;
        let next = self.find(|layer| layer.next_batches.get(&issuer)).copied();
        let next = next.unwrap_or(0);
        Rejection::unless_next(batch.sequence, next)?;
        self.next_batches.insert(issuer, next + 1);
        self.recent.batches.insert(index, *batch);
        Ok(())
    }

    /// Each version of an issuer's list is the next one. An issuer has a bounded number of lists, because every reader reads
    /// the document that names them all. Revocation does not end when an issuer is retired.
    pub(super) fn status_list_version(
        &mut self,
        record: &Record,
        version: &StatusListVersion,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let issuer = self.issuer_of(record, block)?.first_record_key();
        let list = (issuer, version.list);
        let next = match self.status_list(&list) {
            Some(latest) => latest.sequence + 1,
            None if self.lists_of(&issuer) >= STATUS_LISTS_PER_ISSUER_MAX => {
                return Err(Rejection::NotAuthorised);
            }
            None => 0,
        };
        Rejection::unless_next(version.sequence, next)?;
        let latest = StatusList {
            sequence: version.sequence,
            digest: version.digest,
        };
        self.status_lists.insert(list, latest);
        Ok(())
    }

    fn lists_of(&self, issuer: &KeyBytes) -> usize {
        let lists: BTreeSet<&ListId> = self
            .layers()
            .flat_map(|layer| layer.status_lists.keys())
            .filter(|(of, _list)| of == issuer)
            .map(|(_issuer, list)| list)
            .collect();
        lists.len()
    }
}
