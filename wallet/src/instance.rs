//! One-time instances of the credential, with their keys.
//!
//! An instance is spent before anything of it leaves the wallet: a crash then wastes one, and never shows one twice.

use protocol::credential::{
    CredentialError, IssuerVerification, RegisteredIssuerError, UnverifiedCredential,
    VerifiedCredential,
};
use protocol::identity::{Algorithm, KeyError, SigningKey};
use protocol::issuance::AnchorProof;
use protocol::registry::Issuer;
use protocol::{Timestamp, base64url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::{Changes, Kind, Record, Vault};
use zeroize::Zeroizing;

use crate::session::SessionError;

const INSTANCE: Kind = Kind::ordinary("instance");
const SCHEMA: u32 = 1;

/// A stored instance.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    /// SHA-256 of the signing input, in base64url: the instance's id.
    pub(crate) id: String,
    /// Which issuance it came with.
    pub(crate) issuance: String,
    /// The issuer's identifier.
    pub(crate) issuer: String,
    /// The credential as it came.
    credential: String,
    algorithm: String,
    secret: String,
    /// What shows that it is anchored, as in the issuer's answer.
    anchor: Option<Value>,
    /// Whether it can still be used.
    pub(crate) usage: Usage,
}

/// Whether an instance can still be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Usage {
    /// Nobody has seen it.
    Unspent,
    /// It belongs to one presentation.
    Spent {
        /// Which presentation.
        presentation: String,
    },
}

/// An instance as it was read, with what a compare-and-swap needs.
pub(crate) struct StoredInstance {
    /// The instance.
    pub(crate) instance: Instance,
    version: u64,
}

/// Why a stored instance cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The registered certificates or keys of the issuer cannot be used.
    #[error("the issuer's registration cannot be used")]
    Issuer(#[from] RegisteredIssuerError),
    /// The credential is not valid.
    #[error("the credential is not valid")]
    Credential(#[from] CredentialError),
    /// The key cannot be read.
    #[error("the key of the credential cannot be read")]
    Key(#[from] KeyError),
    /// The record has another form.
    #[error("the stored credential has an unknown form")]
    Form,
}

impl Instance {
    /// A new, unspent instance.
    #[must_use]
    pub(crate) fn new(credential: &VerifiedCredential, key: &SigningKey, issuance: &str) -> Self {
        Self {
            id: base64url::encode(&credential.signing_input_hash()),
            issuance: issuance.to_owned(),
            issuer: credential.iss().to_owned(),
            credential: credential.as_str().to_owned(),
            algorithm: key.algorithm().as_str().to_owned(),
            secret: base64url::encode(key.secret().as_ref()),
            anchor: None,
            usage: Usage::Unspent,
        }
    }

    /// The credential, checked again: certificates may have expired since it came.
    pub(crate) fn verify(
        &self,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<VerifiedCredential, InstanceError> {
        let issuer = IssuerVerification::registered(issuer)?;
        Ok(UnverifiedCredential::parse(&self.credential)?.verify(&issuer, now)?)
    }

    /// The key that the instance is bound to.
    pub(crate) fn key(&self) -> Result<SigningKey, InstanceError> {
        let algorithm = Algorithm::from_jose(&self.algorithm).ok_or(InstanceError::Form)?;
        let secret =
            base64url::decode_array::<32>(&self.secret).map_err(|_| InstanceError::Form)?;
        Ok(SigningKey::from_secret(algorithm, &Zeroizing::new(secret))?)
    }

    /// What shows that the instance is anchored; it was verified before it was stored.
    #[must_use]
    pub(crate) fn anchor(&self) -> Option<AnchorProof> {
        AnchorProof::read(self.anchor.as_ref()?).ok()
    }

    /// Keeps a verified anchor.
    pub(crate) fn set_anchor(&mut self, anchor: &AnchorProof) {
        self.anchor = Some(anchor.to_json());
    }

    /// SHA-256 of the signing input.
    #[must_use]
    pub(crate) fn signing_input_hash(&self) -> Option<[u8; 32]> {
        base64url::decode_array(&self.id).ok()
    }

    /// Adds a new instance to what a transaction writes.
    pub(crate) fn put_new(&self, changes: Changes) -> Result<Changes, SessionError> {
        let changes = changes.only_if_absent(INSTANCE, &self.id);
        Ok(changes.put_json(INSTANCE, &self.id, SCHEMA, self)?)
    }
}

impl StoredInstance {
    /// Adds the changed instance to what a transaction writes, unless somebody else changes it first.
    pub(crate) fn put(&self, changes: Changes) -> Result<Changes, SessionError> {
        let id = &self.instance.id;
        let changes = changes.only_if_version(INSTANCE, id, self.version);
        Ok(changes.put_json(INSTANCE, id, SCHEMA, &self.instance)?)
    }

    /// The instance of this id.
    pub(crate) fn load(vault: &Vault, id: &str) -> Result<Option<Self>, SessionError> {
        let record = vault.get(INSTANCE, id)?;
        record.as_ref().map(Self::read).transpose()
    }

    /// All instances.
    pub(crate) fn all(vault: &Vault) -> Result<Vec<Self>, SessionError> {
        let records = vault.records(INSTANCE)?;
        records
            .iter()
            .map(|(_, record)| Self::read(record))
            .collect()
    }

    fn read(record: &Record) -> Result<Self, SessionError> {
        Ok(Self {
            instance: record.json()?,
            version: record.version(),
        })
    }
}
