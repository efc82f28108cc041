//! One issuance, from the offer to the anchors, as it lies in the vault: each step is written before the network step that depends
//! on it, so that a command that was killed can be run again.

use protocol::base64url;
use protocol::identity::{Algorithm, KeyError, SigningKey};
use protocol::{Timestamp, issuance::CredentialOffer};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vault::{Changes, Kind, Vault};
use zeroize::Zeroizing;

use crate::session::SessionError;

const ISSUANCE: Kind = Kind::ordinary("issuance");
const SCHEMA: u32 = 1;
/// Codes that an issuer looks at for one offer.
const CODES_MAX: u8 = 5;

/// An issuance.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuance {
    pub(super) id: String,
    pub(super) issuer: String,
    pub(super) configuration: String,
    pub(super) vct: String,
    pub(super) started_at: Timestamp,
    /// SHA-256 of the offer's code, which tells one offer from another after the code is gone.
    code_hash: String,
    algorithm: String,
    /// Secret halves of the instances' keys.
    keys: Vec<String>,
    pub(super) stage: Stage,
}

/// How far an issuance is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The code may have been sent.
    Redeeming {
        /// The offer, as JSON.
        offer: Value,
        /// How often the issuer refused a code.
        refusals: u8,
    },
    /// There is an access token.
    Authorised {
        access_token: String,
        /// The credentials may have been issued, and the answer lost.
        requested: bool,
    },
    /// The instances are stored.
    Stored {
        notification_id: Option<String>,
        /// Kept until the issuer has been told.
        access_token: Option<String>,
        /// How many anchors are still awaited.
        awaited: usize,
    },
    /// It came to nothing.
    Failed { reason: String },
}

impl Issuance {
    /// An issuance of `count` instances, with fresh keys.
    pub(super) fn new(
        offer: &CredentialOffer,
        (configuration, vct): (&str, &str),
        algorithm: Algorithm,
        count: usize,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let keys = (0..count)
            .map(|_| base64url::encode(SigningKey::generate(algorithm, rng).secret().as_ref()))
            .collect();
        Self {
            id: base64url::encode(&id),
            issuer: offer.credential_issuer.clone(),
            configuration: configuration.to_owned(),
            vct: vct.to_owned(),
            started_at: now,
            code_hash: code_hash(offer),
            algorithm: algorithm.as_str().to_owned(),
            keys,
            stage: Stage::Redeeming {
                offer: offer.to_json(),
                refusals: 0,
            },
        }
    }

    pub(super) fn keys(&self) -> Result<Vec<SigningKey>, KeyError> {
        let algorithm = Algorithm::from_jose(&self.algorithm).ok_or(KeyError::Kind)?;
        self.keys
            .iter()
            .map(|secret| {
                let secret = base64url::decode_array::<32>(secret).map_err(|_| KeyError::Length)?;
                SigningKey::from_secret(algorithm, &Zeroizing::new(secret))
            })
            .collect()
    }

    /// The issuer refused a code. After as many times as it takes codes at all, the offer is dead.
    pub(super) fn code_refused(&mut self) {
        if let Stage::Redeeming { refusals, .. } = &mut self.stage {
            *refusals += 1;
            if *refusals >= CODES_MAX {
                self.stage = Stage::Failed {
                    reason: "code".to_owned(),
                };
            }
        }
    }

    /// The keys live on with the instances.
    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    pub(super) fn put(&self, changes: Changes) -> Result<Changes, SessionError> {
        Ok(changes.put_json(ISSUANCE, &self.id, SCHEMA, self)?)
    }

    /// All issuances, the oldest first.
    pub(super) fn all(vault: &Vault) -> Result<Vec<Self>, SessionError> {
        let mut issuances = Vec::new();
        for (_, record) in vault.records(ISSUANCE)? {
            issuances.push(record.json::<Self>()?);
        }
        issuances.sort_by_key(|issuance| issuance.started_at);
        Ok(issuances)
    }

    /// Whether it began with this offer.
    pub(super) fn is_of(&self, offer: &CredentialOffer) -> bool {
        self.code_hash == code_hash(offer)
    }

    /// Gives up an issuance whose code may have been sent, for a new offer; says whether that was so.
    pub(super) fn replaced(&mut self) -> bool {
        let redeeming = matches!(self.stage, Stage::Redeeming { .. });
        if redeeming {
            self.stage = Stage::Failed {
                reason: "replaced".to_owned(),
            };
        }
        redeeming
    }

    /// Whether there is nothing left to do for it.
    pub(super) fn is_finished(&self) -> bool {
        match &self.stage {
            Stage::Redeeming { .. } | Stage::Authorised { .. } => false,
            Stage::Stored {
                notification_id,
                access_token,
                awaited,
            } => notification_id.is_none() || (access_token.is_none() && *awaited == 0),
            Stage::Failed { .. } => true,
        }
    }
}

fn code_hash(offer: &CredentialOffer) -> String {
    let code = offer
        .pre_authorized
        .as_ref()
        .map(|grant| grant.code.reveal());
    base64url::encode(&Sha256::digest(code.unwrap_or_default()))
}
