//! Commitments: what stands on the ledger in place of content (`specs/registry.md`, "Commitments").
//!
//! A commitment hides its content behind 32 random bytes, the salt. Whoever is given the salt and the content can check
//! it; without the salt even a content of few possible values, such as a date, cannot be tried out.

use crate::Timestamp;
use crate::credential::ClaimPath;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::ConstantTimeEq as _;

use super::ContentDigest;

const TAG: &[u8] = b"tegata/commitment/v1\0";

/// A salted digest of content that the registry does not hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn new<'a>(domain: &str, salt: &Salt, fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(TAG);
        absorb(&mut hash, domain.as_bytes());
        hash.update(salt.0);
        for field in fields {
            absorb(&mut hash, field);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({})", ContentDigest::from_bytes(self.0))
    }
}

/// Hashes a field so that no two lists of fields give the same bytes.
fn absorb(hash: &mut Sha256, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("a field is a few hundred bytes");
    hash.update(length.to_be_bytes());
    hash.update(field);
}

/// The 32 random bytes that hide a commitment's content.
///
/// Once every copy of the salt is gone, nobody can say what was committed.
#[derive(Clone)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A fresh salt.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// From its bytes, as they came in an opening.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be handed on in an opening.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Salt {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

/// How a check of a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// The person passed the check.
    Passed,
    /// The person failed the check.
    Failed,
    /// The step has no result: opening or closing the case.
    None,
}

impl CheckResult {
    /// The word that is committed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::None => "none",
        }
    }

    /// The result that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Passed, Self::Failed, Self::None]
            .into_iter()
            .find(|result| result.as_str() == word)
    }
}

/// The content behind a case event.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseEventContent<'a> {
    /// The name of the step in the process definition.
    pub process: &'a str,
    /// How it ended.
    pub result: CheckResult,
    /// The day, as an RFC 3339 full-date.
    pub completed_at: &'a str,
    /// The reviewer, under a pseudonym of this case.
    pub reviewer: &'a str,
    /// The evidence that the reviewer saw.
    pub evidence: &'a [ContentDigest],
}

impl CaseEventContent<'_> {
    /// Commits to the content.
    #[must_use]
    pub fn commit(&self, salt: &Salt) -> Commitment {
        let evidence: Vec<u8> = self
            .evidence
            .iter()
            .flat_map(|digest| *digest.as_bytes())
            .collect();
        Commitment::new(
            "case-event",
            salt,
            [
                self.process.as_bytes(),
                self.result.as_str().as_bytes(),
                self.completed_at.as_bytes(),
                self.reviewer.as_bytes(),
                &evidence,
            ],
        )
    }
}

/// The content behind a designation: to whom, what for, what.
#[derive(Clone, Debug, PartialEq)]
pub struct DesignationContent<'a> {
    /// The verifier's identifier.
    pub verifier: &'a str,
    /// The registered purpose.
    pub purpose: &'a str,
    /// The claims to be disclosed, in the order of the disclosure.
    pub claims: &'a [ClaimPath],
}

impl DesignationContent<'_> {
    /// Commits to the content.
    #[must_use]
    pub fn commit(&self, salt: &Salt) -> Commitment {
        let head = [self.verifier.as_bytes(), self.purpose.as_bytes()];
        let claims: Vec<Vec<u8>> = self
            .claims
            .iter()
            .map(|path| serde_json::to_vec(path).expect("a claims path has a JSON form"))
            .collect();
        let claims = claims.iter().map(Vec::as_slice);
        Commitment::new("designation", salt, head.into_iter().chain(claims))
    }
}

/// What a company says of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationResult {
    /// The application arrived and its credential verified.
    Received,
    /// The account is open.
    Opened,
    /// The company opens no account.
    Declined,
}

impl ApplicationResult {
    /// The word that is committed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Opened => "opened",
            Self::Declined => "declined",
        }
    }

    /// The result that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Received, Self::Opened, Self::Declined]
            .into_iter()
            .find(|result| result.as_str() == word)
    }
}

/// The content behind an application's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeContent {
    /// What the company says.
    pub result: ApplicationResult,
    /// When it said so.
    pub time: Timestamp,
}

impl OutcomeContent {
    /// Commits to the content.
    #[must_use]
    pub fn commit(&self, salt: &Salt) -> Commitment {
        let time = self.time.to_string();
        Commitment::new(
            "outcome",
            salt,
            [self.result.as_str().as_bytes(), time.as_bytes()],
        )
    }
}

/// The content behind an erasure receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasureContent {
    /// How many pieces of evidence were destroyed.
    pub evidence_count: u64,
    /// When.
    pub time: Timestamp,
}

impl ErasureContent {
    /// Commits to the content.
    #[must_use]
    pub fn commit(&self, salt: &Salt) -> Commitment {
        let count = self.evidence_count.to_string();
        let time = self.time.to_string();
        Commitment::new("erasure", salt, [count.as_bytes(), time.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::vectors::{hex_array, list, read, text};

    fn content<'a>(process: &'a str, reviewer: &'a str) -> CaseEventContent<'a> {
        CaseEventContent {
            process,
            result: CheckResult::Passed,
            completed_at: "2026-11-23",
            reviewer,
            evidence: &[],
        }
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_commitment() {
        let salt = Salt::from_bytes([7; 32]);
        assert_ne!(
            content("residence", "r1").commit(&salt),
            content("residencer", "1").commit(&salt)
        );
        let designation = |verifier, purpose| DesignationContent {
            verifier,
            purpose,
            claims: &[],
        };
        assert_ne!(
            designation("a", "bc").commit(&salt),
            designation("ab", "c").commit(&salt)
        );
    }

    #[test]
    fn commitments_are_those_of_the_vectors() {
        let vectors = read("commitments");
        let salt = Salt::from_bytes(hex_array(text(&vectors, "salt")));
        for vector in list(&vectors, "vectors") {
            let fields: Vec<&str> = list(vector, "text")
                .iter()
                .map(|f| f.as_str().unwrap())
                .collect();
            let made = match text(vector, "domain") {
                "case-event" => {
                    let evidence: Vec<ContentDigest> = list(vector, "evidence")
                        .iter()
                        .map(|digest| digest.as_str().unwrap().parse().unwrap())
                        .collect();
                    let content = CaseEventContent {
                        process: fields[0],
                        result: CheckResult::from_word(fields[1]).unwrap(),
                        completed_at: fields[2],
                        reviewer: fields[3],
                        evidence: &evidence,
                    };
                    content.commit(&salt)
                }
                "designation" => {
                    let claims: Vec<ClaimPath> = fields[2..]
                        .iter()
                        .map(|path| serde_json::from_str(path).unwrap())
                        .collect();
                    let content = DesignationContent {
                        verifier: fields[0],
                        purpose: fields[1],
                        claims: &claims,
                    };
                    content.commit(&salt)
                }
                "outcome" => {
                    let content = OutcomeContent {
                        result: ApplicationResult::from_word(fields[0]).unwrap(),
                        time: Timestamp::parse_rfc3339(fields[1]).unwrap(),
                    };
                    content.commit(&salt)
                }
                _ => {
                    let content = ErasureContent {
                        evidence_count: fields[0].parse().unwrap(),
                        time: Timestamp::parse_rfc3339(fields[1]).unwrap(),
                    };
                    content.commit(&salt)
                }
            };
            assert_eq!(made.as_bytes(), &hex_array(text(vector, "commitment")));
        }
    }

    #[test]
    fn another_salt_gives_another_commitment() {
        let one = content("residence", "r1").commit(&Salt::from_bytes([1; 32]));
        let other = content("residence", "r1").commit(&Salt::from_bytes([2; 32]));
        assert_ne!(one, other);
    }

    #[test]
    fn a_salt_never_prints_its_bytes() {
        assert_eq!(format!("{:?}", Salt::from_bytes([7; 32])), "Salt");
    }
}
