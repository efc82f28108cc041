//! The steps of a KYC case, by the names that a process definition on the registry gives them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Name of the step that opens a case.
pub const OPENED: &str = "opened";
/// Name of the step that ends a case.
pub const CLOSED: &str = "closed";

/// A common check that the consortium performs once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// The identity document is genuine and belongs to the applicant.
    IdentityDocument,
    /// The person is told apart from everybody else the consortium knows.
    NameIdentification,
    /// Collation with the list of anti-social forces.
    AsfCollation,
    /// The person receives non-forwarding mail at the address.
    Residence,
}

impl Process {
    /// All checks, in the order in which a credential lists them.
    pub const ALL: [Self; 4] = [
        Self::IdentityDocument,
        Self::NameIdentification,
        Self::AsfCollation,
        Self::Residence,
    ];

    /// The name in process definitions, credentials and commitments.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdentityDocument => "identity_document",
            Self::NameIdentification => "name_identification",
            Self::AsfCollation => "asf_collation",
            Self::Residence => "residence",
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that is none of the common checks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no common check has this name")]
pub struct UnknownProcess;

impl FromStr for Process {
    type Err = UnknownProcess;

    fn from_str(name: &str) -> Result<Self, UnknownProcess> {
        Self::ALL
            .into_iter()
            .find(|process| process.name() == name)
            .ok_or(UnknownProcess)
    }
}

/// Whether a check was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Nothing speaks against the applicant.
    Passed,
    /// The application ends here.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_is_read_back_from_its_name() {
        for process in Process::ALL {
            assert_eq!(process.name().parse(), Ok(process));
            let json = serde_json::to_string(&process).unwrap();
            assert_eq!(json, format!("\"{process}\""));
        }
    }

    #[test]
    fn a_name_in_another_case_is_refused() {
        assert_eq!("Residence".parse::<Process>(), Err(UnknownProcess));
    }
}
