//! Sessions: applications that were started and wait for a wallet.
//!
//! Keys: kind `session`, id the request id in the link; kind `accepted`, the same id once an answer was accepted; kind `result`,
//! id the result id that only the page that started knows. Both ids are 128 random bits and say nothing of each other. Atomicity: a session is consumed in the transaction that
//! stores the application, on the condition that nobody changed it since it was read; so one response at most is accepted,
//! before its result is released. The secrets of a session are gone with its consumption. Restart: a session that waits
//! still waits; one that was consumed stays consumed.

use protocol::Timestamp;
use protocol::application::CrsDeclaration;
use protocol::envelope::jwe::{DecryptionKey, KeyKind};
use protocol::identity::{Algorithm, SigningKey};
use protocol::presentation::{Nonce, State};
use protocol::registry::ApplicationId;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use vault::{Changes, Kind, Vault};

use crate::policy::Declaration;
use crate::secret::{Secret, random_id};
use crate::store::{self, StoreError, Versioned};

const SESSION: Kind = Kind::ordinary("session");
/// Sessions whose answer was accepted. They are as many as applications, and do not count among those that wait.
const ACCEPTED: Kind = Kind::ordinary("accepted");
const RESULT: Kind = Kind::ordinary("result");
/// An accepted session is remembered this long, so that the page learns its end. One that failed keeps its place among those
/// that wait, until it would have been over.
const REMEMBERED_SECONDS: u64 = 24 * 3_600;

/// A session in the vault.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// The id under which the page asks.
    pub(crate) result: String,
    pub(crate) expires: Timestamp,
    pub(crate) state: SessionState,
}

/// How a session stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionState {
    /// Nobody answered yet.
    Waiting(Box<Waiting>),
    /// An answer was accepted.
    Accepted(ApplicationId),
    /// The wallet reported this error.
    Failed(String),
}

/// What a waiting session needs for its answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    pub(crate) purpose: String,
    pub(crate) declaration: CrsDeclaration,
    /// Whether the request that was fetched last asked for a signed declaration.
    pub(crate) asked: Declaration,
    nonce: String,
    state: String,
    encryption_key: Secret,
    outcome_key: Secret,
}

impl Waiting {
    /// Fresh nonce, state and keys.
    pub(crate) fn new(
        purpose: String,
        declaration: CrsDeclaration,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self {
            purpose,
            declaration,
            asked: Declaration::Missing,
            nonce: Nonce::random(rng).as_str().to_owned(),
            state: State::random(rng).as_str().to_owned(),
            encryption_key: Secret::new(DecryptionKey::generate(KeyKind::P256, rng).secret()),
            outcome_key: Secret::new(SigningKey::generate(Algorithm::EdDsa, rng).secret()),
        }
    }

    pub(crate) fn nonce(&self) -> Nonce {
        Nonce::new(&self.nonce).expect("a nonce of ours is a good nonce")
    }

    pub(crate) fn state(&self) -> State {
        State::new(&self.state).expect("a state of ours is a good state")
    }

    pub(crate) fn encryption_key(&self) -> DecryptionKey {
        DecryptionKey::from_secret(KeyKind::P256, self.encryption_key.bytes())
            .expect("a key of ours is a good key")
    }

    pub(crate) fn outcome_key(&self) -> SigningKey {
        outcome_key(&self.outcome_key)
    }

    /// The public half of the outcome key, as it stands in the request and in the designation.
    pub(crate) fn outcome_public_key(&self) -> [u8; 32] {
        let key = self.outcome_key();
        key.public_key()
            .to_bytes()
            .try_into()
            .expect("an Ed25519 key has 32 bytes")
    }

    /// The outcome key, to go on with the application.
    pub(crate) fn into_outcome_key(self) -> Secret {
        self.outcome_key
    }
}

/// The Ed25519 key behind a stored secret.
pub(crate) fn outcome_key(secret: &Secret) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, secret.bytes())
        .expect("any 32 bytes are an Ed25519 key")
}

impl Session {
    /// A session that waits until `expires`.
    pub(crate) fn new(waiting: Waiting, expires: Timestamp, rng: &mut impl CryptoRng) -> Self {
        Self {
            result: random_id(rng),
            expires,
            state: SessionState::Waiting(Box::new(waiting)),
        }
    }

    /// What waits, unless it was answered or is over.
    pub(crate) fn waiting(&self, now: Timestamp) -> Option<&Waiting> {
        match &self.state {
            SessionState::Waiting(waiting) if now < self.expires => Some(waiting),
            SessionState::Waiting(_) | SessionState::Accepted(_) | SessionState::Failed(_) => None,
        }
    }
}

/// Adds a new session to changes.
pub(crate) fn create(
    changes: Changes,
    request: &str,
    session: &Session,
) -> Result<Changes, StoreError> {
    let changes = store::create(changes, SESSION, request, session)?;
    store::create(changes, RESULT, &session.result, &request)
}

/// Adds the end of a session to the changes that it causes; they fail if somebody else was first.
pub(crate) fn end(
    changes: Changes,
    request: &str,
    session: &Versioned<Session>,
    state: SessionState,
    now: Timestamp,
) -> Result<Changes, StoreError> {
    let ended = |expires, state| Session {
        result: session.value.result.clone(),
        expires,
        state,
    };
    match state {
        SessionState::Accepted(_) => {
            let expires = now.plus_seconds(REMEMBERED_SECONDS);
            let changes = changes
                .only_if_version(SESSION, request, session.version)
                .delete(SESSION, request);
            store::create(changes, ACCEPTED, request, &ended(expires, state))
        }
        SessionState::Waiting(_) | SessionState::Failed(_) => {
            let ended = ended(session.value.expires, state);
            store::replace(changes, SESSION, request, session.version, &ended)
        }
    }
}

/// Adds a changed session, which still waits, to changes.
pub(crate) fn replace(
    changes: Changes,
    request: &str,
    session: &Versioned<Session>,
) -> Result<Changes, StoreError> {
    store::replace(changes, SESSION, request, session.version, &session.value)
}

/// The session of a request id.
pub(crate) fn find(vault: &Vault, request: &str) -> Result<Option<Versioned<Session>>, StoreError> {
    match store::read(vault, SESSION, request)? {
        Some(session) => Ok(Some(session)),
        None => store::read(vault, ACCEPTED, request),
    }
}

/// The session of a result id.
pub(crate) fn find_by_result(
    vault: &Vault,
    result: &str,
) -> Result<Option<Versioned<Session>>, StoreError> {
    match store::read::<String>(vault, RESULT, result)? {
        Some(request) => find(vault, &request.value),
        None => Ok(None),
    }
}

/// How many sessions take one of the places for those that wait.
pub(crate) fn count(vault: &Vault) -> usize {
    vault.list(SESSION).len()
}

/// Removes what is over, with its secrets.
pub(crate) fn remove_expired(vault: &Vault, now: Timestamp) -> Result<usize, StoreError> {
    let mut removed = 0;
    for kind in [SESSION, ACCEPTED] {
        for (request, session) in store::read_all::<Session>(vault, kind)? {
            if session.value.expires <= now {
                let changes = Changes::new()
                    .only_if_version(kind, &request, session.version)
                    .delete(kind, &request)
                    .delete(RESULT, &session.value.result);
                store::commit(vault, &changes)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
