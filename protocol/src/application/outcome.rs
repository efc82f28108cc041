//! What a company says of an application: a record that names nobody, and an opening for the holder.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::identity::SigningKey;
use crate::registry::receipt::VerifiedEntry;
use crate::registry::record::{Author, Body, Outcome, Record};
use crate::registry::{ApplicationId, ApplicationResult, NetworkId, OutcomeContent, Salt};
use crate::{Timestamp, base64url};

/// What opens an outcome, as the company hands it to the holder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeOpening {
    /// 0 for received, 1 for decided.
    pub sequence: u32,
    /// What the company says.
    #[serde(
        serialize_with = "serialize_result",
        deserialize_with = "deserialize_result"
    )]
    pub result: ApplicationResult,
    /// When it said so.
    #[serde(
        serialize_with = "serialize_time",
        deserialize_with = "deserialize_time"
    )]
    pub time: Timestamp,
    /// What hides the content on the registry.
    #[serde(
        serialize_with = "serialize_salt",
        deserialize_with = "deserialize_salt"
    )]
    pub salt: Salt,
}

/// The registry holds something else than the company says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the opening is not that of the outcome on the registry")]
pub struct OutcomeOpeningError;

impl OutcomeOpening {
    /// A new outcome with a fresh salt.
    #[must_use]
    pub fn new(result: ApplicationResult, time: Timestamp, rng: &mut impl CryptoRng) -> Self {
        Self {
            sequence: place(result).0,
            result,
            time,
            salt: Salt::random(rng),
        }
    }

    /// The record, signed with the key that the holder designated.
    #[must_use]
    pub fn sign(
        &self,
        network: NetworkId,
        application: ApplicationId,
        outcome_key: &SigningKey,
    ) -> Record {
        Record::sign(
            network,
            Body::Outcome(self.outcome(application)),
            outcome_key,
        )
    }

    fn outcome(&self, application: ApplicationId) -> Outcome {
        let content = OutcomeContent {
            result: self.result,
            time: self.time,
        };
        let code = place(self.result).1;
        Outcome {
            application,
            sequence: self.sequence,
            code,
            commitment: content.commit(&self.salt),
        }
    }

    /// Checks that this is what stands on the registry for an application of the holder's.
    pub fn verify(
        &self,
        entry: &VerifiedEntry,
        application: ApplicationId,
        outcome_key: &[u8; 32],
    ) -> Result<(), OutcomeOpeningError> {
        let expected = Body::Outcome(self.outcome(application));
        let record = entry.record();
        if *record.author() == Author::Ed25519(*outcome_key) && *record.body() == expected {
            Ok(())
        } else {
            Err(OutcomeOpeningError)
        }
    }
}

/// Sequence and code of a result's record.
const fn place(result: ApplicationResult) -> (u32, u8) {
    match result {
        ApplicationResult::Received => (0, 1),
        ApplicationResult::Opened | ApplicationResult::Declined => (1, 2),
    }
}

fn serialize_result<S: serde::Serializer>(
    result: &ApplicationResult,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(result.as_str())
}

fn deserialize_result<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<ApplicationResult, D::Error> {
    let word = String::deserialize(deserializer)?;
    ApplicationResult::from_word(&word).ok_or_else(|| serde::de::Error::custom("no result"))
}

fn serialize_time<S: serde::Serializer>(
    time: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn deserialize_time<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::parse_rfc3339(&text).map_err(serde::de::Error::custom)
}

fn serialize_salt<S: serde::Serializer>(salt: &Salt, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64url::encode(salt.as_bytes()))
}

fn deserialize_salt<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Salt, D::Error> {
    let text = String::deserialize(deserializer)?;
    base64url::decode_array(&text)
        .map(Salt::from_bytes)
        .map_err(serde::de::Error::custom)
}
