//! What wallet and issuer exchange around a case: the sealed application, its state, the sealed offer.

use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

use super::{Process, UnverifiedApplication};
use crate::{
    base64url,
    envelope::hpke::{self, HpkeError, RecipientKey, Sealed},
    registry::CaseId,
};

/// HPKE `info` of an application; `aad` is the issuer's identifier.
pub const APPLICATION_INFO: &[u8] = b"tegata/application/v1";
/// HPKE `info` of an offer; `aad` is the case in hexadecimal.
pub const OFFER_INFO: &[u8] = b"tegata/offer/v1";

/// The body of `POST /applications`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The application, sealed to the reviewers' key.
    pub sealed: Sealed,
    /// The X25519 key to which the offer will be sealed; new for each application.
    #[serde(serialize_with = "serialize_key", deserialize_with = "deserialize_key")]
    pub reply_key: [u8; 32],
}

/// The answer to a submission.
#[derive(Clone, Serialize, Deserialize)]
pub struct SubmissionReceipt {
    /// The case.
    pub case: CaseId,
    /// Admits to the case's state. A secret.
    pub token: String,
}

/// Where a case stands, as its applicant sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Nobody has looked at it.
    Received,
    /// Checks are under way.
    UnderReview,
    /// All checks but the residence are passed; the letter is on its way.
    OfferReady,
    /// Credentials were issued.
    Issued,
    /// The wallet keeps the credentials; the evidence is gone.
    Closed,
    /// No credential will be issued; the evidence is gone.
    Rejected,
}

/// Whether a check was completed. Its result is not told before all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Not yet.
    Pending,
    /// Yes, and it stands on the registry.
    Completed,
}

/// One check of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStatus {
    /// Which.
    pub process: Process,
    /// Whether it was completed.
    pub state: CheckState,
}

/// The answer to `GET /applications/{case}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseStatus {
    /// Where the case stands.
    pub state: CaseState,
    /// The common checks.
    pub checks: Vec<CheckStatus>,
    /// The offer's link, sealed to the reply key.
    pub offer: Option<Sealed>,
    /// Why the case was rejected, where the applicant may know: `my_number` means apply again without the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl std::fmt::Debug for SubmissionReceipt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SubmissionReceipt({})", self.case)
    }
}

/// Seals an application to the reviewers of an issuer.
pub fn seal_application(
    application: &UnverifiedApplication,
    reviewers_key: &[u8; 32],
    issuer: &str,
    rng: &mut impl CryptoRng,
) -> Result<Sealed, HpkeError> {
    let plaintext = Zeroizing::new(serde_json::to_vec(application).map_err(|_| HpkeError)?);
    hpke::seal(
        reviewers_key,
        APPLICATION_INFO,
        issuer.as_bytes(),
        &plaintext,
        rng,
    )
}

/// Opens an application with the reviewers' key.
pub fn open_application(
    sealed: &Sealed,
    reviewers_key: &RecipientKey,
    issuer: &str,
) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
    reviewers_key.open(APPLICATION_INFO, issuer.as_bytes(), sealed)
}

/// Seals an offer's link to an applicant.
pub fn seal_offer(
    link: &str,
    reply_key: &[u8; 32],
    case: CaseId,
    rng: &mut impl CryptoRng,
) -> Result<Sealed, HpkeError> {
    hpke::seal(
        reply_key,
        OFFER_INFO,
        case.to_string().as_bytes(),
        link.as_bytes(),
        rng,
    )
}

/// Opens an offer's link with the applicant's key.
pub fn open_offer(
    sealed: &Sealed,
    reply_key: &RecipientKey,
    case: CaseId,
) -> Result<Zeroizing<String>, HpkeError> {
    let plaintext = reply_key.open(OFFER_INFO, case.to_string().as_bytes(), sealed)?;
    let text = std::str::from_utf8(&plaintext).map_err(|_| HpkeError)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn serialize_key<S: Serializer>(key: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64url::encode(key))
}

fn deserialize_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    base64url::decode_array(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    const CASE: CaseId = CaseId::from_bytes([7; 16]);

    #[test]
    fn an_offer_opens_for_its_applicant_and_its_case_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = RecipientKey::generate(&mut rng);
        let sealed = seal_offer(
            "openid-credential-offer://?x",
            &key.public_key(),
            CASE,
            &mut rng,
        )
        .unwrap();
        assert_eq!(
            open_offer(&sealed, &key, CASE).unwrap().as_str(),
            "openid-credential-offer://?x"
        );
        assert!(open_offer(&sealed, &key, CaseId::from_bytes([8; 16])).is_err());
        assert!(open_offer(&sealed, &RecipientKey::generate(&mut rng), CASE).is_err());
        assert!(open_application(&sealed, &key, &CASE.to_string()).is_err());
    }

    #[test]
    fn a_submission_is_read_back() {
        let submission = Submission {
            sealed: Sealed {
                enc: [1; 32],
                ciphertext: vec![2; 3],
            },
            reply_key: [3; 32],
        };
        let json = serde_json::to_string(&submission).unwrap();
        let read: Submission = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (read.sealed, read.reply_key),
            (submission.sealed, submission.reply_key)
        );
        assert!(
            serde_json::from_str::<Submission>(&json.replacen('{', r#"{"name":"x","#, 1)).is_err()
        );
    }
}
