//! Issuing: all proofs are checked before anything is consumed, and everything that is consumed is consumed at once.
//!
//! Keys: kind `holder-key`, id a keyed hash of the key's thumbprint; kind `issuance`, id a hash of the notification id.
//! Atomicity: nonces, holder keys, status list entries, anchors, the grant's count and the issuance are one transaction,
//! conditional on all of them being unused; the answer comes after it. Restart: instances whose answer was lost stay
//! consumed, their status list entries with them.

use protocol::{
    Timestamp,
    identity::PublicKey,
    issuance::{CredentialErrorCode, CredentialRequest, CredentialResponse, NotificationId},
    kyc::Process,
    registry::CaseId,
};
use serde::{Deserialize, Serialize};
use service::{bearer::Bearer, random};
use vault::{Changes, Kind};

use super::{
    content::{Content, ContentError},
    credential_key::CredentialKey,
    name,
    proof::{self, ProofsError, ProvenKeys},
    token::{GRANT, Grant},
};
use crate::{
    case::{self, CASE, Progress, StatusEntry},
    issuer::Issuer,
    registry::Lane,
    secret::Use,
    status::{self, AllocationError},
    store::{self, Attempt, Committed, SCHEMA, StoreError, Versioned},
};

const HOLDER_KEY: Kind = Kind::ordinary("holder-key");
/// Kind of the issuances.
pub(super) const ISSUANCE: Kind = Kind::ordinary("issuance");

/// What was issued in one answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issuance {
    pub(super) case: CaseId,
    /// The grant under which it was issued: its token admits to notifications.
    pub(super) grant: String,
    /// Names of the anchors.
    pub(crate) anchors: Vec<String>,
    pub(super) statuses: Vec<StatusEntry>,
    /// Whether the wallet has told what became of it.
    pub(super) notified: bool,
}

/// Why nothing is issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// No such token, or expired.
    #[error("the access token is not valid")]
    Unauthorized,
    /// No such configuration.
    #[error("there is no such configuration")]
    UnknownConfiguration,
    /// The proofs do not hold.
    #[error("the key proofs are refused")]
    Proofs(#[from] ProofsError),
    /// A key was bound to a credential before.
    #[error("a key was bound before")]
    KeyBound,
    /// More instances than the offer allows.
    #[error("no more instances may be issued")]
    Exhausted,
    /// The residence check is not on the registry yet.
    #[error("not all events are on the registry")]
    NotRecorded(CaseId),
    /// All status lists are full.
    #[error("no status list entry is free")]
    Allocation(#[from] AllocationError),
    /// A fault of ours.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

impl IssueError {
    /// The code of the answer, if the wallet is to blame.
    pub(super) const fn code(&self) -> Option<CredentialErrorCode> {
        match self {
            Self::UnknownConfiguration => Some(CredentialErrorCode::UnknownCredentialConfiguration),
            Self::Proofs(ProofsError::Nonce(_)) => Some(CredentialErrorCode::InvalidNonce),
            Self::Proofs(ProofsError::Store(_)) => None,
            Self::Proofs(ProofsError::Proof(_) | ProofsError::Did(_) | ProofsError::SameKey)
            | Self::KeyBound => Some(CredentialErrorCode::InvalidProof),
            Self::Exhausted => Some(CredentialErrorCode::CredentialRequestDenied),
            Self::Unauthorized
            | Self::NotRecorded(_)
            | Self::Allocation(_)
            | Self::Content(_)
            | Self::Store(_) => None,
        }
    }
}

/// The grant of an access token.
pub(super) fn authorize(
    issuer: &Issuer,
    token: &Bearer,
    now: Timestamp,
) -> Result<Versioned<Grant>, IssueError> {
    let grant = store::read::<Grant>(&issuer.vault, GRANT, &name(&token.hash()))?;
    grant
        .filter(|grant| grant.value.expires > now)
        .ok_or(IssueError::Unauthorized)
}

/// Issues one instance for each proof, or nothing.
pub(super) fn issue(
    issuer: &Issuer,
    token: &Bearer,
    request: &CredentialRequest,
    now: Timestamp,
) -> Result<CredentialResponse, IssueError> {
    authorize(issuer, token, now)?;
    let key = issuer
        .credential_keys
        .of_configuration(&request.credential_configuration_id)
        .ok_or(IssueError::UnknownConfiguration)?;
    let proven = proof::verify(issuer, &request.proofs, now)?;
    store::decide(|| attempt(issuer, token, key, &proven, now))
}

fn attempt(
    issuer: &Issuer,
    token: &Bearer,
    key: &CredentialKey,
    proven: &ProvenKeys,
    now: Timestamp,
) -> Result<Attempt<CredentialResponse>, IssueError> {
    let mut grant = authorize(issuer, token, now)?;
    let id = grant.value.case;
    let mut found = case::load(&issuer.vault, id)?.ok_or(IssueError::Unauthorized)?;
    if found.value.is_over() {
        return Err(IssueError::Unauthorized);
    }
    if !found.value.is_recorded() || found.value.check(Process::Residence).is_none() {
        return Err(IssueError::NotRecorded(id));
    }
    let remaining = grant.value.remaining.checked_sub(proven.keys.len());
    grant.value.remaining = remaining.ok_or(IssueError::Exhausted)?;
    let mut rng = random::os();
    let statuses = status::allocate(issuer, proven.keys.len(), &mut rng)?;
    let content = Content::open(issuer, token, &grant.value, &found.value, now)?;
    let credentials = content.sign(issuer, key, proven.keys.iter().zip(&statuses))?;

    let changes = proven
        .nonces
        .iter()
        .fold(Changes::new(), |changes, nonce| nonce.spend(changes));
    let changes = bind_keys(issuer, changes, &proven.keys)?;
    let changes = status::take(changes, &statuses);
    let hashes = credentials
        .iter()
        .map(|credential| credential.signing_input_hash);
    let anchored = hashes.zip(proven.keys.iter().map(PublicKey::thumbprint));
    let (changes, anchors) =
        issuer
            .anchors
            .queue(changes, anchored, issuer.config.anchor_spread, &mut rng)?;
    let notification = Bearer::generate(&mut rng);
    let grant_name = name(&token.hash());
    let issuance = Issuance {
        case: id,
        grant: grant_name.clone(),
        anchors,
        statuses: statuses.clone(),
        notified: false,
    };
    let changes = store::create(changes, ISSUANCE, &name(&notification.hash()), &issuance)?;
    found.value.statuses.extend(statuses);
    found.value.progress = Progress::Issued;
    let changes = store::replace(changes, GRANT, &grant_name, &grant)?;
    let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
    match issuer.commit(&changes)? {
        Committed::Conflict => recheck(issuer, proven).map(|()| Attempt::Again),
        Committed::Yes => {
            tracing::info!(case = %id, instances = credentials.len(), "credentials issued");
            Ok(Attempt::Done(CredentialResponse {
                credentials: credentials
                    .into_iter()
                    .map(|credential| credential.compact)
                    .collect(),
                notification_id: NotificationId::new(notification.reveal()).ok(),
            }))
        }
    }
}

/// After a conflict: somebody else may have used the nonce meanwhile. Everything else the next attempt sees by itself.
fn recheck(issuer: &Issuer, proven: &ProvenKeys) -> Result<(), IssueError> {
    for nonce in &proven.nonces {
        if nonce.is_spent(issuer)? {
            return Err(ProofsError::Nonce(super::nonce::NonceError).into());
        }
    }
    Ok(())
}

fn bind_keys(
    issuer: &Issuer,
    mut changes: Changes,
    keys: &[PublicKey],
) -> Result<Changes, IssueError> {
    for key in keys {
        let hash = issuer.secret.hash(Use::HolderKey, &[&key.thumbprint()]);
        let id: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if issuer
            .vault
            .get(HOLDER_KEY, &id)
            .map_err(StoreError::Read)?
            .is_some()
        {
            return Err(IssueError::KeyBound);
        }
        changes = changes
            .only_if_absent(HOLDER_KEY, &id)
            .put(HOLDER_KEY, &id, SCHEMA, b"");
    }
    Ok(changes)
}

/// Waits for what [`IssueError::NotRecorded`] misses.
pub(super) const fn lane(case: CaseId) -> Lane {
    Lane::Case(case)
}
