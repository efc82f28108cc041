//! Applications to the consortium, as the wallet remembers them.

use protocol::Timestamp;
use protocol::base64url;
use protocol::envelope::hpke::RecipientKey;
use protocol::kyc::CaseState;
use protocol::registry::CaseId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::{Changes, Kind, Vault};
use zeroize::Zeroizing;

use crate::session::SessionError;

const CASE: Kind = Kind::ordinary("case");
const SCHEMA: u32 = 1;

/// One application to an issuer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The wallet's own number of it, in hexadecimal: written before the issuer has given one.
    pub(crate) local: String,
    /// To whom.
    pub(crate) issuer: String,
    /// When it was sealed.
    pub(crate) applied_at: Timestamp,
    /// The secret half of the key that the offer comes back under.
    reply_key: String,
    /// `verified_claims.claims` as the credential must have them.
    pub(crate) expected_claims: Value,
    /// How far it is.
    pub(crate) stage: CaseStage,
}

/// How far an application is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaseStage {
    /// About to be sent. After a crash nobody knows whether it arrived.
    Sending,
    /// The issuer has it.
    Sent {
        /// The issuer's number.
        case: CaseId,
        /// Admits to its status.
        token: String,
        /// The state that the issuer gave last.
        state: CaseState,
    },
}

impl Case {
    /// An application that is about to be sent.
    #[must_use]
    pub(crate) fn new(
        local: String,
        issuer: &str,
        applied_at: Timestamp,
        reply_key: &RecipientKey,
        expected_claims: Value,
    ) -> Self {
        Self {
            local,
            issuer: issuer.to_owned(),
            applied_at,
            reply_key: base64url::encode(reply_key.secret().as_ref()),
            expected_claims,
            stage: CaseStage::Sending,
        }
    }

    /// The key that the offer is sealed to.
    #[must_use]
    pub(crate) fn reply_key(&self) -> Option<RecipientKey> {
        let secret = Zeroizing::new(base64url::decode_array::<32>(&self.reply_key).ok()?);
        Some(RecipientKey::from_secret(&secret))
    }

    /// Adds this state of the case to what a transaction writes.
    pub(crate) fn put(&self, changes: Changes) -> Result<Changes, SessionError> {
        Ok(changes.put_json(CASE, &self.local, SCHEMA, self)?)
    }

    /// All applications, the oldest first.
    pub(crate) fn all(vault: &Vault) -> Result<Vec<Self>, SessionError> {
        let mut cases = Vec::new();
        for (_, record) in vault.records(CASE)? {
            cases.push(record.json::<Self>()?);
        }
        cases.sort_by_key(|case| case.applied_at);
        Ok(cases)
    }
}
