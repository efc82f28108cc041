//! Status lists: fetched whole from the registry's mirrors by the digest on the ledger, never from an issuer.
//!
//! Keys: kind `status-list`, id the list id in hex: what was seen of it, so that after a restart no older list is accepted.
//! The lists themselves stay in memory.

pub(crate) mod monitor;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::Timestamp;
use protocol::credential::IssuerVerification;
use protocol::registry::{Issuer, ListId, TrustedParties};
use protocol::status::{
    SeenStatusList, Status, StatusBits, StatusListExpectation, StatusReference,
    UnverifiedStatusListToken, VerifiedStatusList,
};
use serde::{Deserialize, Serialize};
use vault::{Kind, Vault};

use crate::registry::Registry;
use crate::store::{self, StoreError};

const SEEN: Kind = Kind::ordinary("status-list");

/// Lists in memory; a credential of any other list is refused until one is given up.
const LISTS_MAX: usize = 256;

/// The newest lists that were read.
#[derive(Default)]
pub(crate) struct StatusLists {
    lists: RwLock<BTreeMap<ListId, Arc<VerifiedStatusList>>>,
}

/// Nothing can be said about a credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusUnavailable {
    /// The registry names no such list.
    #[error("the registry names no such status list")]
    Unlisted,
    /// The list could not be fetched or is not acceptable.
    #[error("the status list is not to be had")]
    List,
    /// The vault failed.
    #[error("what was seen of the status list cannot be read or kept")]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    issued_at: Timestamp,
    bits: u8,
}

impl StatusLists {
    /// The status of a credential by the newest list on the ledger. A list that is not at hand is fetched; what cannot be
    /// had says nothing, and nothing is never taken for valid.
    pub(crate) async fn status(
        &self,
        reference: &StatusReference,
        issuer: &Issuer,
        sources: &Sources<'_>,
        now: Timestamp,
    ) -> Result<Status, StatusUnavailable> {
        let list = self.newest(reference.uri(), issuer, sources, now).await?;
        list.status(reference.idx())
            .map_err(|_| StatusUnavailable::List)
    }

    async fn newest(
        &self,
        uri: &str,
        issuer: &Issuer,
        sources: &Sources<'_>,
        now: Timestamp,
    ) -> Result<Arc<VerifiedStatusList>, StatusUnavailable> {
        let entry = sources
            .trusted
            .status_list(issuer.id.as_str(), uri)
            .ok_or(StatusUnavailable::Unlisted)?;
        let at_hand = self.at_hand(entry.list).filter(|list| {
            list.digest() == *entry.digest.as_bytes()
                && list.expires().is_none_or(|expires| now < expires)
        });
        if let Some(list) = at_hand {
            return Ok(list);
        }
        let token = sources
            .registry
            .status_list(&entry.digest)
            .await
            .map_err(|error| {
                tracing::warn!(%error, "status list not fetched");
                StatusUnavailable::List
            })?;
        self.read(&token, uri, issuer, sources.vault, now)
    }

    /// Takes a token in, if it is the issuer's, current, and no older than what was seen.
    pub(crate) fn read(
        &self,
        token: &str,
        uri: &str,
        issuer: &Issuer,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Arc<VerifiedStatusList>, StatusUnavailable> {
        let id = ListId::of_uri(uri);
        let mut expected = StatusListExpectation::new(uri);
        if let Some(seen) = seen(vault, id)? {
            expected = expected.after(seen);
        }
        let issuer = IssuerVerification::registered(issuer).map_err(|_| StatusUnavailable::List)?;
        let list = UnverifiedStatusListToken::parse(token)
            .and_then(|token| token.verify(&issuer, &expected, now))
            .map_err(|error| {
                tracing::warn!(%error, "status list refused");
                StatusUnavailable::List
            })?;
        let seen = list.seen();
        let kept = Seen {
            issued_at: seen.issued_at,
            bits: seen.bits.number(),
        };
        store::put(vault, SEEN, &id.to_string(), &kept)?;
        let list = Arc::new(list);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= LISTS_MAX && !lists.contains_key(&id) {
            return Err(StatusUnavailable::List);
        }
        lists.insert(id, Arc::clone(&list));
        Ok(list)
    }

    fn at_hand(&self, id: ListId) -> Option<Arc<VerifiedStatusList>> {
        self.lists
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }
}

/// Where lists come from, and where what was seen of them is kept.
pub(crate) struct Sources<'a> {
    pub(crate) trusted: &'a TrustedParties,
    pub(crate) registry: &'a Registry,
    pub(crate) vault: &'a Vault,
}

fn seen(vault: &Vault, id: ListId) -> Result<Option<SeenStatusList>, StoreError> {
    let stored = store::read::<Seen>(vault, SEEN, &id.to_string())?;
    Ok(stored.and_then(|stored| {
        let bits = StatusBits::from_number(stored.value.bits.into())?;
        Some(SeenStatusList {
            issued_at: stored.value.issued_at,
            bits,
        })
    }))
}
