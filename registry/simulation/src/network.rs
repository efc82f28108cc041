//! A consortium to simulate: its genesis, its keys, and the records of its issuer.

#![expect(
    clippy::expect_used,
    reason = "a fixed network that contradicts itself is a bug"
)]

use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{
        CaseId, Commitment, Epochs, Genesis, Issuer, KeyBytes, KeySet, Member, MemberRole,
        ProcessDefinition, Step,
        record::{Body, CaseEvent, Record},
    },
};
use registry_consensus::{Ballot, Config, ConsensusKey, PeerKey, Timing};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// The codes of a case's events, in the only order that the definition allows.
pub(crate) const CODES: [u16; 3] = [1, 2, 6];
/// When the simulation begins.
pub(crate) const BEGIN: u64 = 1_700_000_000;

/// Short, so that a run sees several epochs.
const EPOCH_BLOCKS: u64 = 50;
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// The members and what they agreed on.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) members: usize,
}

impl Network {
    pub(crate) fn of(members: usize) -> Self {
        let member = |n: usize| Member {
            name: format!("member{n}.example"),
            role: MemberRole::Company,
            url: "http://127.0.0.1:1".to_owned().try_into().expect("a URL"),
            peer_address: format!("127.0.0.1:{}", 7200 + n),
            consensus_key: public(&key(100 + n)),
            cosigning_key: public(&key(n)),
            governance_key: public(&key(200 + n)),
            validator: true,
            suspended: false,
        };
        let issuer = Issuer {
            id: "https://issuer.example"
                .to_owned()
                .try_into()
                .expect("a URL"),
            name: "Issuer".to_owned(),
            member: "member0.example".to_owned(),
            record_key: public(&issuer()),
            application_key: KeyBytes::from_bytes([1; 32]),
            trust_anchors: Vec::new(),
            jwks: KeySet { keys: Vec::new() },
            retired: false,
            former_record_keys: Vec::new(),
        };
        let step = |code: u16, name: &str, after: &[u16]| Step {
            code,
            name: name.to_owned(),
            after: after.to_vec(),
            terminal: code == 6,
        };
        let definition = ProcessDefinition {
            version: 1,
            activation_height: 0,
            steps: vec![
                step(1, "opened", &[]),
                step(2, "identity_document", &[1]),
                step(6, "closed", &[2]),
            ],
        };
        let all = (0..members).map(member).collect();
        let file = Genesis::to_json(
            "Simulation",
            Epochs::of_blocks(EPOCH_BLOCKS).expect("a length of epochs"),
            all,
            vec![issuer],
            Vec::new(),
            vec![definition],
        );
        Self {
            genesis: Arc::new(Genesis::parse(file.as_bytes()).expect("a genesis")),
            members,
        }
    }

    /// How many members have to sign, reckoned here.
    pub(crate) fn quorum(&self) -> usize {
        self.members - self.faulty_max()
    }

    pub(crate) fn faulty_max(&self) -> usize {
        (self.members - 1) / 3
    }

    pub(crate) fn peers(&self) -> Vec<PeerKey> {
        (0..self.members)
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
            floor: None,
        }
    }

    pub(crate) fn event(&self, case: [u8; 16], sequence: u32, code: u16) -> Record {
        let body = Body::CaseEvent(CaseEvent {
            case: CaseId::from_bytes(case),
            sequence,
            code,
            definition: 1,
            commitment: Commitment::from_bytes([9; 32]),
        });
        Record::sign(self.genesis.network(), body, &issuer())
    }
}

pub(crate) fn cosigning_key(member: usize) -> SigningKey {
    key(member)
}

fn consensus_key(member: usize) -> ConsensusKey {
    ConsensusKey::from_secret(&secret(100 + member)).expect("a secret")
}

fn issuer() -> SigningKey {
    key(250)
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
