//! Applications that were received.
//!
//! Keys: kind `application`, id the application id in hex; kind `document`, id `APPLICATION/NUMBER`; kind `person`, id a
//! digest of name and birth date, which the vault stores as a keyed hash. Atomicity: an application is created with its
//! documents, its entry under the person, its first outcome and the end of its session. Restart: either all of that is
//! there or nothing.

use protocol::Timestamp;
use protocol::application::{CrsDeclaration, DisclosedDocument, OutcomeOpening};
use protocol::credential::ClaimPath;
use protocol::registry::{ApplicationId, ApplicationResult, CaseId};
use protocol::status::{StatusReference, StatusReferenceError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::bearer::{Bearer, BearerHash};
use sha2::{Digest as _, Sha256};
use vault::{Changes, Kind, Vault};

use crate::policy::{ConsentReceipt, Declaration, Finding, Known};
use crate::secret::Secret;
use crate::store::{self, StoreError, Versioned};

const APPLICATION: Kind = Kind::ordinary("application");
const DOCUMENT: Kind = Kind::ordinary("document");
const PERSON: Kind = Kind::ordinary("person");

/// An application in the vault: what was asked for and disclosed, and nothing else of the person.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Application {
    pub(crate) received: Timestamp,
    pub(crate) purpose: String,
    pub(crate) declaration: CrsDeclaration,
    /// The disclosed claims that were asked for.
    pub(crate) claims: Value,
    pub(crate) documents: usize,
    pub(crate) credential: CredentialReference,
    pub(crate) report: Report,
    pub(crate) findings: Vec<Finding>,
    pub(crate) standing: Standing,
    /// What the holder's consent gives; an application without it has no outcome on the registry.
    pub(crate) designated: Option<Designated>,
    pub(crate) openings: Vec<OutcomeOpening>,
    pub(crate) decision: Option<Decision>,
}

/// The credential that was relied on, for monitoring.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialReference {
    pub(crate) iss: String,
    pub(crate) expires: Timestamp,
    status_uri: String,
    status_idx: u64,
}

impl CredentialReference {
    pub(crate) fn new(iss: &str, expires: Timestamp, status: &StatusReference) -> Self {
        Self {
            iss: iss.to_owned(),
            expires,
            status_uri: status.uri().to_owned(),
            status_idx: status.idx(),
        }
    }

    pub(crate) fn status(&self) -> Result<StatusReference, StatusReferenceError> {
        StatusReference::new(&self.status_uri, self.status_idx)
    }
}

/// What was verified, for the staff.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    pub(crate) consent_receipt: ConsentReceipt,
    /// Where the designation stands on the registry.
    pub(crate) designation: Option<u64>,
    pub(crate) declaration: Declaration,
    /// The case whose checks opened on the registry.
    pub(crate) case: Option<CaseId>,
    pub(crate) presented: Timestamp,
}

/// Whether the credential that was relied on still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// At the last look it did.
    Valid,
    /// It was revoked.
    Revoked,
    /// It is suspended, or has a status that is not known.
    Suspended,
    /// It has expired.
    Expired,
}

/// What came with a consent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Designated {
    /// Signs the outcomes of this application.
    pub(crate) outcome_key: Secret,
    /// No outcome is accepted after this time.
    pub(crate) expires: Timestamp,
    /// Hash of the holder's token.
    token: [u8; 32],
}

impl Designated {
    pub(crate) fn new(outcome_key: Secret, expires: Timestamp, token: &Bearer) -> Self {
        Self {
            outcome_key,
            expires,
            token: *token.hash().as_bytes(),
        }
    }

    pub(crate) fn opens_with(&self, token: &Bearer) -> bool {
        BearerHash::from_bytes(self.token).matches(token)
    }
}

/// What the staff decided.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) time: Timestamp,
    pub(crate) by: String,
}

/// The company's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The account is open.
    Opened,
    /// The company opens none.
    Declined,
}

impl Verdict {
    pub(crate) const fn result(self) -> ApplicationResult {
        match self {
            Self::Opened => ApplicationResult::Opened,
            Self::Declined => ApplicationResult::Declined,
        }
    }
}

/// The applications of one person.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    applications: Vec<ApplicationId>,
}

/// Adds a new application with its documents to changes.
pub(crate) fn create(
    mut changes: Changes,
    id: ApplicationId,
    application: &Application,
    documents: &[DisclosedDocument],
) -> Result<Changes, StoreError> {
    for (number, document) in documents.iter().enumerate() {
        let stored = StoredDocument {
            media_type: document.media_type.name().to_owned(),
        };
        let header = serde_json::to_vec(&stored).map_err(StoreError::Encode)?;
        let length = u32::try_from(header.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        let body = [&length[..], &header, &document.data].concat();
        changes = changes.put(DOCUMENT, &format!("{id}/{number}"), store::SCHEMA, &body);
    }
    store::create(changes, APPLICATION, &id.to_string(), application)
}

/// Adds a changed application to changes; they fail if somebody else was first.
pub(crate) fn replace(
    changes: Changes,
    id: ApplicationId,
    application: &Versioned<Application>,
) -> Result<Changes, StoreError> {
    store::replace(
        changes,
        APPLICATION,
        &id.to_string(),
        application.version,
        &application.value,
    )
}

/// The application of an id.
pub(crate) fn find(
    vault: &Vault,
    id: ApplicationId,
) -> Result<Option<Versioned<Application>>, StoreError> {
    store::read(vault, APPLICATION, &id.to_string())
}

/// All applications, by id.
pub(crate) fn all(
    vault: &Vault,
) -> Result<Vec<(ApplicationId, Versioned<Application>)>, StoreError> {
    let stored = store::read_all::<Application>(vault, APPLICATION)?;
    Ok(stored
        .into_iter()
        .filter_map(|(id, application)| Some((id.parse().ok()?, application)))
        .collect())
}

#[derive(Serialize, Deserialize)]
struct StoredDocument {
    media_type: String,
}

/// A document image and its media type.
pub(crate) fn document(
    vault: &Vault,
    id: ApplicationId,
    number: usize,
) -> Result<Option<(String, Vec<u8>)>, StoreError> {
    let Some(record) = vault.get(DOCUMENT, &format!("{id}/{number}"))? else {
        return Ok(None);
    };
    let split = record
        .body()
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
        });
    let Some((header, data)) = split else {
        return Ok(None);
    };
    let header: StoredDocument = serde_json::from_slice(header).map_err(StoreError::Encode)?;
    Ok(Some((header.media_type, data.to_vec())))
}

/// Whether the person behind these claims is known, and the changes that make them so.
pub(crate) fn note_person(
    vault: &Vault,
    changes: Changes,
    claims: &Value,
    id: ApplicationId,
) -> Result<(Changes, Known), StoreError> {
    let Some(key) = person_key(claims) else {
        return Ok((changes, Known::No));
    };
    match store::read::<Person>(vault, PERSON, &key)? {
        None => {
            let person = Person {
                applications: vec![id],
            };
            Ok((store::create(changes, PERSON, &key, &person)?, Known::No))
        }
        Some(found) => {
            let mut known = Known::No;
            for earlier in &found.value.applications {
                let declined = find(vault, *earlier)?.is_none_or(|earlier| {
                    earlier
                        .value
                        .decision
                        .is_some_and(|decision| decision.verdict == Verdict::Declined)
                });
                if !declined {
                    known = Known::Yes;
                }
            }
            let mut applications = found.value.applications;
            applications.push(id);
            Ok((
                store::replace(
                    changes,
                    PERSON,
                    &key,
                    found.version,
                    &Person { applications },
                )?,
                known,
            ))
        }
    }
}

/// Name and birth date, hashed to an id of fixed length; the vault keeps ids as keyed hashes only.
fn person_key(claims: &Value) -> Option<String> {
    let person = ClaimPath::root("verified_claims").name("claims");
    let mut hash = Sha256::new();
    for name in ["family_name", "given_name", "birthdate"] {
        let found = person.clone().name(name).values(claims).ok()?;
        let text = found.first()?.as_str()?;
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    Some(protocol::base64url::encode(&hash.finalize()))
}
