//! Checks as a credential carries them: a past judgement with what opens its event on the registry.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Judgement, Process};
use crate::{
    Date, base64url,
    registry::{CaseEventContent, CaseId, CheckResult, Commitment, ContentDigest, Salt},
};

/// One element of `verified_claims.verification.checks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Which check.
    pub process: Process,
    /// What came of it.
    pub result: Judgement,
    /// The day of the judgement.
    pub completed_at: Date,
    /// The reviewer's pseudonym in this case.
    pub reviewer: String,
    /// The case on the registry.
    pub case: CaseId,
    /// The event's place in the case.
    pub sequence: u32,
    /// The version of the process definition that was active.
    pub definition: u32,
    /// What opens the commitment.
    #[serde(
        serialize_with = "serialize_salt",
        deserialize_with = "deserialize_salt"
    )]
    pub salt: Salt,
}

/// A check whose opening does not give the commitment on the registry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the check does not open the commitment on the registry")]
pub struct OpeningError;

impl Check {
    /// The commitment that the registry must hold at `case`, `sequence`, if this check and the documents are unaltered.
    ///
    /// `documents` are the digests of the credential's evidence, in order; only `identity_document` commits to them.
    pub fn commitment(&self, documents: &[ContentDigest]) -> Commitment {
        CaseEventContent {
            process: self.process.name(),
            result: self.result.into(),
            completed_at: &self.completed_at.to_string(),
            reviewer: &self.reviewer,
            evidence: evidence_of(self.process, documents),
        }
        .commit(&self.salt)
    }

    /// Accepts the check only if it opens the commitment that was read from the registry.
    pub fn opens(
        &self,
        documents: &[ContentDigest],
        commitment: Commitment,
    ) -> Result<(), OpeningError> {
        if self.commitment(documents) == commitment {
            Ok(())
        } else {
            Err(OpeningError)
        }
    }
}

/// The part of a case's documents that the event of a check commits to.
pub fn evidence_of(process: Process, documents: &[ContentDigest]) -> &[ContentDigest] {
    match process {
        Process::IdentityDocument => documents,
        Process::NameIdentification | Process::AsfCollation | Process::Residence => &[],
    }
}

impl From<Judgement> for CheckResult {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Passed => Self::Passed,
            Judgement::Failed => Self::Failed,
        }
    }
}

fn serialize_salt<S: Serializer>(salt: &Salt, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64url::encode(salt.as_bytes()))
}

fn deserialize_salt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Salt, D::Error> {
    let text = String::deserialize(deserializer)?;
    base64url::decode_array(&text)
        .map(Salt::from_bytes)
        .map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> Check {
        serde_json::from_value(serde_json::json!({
            "process": "identity_document",
            "result": "passed",
            "completed_at": "2026-11-23",
            "reviewer": "r-4f1d",
            "case": "000102030405060708090a0b0c0d0e0f",
            "sequence": 1,
            "definition": 1,
            "salt": base64url::encode(&[7; 32]),
        }))
        .unwrap()
    }

    const DOCUMENTS: [ContentDigest; 2] = [
        ContentDigest::from_bytes([1; 32]),
        ContentDigest::from_bytes([2; 32]),
    ];

    #[test]
    fn an_unaltered_check_opens_its_commitment() {
        let commitment = check().commitment(&DOCUMENTS);
        assert_eq!(check().opens(&DOCUMENTS, commitment), Ok(()));
    }

    #[test]
    fn neg_r17_an_altered_check_or_document_opens_nothing() {
        let commitment = check().commitment(&DOCUMENTS);
        let altered = [
            Check {
                result: Judgement::Failed,
                ..check()
            },
            Check {
                process: Process::AsfCollation,
                ..check()
            },
            Check {
                reviewer: "r-4f1e".to_owned(),
                ..check()
            },
            Check {
                salt: Salt::from_bytes([8; 32]),
                ..check()
            },
            Check {
                completed_at: Date::parse("2026-11-24").unwrap(),
                ..check()
            },
        ];
        for check in altered {
            assert_eq!(check.opens(&DOCUMENTS, commitment), Err(OpeningError));
        }
        let [first, second] = DOCUMENTS;
        for documents in [&[second, first][..], &[first], &[]] {
            assert_eq!(check().opens(documents, commitment), Err(OpeningError));
        }
    }

    #[test]
    fn the_vectors_of_the_specification_open() {
        #[derive(Deserialize)]
        struct Vectors {
            documents: Vec<String>,
            openings: Vec<Opening>,
        }
        #[derive(Deserialize)]
        struct Opening {
            check: Check,
            commitment: String,
        }
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../specs/vectors/kyc/checks.json")).unwrap();
        let documents: Vec<ContentDigest> = vectors
            .documents
            .iter()
            .map(|digest| ContentDigest::from_bytes(base64url::decode_array(digest).unwrap()))
            .collect();
        assert_eq!(vectors.openings.len(), Process::ALL.len());
        for opening in vectors.openings {
            let digest: ContentDigest = opening.commitment.parse().unwrap();
            let commitment = Commitment::from_bytes(*digest.as_bytes());
            assert_eq!(opening.check.opens(&documents, commitment), Ok(()));
        }
    }

    #[test]
    fn a_check_of_the_name_does_not_depend_on_documents() {
        let check = Check {
            process: Process::NameIdentification,
            ..check()
        };
        assert_eq!(check.commitment(&DOCUMENTS), check.commitment(&[]));
    }
}
