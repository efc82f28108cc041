//! What an officer types.

use protocol::registry::MemberRole;
use std::path::PathBuf;

const NODES_WORD: &str = "What is shown was checked with the genesis file: who takes part, under a checkpoint that a quorum of \
members signed; every proposal and approval, by its receipt. Only the node's word: the height of the ledger, the height at which a \
proposal was decided, and that there are no further proposals or approvals. Ask another node (--node) if in doubt.";

/// The ledger that is asked.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Which ledger")]
pub struct Connection {
    /// The genesis file: all that is trusted.
    #[arg(long, global = true, default_value = "genesis.json")]
    pub genesis: PathBuf,
    /// The node that is asked; the first member's in the genesis file if there is none.
    #[arg(long, global = true)]
    pub node: Option<String>,
    /// Certificate authorities of the node, PEM; the system's if there are none.
    #[arg(long, global = true)]
    pub certificates: Option<PathBuf>,
    /// Plain HTTP on loopback, for one machine.
    #[arg(long, global = true)]
    pub development_loopback_http: bool,
}

/// Who decides, and how.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Who decides, and how")]
pub struct Decision {
    /// The member's governance key. No running node needs it: keep it elsewhere.
    #[arg(long, global = true, default_value = crate::setup::GOVERNANCE_KEY)]
    pub key: PathBuf,
    /// Show what would happen, and sign nothing.
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Do not ask: for scripts.
    #[arg(long, global = true)]
    pub yes: bool,
}

/// Proposes a change to the members. It counts as the approval of the member whose key signs.
#[derive(clap::Args, Debug)]
#[command(after_help = NODES_WORD)]
pub struct ProposeArguments {
    /// Which ledger.
    #[command(flatten)]
    pub connection: Connection,
    /// Who decides.
    #[command(flatten)]
    pub decision: Decision,
    /// For how many days, after today, the others can approve, until midnight UTC.
    #[arg(long, global = true, help_heading = "The proposal", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=89))]
    pub days: u16,
    /// The change does not take effect below this height; as soon as may be if there is none.
    #[arg(long, global = true, help_heading = "The proposal")]
    pub from_height: Option<u64>,
    /// What is to change.
    #[command(subcommand)]
    pub change: ChangeArguments,
}

/// What is to change.
#[derive(clap::Subcommand, Debug)]
pub enum ChangeArguments {
    /// An organisation becomes a member.
    AdmitMember {
        /// Its member.json, from `tegata-registry setup` at the new member.
        file: PathBuf,
    },
    /// A member leaves for good. Retire its issuers and verifiers first.
    RemoveMember {
        /// Its name.
        name: String,
    },
    /// A member takes no part until it is reinstated.
    SuspendMember {
        /// Its name.
        name: String,
    },
    /// A suspended member takes part again.
    ReinstateMember {
        /// Its name.
        name: String,
    },
    /// A member gets new keys; those that are not given stay.
    #[command(
        after_help = "Planned: make the new key with `tegata-registry key new`, give it to the node, and propose it here.\n\
        After a compromise: add --compromised; suspend the member besides if its node may be in other hands."
    )]
    RotateKeys(RotateArguments),
    /// A member votes on blocks from now on.
    SetValidator {
        /// Its name.
        name: String,
    },
    /// A member does not vote any more; it checks and signs what the others vote on.
    SetObserver {
        /// Its name.
        name: String,
    },
    /// A member has other addresses or another role.
    UpdateMember {
        /// Its name.
        name: String,
        /// Where its node answers readers.
        #[arg(long)]
        url: Option<String>,
        /// Where its node meets the others, host:port.
        #[arg(long)]
        peer_address: Option<String>,
        /// What it is in the consortium.
        #[arg(long)]
        role: Option<Role>,
    },
    /// An issuer is registered, or replaces the one of the same identifier.
    RegisterIssuer {
        /// Its issuer.json, from `tegata-issuer setup`.
        file: PathBuf,
    },
    /// An issuer issues no more; it still revokes and erases.
    RetireIssuer {
        /// Its identifier.
        id: String,
    },
    /// A verifier is registered, or replaces the one of the same identifier: keys, purposes, allowed claims.
    RegisterVerifier {
        /// Its verifier.json, from `tegata-verifier setup`.
        file: PathBuf,
    },
    /// A verifier may no longer ask for presentations.
    RetireVerifier {
        /// Its identifier.
        id: String,
    },
    /// The next version of the process definition is published, and active from its activation_height on.
    PublishDefinition {
        /// The definition, JSON.
        file: PathBuf,
        /// In place of the file's activation_height.
        #[arg(long)]
        active_from: Option<u64>,
    },
}

impl ChangeArguments {
    /// Whether it changes who takes part.
    pub(super) const fn is_of_membership(&self) -> bool {
        match self {
            Self::AdmitMember { .. }
            | Self::RemoveMember { .. }
            | Self::SuspendMember { .. }
            | Self::ReinstateMember { .. }
            | Self::RotateKeys(_)
            | Self::SetValidator { .. }
            | Self::SetObserver { .. }
            | Self::UpdateMember { .. } => true,
            Self::RegisterIssuer { .. }
            | Self::RetireIssuer { .. }
            | Self::RegisterVerifier { .. }
            | Self::RetireVerifier { .. }
            | Self::PublishDefinition { .. } => false,
        }
    }
}

/// New keys of a member, base64url as in member.json and as `tegata-registry key new` prints them.
#[derive(clap::Args, Debug)]
pub struct RotateArguments {
    /// The member.
    pub name: String,
    /// The new key in the consensus among nodes.
    #[arg(long, allow_hyphen_values = true)]
    pub consensus_key: Option<String>,
    /// The new key that signs checkpoints.
    #[arg(long, allow_hyphen_values = true)]
    pub cosigning_key: Option<String>,
    /// The new key that signs proposals and approvals.
    #[arg(long, allow_hyphen_values = true)]
    pub governance_key: Option<String>,
    /// The old key may be in other hands: says what its holder can do until the change holds.
    #[arg(long, conflicts_with = "from_height")]
    pub compromised: bool,
}

/// What a member is in the consortium.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Role {
    /// The organisation that carries the consortium.
    Consortium,
    /// A securities company.
    Company,
    /// An independent party that watches.
    Notary,
}

impl From<Role> for MemberRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Consortium => Self::Consortium,
            Role::Company => Self::Company,
            Role::Notary => Self::Notary,
        }
    }
}

/// Approves a proposal of another member.
#[derive(clap::Args, Debug)]
#[command(after_help = NODES_WORD)]
pub struct ApproveArguments {
    /// Which ledger.
    #[command(flatten)]
    pub connection: Connection,
    /// Who decides.
    #[command(flatten)]
    pub decision: Decision,
    /// The proposal, or as much of the beginning of its id as only it has (8 characters at least).
    pub proposal: String,
}

/// Lists what waits for approvals, and what is decided and does not hold yet.
#[derive(clap::Args, Debug)]
#[command(after_help = NODES_WORD)]
pub struct ProposalsArguments {
    /// Which ledger.
    #[command(flatten)]
    pub connection: Connection,
    /// Also what lapsed, and the decisions that hold already (the newest 64).
    #[arg(long)]
    pub all: bool,
}

/// Shows a proposal: what it changes, who approved, when it expires and takes effect.
#[derive(clap::Args, Debug)]
#[command(after_help = NODES_WORD)]
pub struct ShowArguments {
    /// Which ledger.
    #[command(flatten)]
    pub connection: Connection,
    /// The proposal, or as much of the beginning of its id as only it has (8 characters at least).
    pub proposal: String,
}

/// Shows who takes part: members, issuers, verifiers, process definitions, with fingerprints of keys.
#[derive(clap::Args, Debug)]
#[command(after_help = NODES_WORD)]
pub struct PartiesArguments {
    /// Which ledger.
    #[command(flatten)]
    pub connection: Connection,
}

/// Keys of members.
#[derive(clap::Args, Debug)]
pub struct KeyArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What to do with a key.
#[derive(clap::Subcommand, Debug)]
pub enum KeyCommand {
    /// Makes a key, readable by its owner alone, and prints its public part. Nothing is overwritten.
    New {
        /// Where it goes, for example keys/next-consensus.pem.
        file: PathBuf,
    },
    /// Prints public keys and their fingerprints, to be compared by telephone.
    Show {
        /// Key files (.pem) or member.json.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}
