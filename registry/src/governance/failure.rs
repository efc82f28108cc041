//! What went wrong with a decision, and what to do about it.

use super::ledger::Unshown;
use protocol::registry::{GenesisError, RecordId, governance::ChangeError};
use std::{fmt, path::PathBuf};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// A file cannot be read or holds something else.
    #[error("{} is not {expected}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it must be.
        expected: &'static str,
        /// Why it is not.
        #[source]
        source: anyhow::Error,
    },
    /// A new file cannot be written.
    #[error("{} cannot be written", .0.display())]
    Write(PathBuf, #[source] anyhow::Error),
    /// An argument has another form than it must have.
    #[error("{0} is not {1}")]
    Argument(&'static str, &'static str),
    /// The node cannot be asked.
    #[error("the node at {0} does not answer")]
    Unreachable(String, #[source] anyhow::Error),
    /// What the node answers cannot be believed.
    #[error("the node at {0} does not show the ledger")]
    Unbelievable(String, #[source] Unshown),
    /// The key is of no member.
    #[error("the key in {} decides nothing: {why}", path.display())]
    Powerless {
        /// The file.
        path: PathBuf,
        /// What the key is instead.
        why: Powerless,
    },
    /// There is no such party.
    #[error("there is no {0} {1:?}")]
    NoParty(&'static str, String),
    /// The change cannot be made.
    #[error("the change cannot be made: {}", reason(.0))]
    Unfit(ChangeError),
    /// The change cannot be made any more.
    #[error("the change of proposal {} cannot be made any more: {}", short(.0), reason(.1))]
    Outdated(RecordId, ChangeError),
    /// Another member proposed it before.
    #[error("the same change waits already, as proposal {0}")]
    Proposed(RecordId),
    /// No proposal begins like this.
    #[error("there is no proposal {0:?}")]
    NoProposal(String),
    /// Several proposals begin like this.
    #[error("more than one proposal begins with {0:?}")]
    Ambiguous(String),
    /// This member has approved.
    #[error("{} has approved proposal {} already", .1, short(.0))]
    Approved(RecordId, String),
    /// This member has approved, and enough others with it, but no approval came since there are fewer members.
    #[error("{} has approved proposal {} already, as enough members have since others left", .1, short(.0))]
    Enough(RecordId, String),
    /// Another change of the same entry was decided.
    #[error("proposal {} cannot be adopted: another change of the same entry was decided since it was made", short(.0))]
    Overtaken(RecordId),
    /// It is decided.
    #[error("proposal {} is adopted already", short(.0))]
    Adopted(RecordId),
    /// Its time is over.
    #[error("proposal {} expired at {} with {}", short(.0), .1, .2)]
    Lapsed(RecordId, String, String),
    /// Nobody can be asked.
    #[error("this needs an answer, and there is no terminal to ask on")]
    NoTerminal,
    /// The officer said no.
    #[error("nothing was signed, nothing was sent")]
    Declined,
    /// The ledger refuses the record.
    #[error("the ledger refuses it: {}", super::submission::reason(code))]
    Refused {
        /// The problem's code.
        code: String,
    },
    /// The record was sent, and there is no receipt.
    #[error("the record was sent, and there is no receipt yet")]
    Uncertain(#[source] anyhow::Error),
}

/// What a key is that decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Powerless {
    /// The other key of a member.
    Other(&'static str, String),
    /// The governance key of a suspended member.
    Suspended(String),
    /// The governance key of a member that is not in force yet.
    NotYet(String, u64),
    /// No key of any member; its fingerprint.
    Unknown(String),
}

impl fmt::Display for Powerless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(kind, member) => write!(f, "it is the {kind} key of {member}"),
            Self::Suspended(member) => write!(f, "{member} is suspended"),
            Self::NotYet(member, height) => {
                write!(f, "{member} takes part from height {height} on")
            }
            Self::Unknown(fingerprint) => write!(f, "no member has it (fingerprint {fingerprint})"),
        }
    }
}

/// As much of an id as people compare.
pub(super) fn short(id: &RecordId) -> String {
    id.to_string().chars().take(12).collect()
}

impl GovernanceError {
    /// What its reader can do.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::File { .. } => "check the path; `tegata-registry help propose` names the file that each change needs".into(),
            Self::Write(..) => "choose a name that does not exist yet, in a folder of yours".into(),
            Self::Argument(..) => "see the command with --help".into(),
            Self::Unreachable(..) => "check the address, or name another member's node with --node; on one machine add --development-loopback-http".into(),
            Self::Unbelievable(_, unshown) => unshown.advice().into(),
            Self::Powerless { why, .. } => why.advice(),
            Self::NoParty(kind, _) => format!("`tegata-registry parties` lists every {kind}; copy the name exactly"),
            Self::Unfit(error) | Self::Outdated(_, error) => advice_on(*error).into(),
            Self::Proposed(id) => format!("look at it and approve it: tegata-registry approve {}", short(id)),
            Self::NoProposal(_) => "`tegata-registry proposals --all` lists them".into(),
            Self::Ambiguous(_) => "give more of its id".into(),
            Self::Approved(id, _) => format!("nothing is left to do for this member; see: tegata-registry show {}", short(id)),
            Self::Enough(id, _) => format!("a member that has not approved yet decides it: tegata-registry approve {}; or another member proposes the same change anew", short(id)),
            Self::Overtaken(_) => "look at what was decided with `tegata-registry proposals --all`, and propose the change of the entry as it is now".into(),
            Self::Adopted(id) => format!("nothing is left to do; from when on it holds says: tegata-registry show {}", short(id)),
            Self::Lapsed(..) => "propose the change again".into(),
            Self::NoTerminal => "run it on a terminal, or add --yes once you have read what --dry-run shows".into(),
            Self::Declined => "run the command again when you are sure".into(),
            Self::Refused { code } => super::submission::advice(code).into(),
            Self::Uncertain(_) => "run the same command again today: the same record cannot be recorded twice".into(),
        }
    }
}

impl Powerless {
    fn advice(&self) -> String {
        match self {
            Self::Other(..) | Self::Unknown(_) => {
                "give the file of your member's governance key with --key".into()
            }
            Self::Suspended(_) => {
                "another member must propose and a quorum approve its reinstatement".into()
            }
            Self::NotYet(_, height) => format!("run the command again from height {height} on"),
        }
    }
}

/// Why a change cannot be made, in the words of an officer.
pub(super) fn reason(error: &ChangeError) -> String {
    match error {
        ChangeError::Spelling => "it is not written as it must be".into(),
        ChangeError::Unknown => "it is about a party that is not there".into(),
        ChangeError::NoEffect => "it is so already, or something else stands in its place".into(),
        ChangeError::Parties(GenesisError::Invalid("a party of an unknown member")) => {
            "an issuer or a verifier would belong to a member that is not there".into()
        }
        ChangeError::Parties(GenesisError::Repeated(what)) => format!("{what} would not differ"),
        ChangeError::Parties(GenesisError::Count(what)) => {
            format!("there would be too few or too many {what}")
        }
        ChangeError::Parties(GenesisError::Invalid(what)) => {
            format!("there would be {what}, or an error in it")
        }
        ChangeError::Parties(error @ (GenesisError::Json(_) | GenesisError::Shape)) => {
            error.to_string()
        }
    }
}

const fn advice_on(error: ChangeError) -> &'static str {
    match error {
        ChangeError::Spelling => "write the file as `setup` does",
        ChangeError::Unknown => "check the name; `tegata-registry parties` lists who takes part",
        ChangeError::NoEffect => {
            "nothing is to be decided: it is so already, or is decided already"
        }
        ChangeError::Parties(_) => {
            "make the parties fit first: retire issuers and verifiers before their member goes, use each key and address once, \
             publish definitions in the order of their versions"
        }
    }
}
