//! A network to test with: members, an issuer, its records, and blocks of them. Seeded, so that runs repeat.

use crate::{cosigning::Cosigning, replica::Replica, store::Store};
use bytes::Bytes;
use protocol::{
    Timestamp,
    identity::{Algorithm, SigningKey},
    registry::{
        ApplicationId, CaseId, Commitment, ContentDigest, Epochs, Genesis, Issuer, KeyBytes,
        KeySet, ListId, Member, MemberRole, ProcessDefinition, Step,
        anchor::{Anchor, AnchorOpening, AnchorTree},
        governance::Change,
        record::{
            Approval, Author, Body, CaseEvent, CredentialBatch, Designation, Outcome, Proposal,
            Record, StatusListVersion, UnverifiedRecord,
        },
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use registry_consensus::{OrderedBlock, PeerKey};
use std::{path::Path, sync::Arc};

pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

pub(crate) struct Network {
    pub(crate) genesis: Arc<Genesis>,
}

impl Network {
    pub(crate) fn of(members: u8) -> Self {
        let file = Self::genesis_file(members);
        Self {
            genesis: Arc::new(Genesis::parse(file.as_bytes()).unwrap()),
        }
    }

    pub(crate) fn genesis_file(members: u8) -> String {
        let issuer = Issuer {
            id: "https://issuer.example".to_owned().try_into().unwrap(),
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
                step(6, "closed", &[1]),
            ],
        };
        let members = (0..members).map(Self::member).collect();
        let epochs = Epochs::of_blocks(1_000).unwrap();
        let issuers = vec![issuer];
        Genesis::to_json(
            "Test",
            epochs,
            members,
            issuers,
            Vec::new(),
            vec![definition],
        )
    }

    pub(crate) fn member(n: u8) -> Member {
        Member {
            name: format!("member{n}.example"),
            role: MemberRole::Company,
            url: format!("http://127.0.0.1:{}", 7100 + u16::from(n))
                .try_into()
                .unwrap(),
            peer_address: format!("127.0.0.1:{}", 7200 + u16::from(n)),
            consensus_key: public(&key(100 + n)),
            cosigning_key: public(&key(n)),
            governance_key: public(&governor(n)),
            validator: true,
            suspended: false,
        }
    }

    /// That another organisation becomes a member.
    pub(crate) fn admission(n: u8) -> Change {
        Change::AdmitMember {
            member: Self::member(n),
        }
    }

    /// A proposal by a member.
    pub(crate) fn proposal(&self, by: u8, change: Change) -> Record {
        let body = Body::Proposal(Box::new(Proposal {
            activation_height: 0,
            expires: NOW.plus_seconds(24 * 60 * 60),
            change,
        }));
        Record::sign(self.genesis.network(), body, &governor(by))
    }

    /// An approval by a member.
    pub(crate) fn approval(&self, by: u8, proposal: &Record) -> Record {
        let body = Body::Approval(Approval {
            proposal: proposal.id(),
        });
        Record::sign(self.genesis.network(), body, &governor(by))
    }

    /// A record from its bytes.
    pub(crate) fn record(&self, bytes: &[u8]) -> Record {
        let record = UnverifiedRecord::decode(bytes).unwrap();
        record.verify(&self.genesis.network()).unwrap()
    }

    pub(crate) fn store(&self, directory: &Path) -> Store {
        Store::open(directory, self.genesis.network()).unwrap()
    }

    pub(crate) fn cosigning(&self, member: u8, directory: &Path) -> Cosigning {
        let committees = self.genesis.committees().clone();
        Cosigning::new(committees, vec![key(member)], self.store(directory)).unwrap()
    }

    pub(crate) fn replica(&self, member: u8, directory: &Path) -> Replica {
        let store = self.store(directory);
        Replica::open(self.genesis.clone(), store, vec![key(member)], NOW).unwrap()
    }

    pub(crate) fn event(&self, case: u8, sequence: u32, code: u16) -> Record {
        self.event_by(case, sequence, code, &issuer())
    }

    pub(crate) fn event_by(
        &self,
        case: u8,
        sequence: u32,
        code: u16,
        author: &SigningKey,
    ) -> Record {
        let body = Body::CaseEvent(CaseEvent {
            case: CaseId::from_bytes([case; 16]),
            sequence,
            code,
            definition: 1,
            commitment: Commitment::from_bytes([9; 32]),
        });
        Record::sign(self.genesis.network(), body, author)
    }

    /// A batch with one anchored credential as the first record of the ledger, a designation with it, and both outcomes.
    pub(crate) fn application(&self) -> [Record; 4] {
        let (holder, company) = (key(240), key(241));
        let anchor = Anchor {
            nonce: [1; 32],
            signing_input_hash: [2; 32],
            thumbprint: Author::of(holder.public_key()).thumbprint(),
        };
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let tree = AnchorTree::build(vec![anchor.leaf()], 1, &mut rng).unwrap();
        let application = ApplicationId::from_bytes([7; 16]);
        let sign = |body, key: &SigningKey| Record::sign(self.genesis.network(), body, key);
        let batch = Body::CredentialBatch(CredentialBatch {
            sequence: 0,
            root: tree.root(),
            depth: tree.depth(),
        });
        let designation = Body::Designation(Designation {
            application,
            anchor: AnchorOpening {
                nonce: anchor.nonce,
                signing_input_hash: anchor.signing_input_hash,
                batch: 0,
                leaf: 0,
                path: tree.path(0).unwrap(),
            },
            commitment: Commitment::from_bytes([3; 32]),
            outcome_key: *public(&company).as_bytes(),
            expires: Timestamp::from_unix(9_000_000_000),
        });
        let outcome = |sequence: u32, code: u8| {
            Body::Outcome(Outcome {
                application,
                sequence,
                code,
                commitment: Commitment::from_bytes([4; 32]),
            })
        };
        [
            sign(batch, &issuer()),
            sign(designation, &holder),
            sign(outcome(0, 1), &company),
            sign(outcome(1, 2), &company),
        ]
    }

    pub(crate) fn status_list(&self, sequence: u64, token: &[u8]) -> Record {
        let body = Body::StatusListVersion(StatusListVersion {
            list: ListId::from_bytes([5; 16]),
            sequence,
            digest: ContentDigest::of(token),
        });
        Record::sign(self.genesis.network(), body, &issuer())
    }
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[seed + 1; 32]).unwrap()
}

pub(crate) fn issuer() -> SigningKey {
    key(250)
}

pub(crate) fn governor(member: u8) -> SigningKey {
    key(50 + member)
}

pub(crate) fn peer(member: u8) -> PeerKey {
    PeerKey::from_bytes(*public(&key(100 + member)).as_bytes())
}

fn public(key: &SigningKey) -> KeyBytes {
    KeyBytes::from_bytes(key.public_key().to_bytes().try_into().unwrap())
}

pub(crate) fn block(height: u64, records: &[&Record]) -> OrderedBlock {
    OrderedBlock {
        height,
        time_ms: (NOW.as_unix() + height) * 1000,
        records: records.iter().map(|record| bytes(record)).collect(),
    }
}

pub(crate) fn bytes(record: &Record) -> Bytes {
    Bytes::copy_from_slice(record.as_bytes())
}
