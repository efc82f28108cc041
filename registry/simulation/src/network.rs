//! A consortium to simulate: its genesis, its keys, the records of its issuer, and what its members decide.

#![expect(
    clippy::expect_used,
    reason = "a fixed network that contradicts itself is a bug"
)]

use protocol::{
    Timestamp,
    identity::{Algorithm, SigningKey},
    registry::{
        CaseId, Commitment, Epochs, Genesis, Issuer, KeyBytes, KeySet, Member, MemberRole,
        ProcessDefinition, RecordId, Step,
        governance::Change,
        record::{Approval, Body, CaseEvent, Proposal, Record},
    },
};
use registry_consensus::{Ballot, Config, ConsensusKey, PeerKey, Timing};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// The codes of a case's events, in the only order that the definition allows.
pub(crate) const CODES: [u16; 3] = [1, 2, 6];
/// When the simulation begins.
pub(crate) const BEGIN: u64 = 1_700_000_000;

/// Short, so that a run sees several epochs.
const EPOCH_BLOCKS: u64 = 20;
/// Proposals are open for longer than any run.
const TERM_SECONDS: u64 = 86_400;
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// The members and what they agreed on.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) genesis: Arc<Genesis>,
    /// The members of the genesis file; the one after them may be admitted.
    pub(crate) members: usize,
}

impl Network {
    pub(crate) fn of(members: usize) -> Self {
        let all = (0..members).map(|member| founder(member, 0)).collect();
        let file = Genesis::to_json(
            "Simulation",
            Epochs::of_blocks(EPOCH_BLOCKS).expect("a length of epochs"),
            all,
            vec![the_issuer(0)],
            Vec::new(),
            vec![definition(1)],
        );
        Self {
            genesis: Arc::new(Genesis::parse(file.as_bytes()).expect("a genesis")),
            members,
        }
    }

    /// How many machines there are: one more than members at first.
    pub(crate) const fn seats(&self) -> usize {
        self.members + 1
    }

    pub(crate) fn peers(&self) -> Vec<PeerKey> {
        (0..self.seats())
            .map(|n| consensus_key(n).public_key())
            .collect()
    }

    pub(crate) fn config(&self, member: usize, ballot: Arc<dyn Ballot>) -> Config {
        Config {
            keys: vec![consensus_key(member)],
            network: *self.genesis.network().as_bytes(),
            epoch_blocks: self.genesis.epochs().length(),
            listen: NOWHERE,
            directory: PathBuf::new(),
            timing: Timing::DEFAULT,
            ballot,
        }
    }

    /// A step of a case, signed with the issuer's key of a generation.
    pub(crate) fn event(&self, case: [u8; 16], step: (u32, u16), version: u32, key: u8) -> Record {
        let body = Body::CaseEvent(CaseEvent {
            case: CaseId::from_bytes(case),
            sequence: step.0,
            code: step.1,
            definition: version,
            commitment: Commitment::from_bytes([9; 32]),
        });
        Record::sign(self.genesis.network(), body, &issuer(key))
    }

    pub(crate) fn proposal(&self, member: usize, activation_height: u64, change: Change) -> Record {
        let body = Body::Proposal(Box::new(Proposal {
            activation_height,
            expires: Timestamp::from_unix(BEGIN + TERM_SECONDS),
            change,
        }));
        Record::sign(self.genesis.network(), body, &governor(member))
    }

    pub(crate) fn approval(&self, member: usize, proposal: RecordId) -> Record {
        let body = Body::Approval(Approval { proposal });
        Record::sign(self.genesis.network(), body, &governor(member))
    }
}

/// A member, with the cosigning key of a generation.
pub(crate) fn founder(member: usize, generation: u8) -> Member {
    Member {
        name: name(member),
        role: MemberRole::Company,
        url: "http://127.0.0.1:1".to_owned().try_into().expect("a URL"),
        peer_address: format!("127.0.0.1:{}", 7200 + member),
        consensus_key: public(&key(100 + member)),
        cosigning_key: public(&cosigning_key(member, generation)),
        governance_key: public(&governor(member)),
        validator: true,
        suspended: false,
    }
}

/// The issuer, with the record key of a generation.
pub(crate) fn the_issuer(generation: u8) -> Issuer {
    let id = "https://issuer.example".to_owned();
    Issuer {
        id: id.try_into().expect("a URL"),
        name: "Issuer".to_owned(),
        member: name(0),
        record_key: public(&issuer(generation)),
        application_key: KeyBytes::from_bytes([1; 32]),
        trust_anchors: Vec::new(),
        jwks: KeySet { keys: Vec::new() },
        retired: false,
        former_record_keys: Vec::new(),
    }
}

/// The process definition of a version; the second one has a step more that no case needs.
pub(crate) fn definition(version: u32) -> ProcessDefinition {
    let step = |code: u16, name: &str, after: &[u16]| Step {
        code,
        name: name.to_owned(),
        after: after.to_vec(),
        terminal: code == 6,
    };
    let mut steps = vec![
        step(1, "opened", &[]),
        step(2, "identity_document", &[1]),
        step(6, "closed", &[2]),
    ];
    if version > 1 {
        steps.insert(2, step(3, "second_look", &[2]));
    }
    ProcessDefinition {
        version,
        activation_height: 0,
        steps,
    }
}

pub(crate) fn name(member: usize) -> String {
    format!("member{member}.example")
}

/// A member's key for checkpoints: it may change once.
pub(crate) fn cosigning_key(member: usize, generation: u8) -> SigningKey {
    key(member + 50 * usize::from(generation))
}

pub(crate) fn consensus_key(member: usize) -> ConsensusKey {
    ConsensusKey::from_secret(&secret(100 + member)).expect("a secret")
}

fn governor(member: usize) -> SigningKey {
    key(200 + member)
}

fn issuer(generation: u8) -> SigningKey {
    key(240 + usize::from(generation))
}

fn key(seed: usize) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &secret(seed)).expect("a secret")
}

fn secret(seed: usize) -> [u8; 32] {
    [u8::try_from(seed + 1).unwrap_or(u8::MAX); 32]
}

fn public(key: &SigningKey) -> KeyBytes {
    let bytes = key.public_key().to_bytes();
    KeyBytes::from_bytes(bytes.try_into().expect("32 bytes"))
}
