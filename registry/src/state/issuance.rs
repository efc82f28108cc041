//! Rules for what issuers record of their credentials: batches of anchors and status list versions.

use std::collections::BTreeSet;

use protocol::registry::record::{CredentialBatch, Record, StatusListVersion};
use protocol::registry::{
    ContentDigest, KeyBytes, ListId, STATUS_LISTS_PER_ISSUER_MAX, StatusListEntry,
};

use super::{Rejection, State};

/// The latest version of a status list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusList {
    issuer: KeyBytes,
    sequence: u64,
    digest: ContentDigest,
}

impl StatusList {
    pub(super) const fn entry(&self, list: ListId) -> StatusListEntry {
        StatusListEntry {
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
    ) -> Result<(), Rejection> {
        let issuer = self.issuer_of(record)?;
        let next = self.find(|layer| layer.next_batches.get(&issuer)).copied();
        let next = next.unwrap_or(0);
        Rejection::unless_next(batch.sequence, next)?;
        self.next_batches.insert(issuer, next + 1);
        self.batches.insert(index, *batch);
        Ok(())
    }

    /// A list belongs to the issuer that recorded its first version; each version is the next one. An issuer has a bounded
    /// number of lists, because every reader reads the document that names them all.
    pub(super) fn status_list_version(
        &mut self,
        record: &Record,
        version: &StatusListVersion,
    ) -> Result<(), Rejection> {
        let issuer = self.issuer_of(record)?;
        let next = match self.status_list(&version.list) {
            Some(latest) if latest.issuer != issuer => return Err(Rejection::NotAuthorised),
            Some(latest) => latest.sequence + 1,
            None if self.lists_of(&issuer) >= STATUS_LISTS_PER_ISSUER_MAX => {
                return Err(Rejection::NotAuthorised);
            }
            None => 0,
        };
        Rejection::unless_next(version.sequence, next)?;
        let latest = StatusList {
            issuer,
            sequence: version.sequence,
            digest: version.digest,
        };
        self.status_lists.insert(version.list, latest);
        let document = self.trusted_parties_document();
        self.trusted_parties = ContentDigest::of(document.as_bytes());
        Ok(())
    }

    fn lists_of(&self, issuer: &KeyBytes) -> usize {
        let lists: BTreeSet<&ListId> = self
            .layers()
            .flat_map(|layer| &layer.status_lists)
            .filter(|(_list, version)| version.issuer == *issuer)
            .map(|(list, _version)| list)
            .collect();
        lists.len()
    }
}
