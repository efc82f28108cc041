//! Which instance answers a query, and with which claims.

use protocol::Timestamp;
use protocol::credential::{ClaimPath, VerifiedCredential};
use protocol::presentation::dcql::{
    Candidate, CredentialQuery, FORMAT_SD_JWT_VC, HolderBinding, authority_key_ids,
};

use super::PresentError;
use crate::instance::{StoredInstance, Usage};
use crate::network::Network;

/// An instance that can answer, and what it would give.
pub(super) struct Chosen {
    pub(super) stored: StoredInstance,
    pub(super) credential: VerifiedCredential,
    pub(super) paths: Vec<ClaimPath>,
    /// How many others are left.
    pub(super) left: usize,
}

/// The first instance that is unspent, anchored, valid now, and has what the query asks.
///
/// With `spent_for`, the instance that is spent for that presentation already: an interrupted command goes on with it.
pub(super) fn choose(
    instances: Vec<StoredInstance>,
    query: &CredentialQuery,
    network: &Network,
    now: Timestamp,
    spent_for: Option<&str>,
) -> Result<Chosen, PresentError> {
    let usable = |stored: &StoredInstance| match &stored.instance.usage {
        Usage::Unspent => spent_for.is_none(),
        Usage::Spent { presentation } => spent_for == Some(presentation),
    };
    let (candidates, _others): (Vec<_>, Vec<_>) = instances.into_iter().partition(usable);
    if candidates.is_empty() {
        return Err(PresentError::NoInstance);
    }
    let (anchored, waiting): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|stored| stored.instance.anchor().is_some());
    let left = (anchored.len() + waiting.len()).saturating_sub(1);
    let mut nothing_fits = false;
    for stored in anchored {
        let issuer = network.issuer(Some(&stored.instance.issuer))?;
        // An expired credential, or one whose issuer lost its certificate, is not offered.
        let Ok(credential) = stored.instance.verify(issuer, now) else {
            nothing_fits = true;
            continue;
        };
        let anchors = issuer.trust_anchors.iter().map(|anchor| anchor.as_der());
        let candidate = Candidate {
            format: FORMAT_SD_JWT_VC,
            vct: credential.vct(),
            claims: credential.claims(),
            binding: HolderBinding::Bound,
            authority_key_ids: &authority_key_ids(anchors),
        };
        match query.select(&candidate) {
            Ok(selection) => {
                return Ok(Chosen {
                    paths: selection.paths,
                    stored,
                    credential,
                    left,
                });
            }
            Err(_) => nothing_fits = true,
        }
    }
    if nothing_fits || waiting.is_empty() {
        Err(PresentError::NoMatch)
    } else {
        Err(PresentError::NotAnchored)
    }
}
