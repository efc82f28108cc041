//! Who is in the sandbox.

/// An organisation of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// One letter or word, for folders and command lines.
    pub short: &'static str,
    /// Its name in the registry.
    pub member: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Its role in the registry.
    pub role: &'static str,
    /// Who logs in there.
    pub staff: &'static str,
}

/// The joint body that checks and issues.
pub const CONSORTIUM: Organisation = Organisation {
    short: "consortium",
    member: "consortium.example",
    name: "証券本人確認コンソーシアム",
    role: "consortium",
    staff: "ninomiya",
};

/// Company A.
pub const COMPANY_A: Organisation = Organisation {
    short: "a",
    member: "a.securities.example",
    name: "東雲証券株式会社",
    role: "company",
    staff: "aoki",
};

/// Company B.
pub const COMPANY_B: Organisation = Organisation {
    short: "b",
    member: "b.securities.example",
    name: "青海波証券株式会社",
    role: "company",
    staff: "baba",
};

/// Company C, which runs a node and opens no accounts here.
pub const COMPANY_C: Organisation = Organisation {
    short: "c",
    member: "c.securities.example",
    name: "千鳥証券株式会社",
    role: "company",
    staff: "chiba",
};

const fn notary(short: &'static str, member: &'static str, name: &'static str) -> Organisation {
    Organisation {
        short,
        member,
        name,
        role: "notary",
        staff: "",
    }
}

/// Independent notaries: with the consortium's node they are the four voters that stand one fault.
pub const NOTARIES: [Organisation; 3] = [
    notary("notary-1", "one.notary.example", "第一公証人"),
    notary("notary-2", "two.notary.example", "第二公証人"),
    notary("notary-3", "three.notary.example", "第三公証人"),
];

/// Who votes on the order of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TrustModel {
    /// Every member.
    #[default]
    AllParticipants,
    /// The consortium and notaries; companies observe, replay and cosign.
    ConsortiumAndNotary,
}

impl TrustModel {
    /// Everyone who runs a registry node.
    #[must_use]
    pub fn members(self) -> Vec<Organisation> {
        let notaries: &[Organisation] = match self {
            Self::AllParticipants => &[],
            Self::ConsortiumAndNotary => &NOTARIES,
        };
        [MEMBERS.as_slice(), notaries].concat()
    }

    /// Whether a member votes.
    #[must_use]
    pub fn votes(self, member: &Organisation) -> bool {
        self == Self::AllParticipants || member.role != "company"
    }
}

/// Everyone who runs a registry node where all participants vote, in the order of the genesis file.
pub const MEMBERS: [Organisation; 4] = [CONSORTIUM, COMPANY_A, COMPANY_B, COMPANY_C];

/// The companies that open accounts.
pub const COMPANIES: [Organisation; 2] = [COMPANY_A, COMPANY_B];

impl Organisation {
    /// The identifier that stands in its certificate as a verifier.
    pub fn verifier_id(&self) -> String {
        format!("https://{}", self.member)
    }
}
