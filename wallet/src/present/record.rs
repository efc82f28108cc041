//! One presentation as it lies in the vault, and the accounts that came of presentations.
//!
//! The instance is spent in the transaction that makes the record; the designation goes to the registry after that, the data to the
//! company after that. A command that was killed in between goes on with the same instance when it is given the same request again.

use protocol::Timestamp;
use protocol::application::{ApplicationAccess, DesignationOpening};
use protocol::base64url;
use protocol::credential::ClaimPath;
use protocol::registry::{ApplicationId, Salt};
use registry_client::Receipt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vault::{Changes, Kind, Vault};

use crate::session::SessionError;

const PRESENTATION: Kind = Kind::ordinary("presentation");
const SCHEMA: u32 = 1;

/// A presentation that was agreed to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Presentation {
    /// Names the request: its verifier and nonce, hashed.
    pub(super) id: String,
    pub(super) verifier: String,
    pub(super) purpose: String,
    /// The instance that is spent for it.
    pub(super) instance: String,
    /// The claims that were agreed to.
    pub(super) paths: Vec<ClaimPath>,
    pub(super) application: ApplicationId,
    salt: String,
    /// The designation, signed.
    record: String,
    pub(super) agreed_at: Timestamp,
    pub(super) stage: Stage,
}

/// How far a presentation is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The designation may have reached the registry.
    Designating,
    /// The registry has the designation; the data may have reached the company.
    Designated { receipt: String, index: u64 },
    /// The company has the data.
    Sent { access: Option<ApplicationAccess> },
}

impl Presentation {
    pub(super) fn new(
        id: String,
        (verifier, purpose): (&str, &str),
        instance: &str,
        opening: &DesignationOpening,
        application: ApplicationId,
        record: &[u8],
        agreed_at: Timestamp,
    ) -> Self {
        Self {
            id,
            verifier: verifier.to_owned(),
            purpose: purpose.to_owned(),
            instance: instance.to_owned(),
            paths: opening.claims.clone(),
            application,
            salt: base64url::encode(opening.salt.as_bytes()),
            record: base64url::encode(record),
            agreed_at,
            stage: Stage::Designating,
        }
    }

    /// The id of the presentation that answers a request.
    pub(super) fn id_of(verifier: &str, nonce: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(verifier);
        hash.update([0]);
        hash.update(nonce);
        base64url::encode(&hash.finalize())
    }

    pub(super) fn record(&self) -> Option<Vec<u8>> {
        base64url::decode(&self.record).ok()
    }

    /// The registry has the designation. Its bytes are kept as the registry holds them.
    pub(super) fn keep_receipt(&mut self, receipt: &Receipt) {
        self.record = base64url::encode(receipt.entry().record().as_bytes());
        self.stage = Stage::Designated {
            receipt: receipt.text().to_owned(),
            index: receipt.entry().index(),
        };
    }

    /// The registry refuses the designation for good.
    pub(super) fn give_up(&self, changes: Changes) -> Changes {
        changes.delete(PRESENTATION, &self.id)
    }

    pub(super) fn opening(&self) -> Option<DesignationOpening> {
        Some(DesignationOpening {
            salt: Salt::from_bytes(base64url::decode_array(&self.salt).ok()?),
            claims: self.paths.clone(),
        })
    }

    /// Writes a new one, unless the request was answered already.
    pub(super) fn put_new(&self, changes: Changes) -> Result<Changes, SessionError> {
        self.put(changes.only_if_absent(PRESENTATION, &self.id))
    }

    pub(super) fn put(&self, changes: Changes) -> Result<Changes, SessionError> {
        Ok(changes.put_json(PRESENTATION, &self.id, SCHEMA, self)?)
    }

    pub(super) fn load(vault: &Vault, id: &str) -> Result<Option<Self>, SessionError> {
        Ok(vault.get_json(PRESENTATION, id)?)
    }
}
