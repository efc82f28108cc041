//! A network to test with: two issuers, holders of anchored credentials, and records about them.

use std::sync::{Arc, LazyLock};

use protocol::Timestamp;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::anchor::{Anchor, AnchorOpening, AnchorTree};
use protocol::registry::record::{
    Author, Body, CaseEvent, CredentialBatch, Designation, Erasure, Outcome, Record,
    StatusListVersion,
};
use protocol::registry::{
    ApplicationId, CaseId, Commitment, ContentDigest, Epochs, Genesis, Issuer, KeyBytes, KeySet,
    ListId, Member, MemberRole, ProcessDefinition, Step, Verifier,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::state::{BlockContext, State};

/// From this height on the second process definition is active, in which a case can be closed only after its residence
/// check.
pub(super) const SECOND_DEFINITION: u64 = 100;
/// The length of an epoch.
pub(super) const EPOCH_BLOCKS: u64 = 10;
/// How many holders each batch has.
pub(super) const HOLDERS: u8 = 4;

pub(super) fn genesis() -> Arc<Genesis> {
    static GENESIS: LazyLock<Arc<Genesis>> = LazyLock::new(|| Arc::new(new_genesis()));
    Arc::clone(&GENESIS)
}

fn new_genesis() -> Genesis {
    let definitions = vec![
        definition(1, 0, &[1]),
        definition(2, SECOND_DEFINITION, &[5]),
    ];
    let issuers = vec![issuer_entry(0), issuer_entry(1)];
    let members = (0..4).map(member).collect();
    let epochs = Epochs::of_blocks(EPOCH_BLOCKS).unwrap();
    let file = Genesis::to_json("Test", epochs, members, issuers, Vec::new(), definitions);
    Genesis::parse(file.as_bytes()).unwrap()
}

pub(super) fn member(n: u8) -> Member {
    Member {
        name: format!("member{n}.example"),
        role: MemberRole::Company,
        url: format!("http://127.0.0.1:71{n:02}").try_into().unwrap(),
        peer_address: format!("127.0.0.1:72{n:02}"),
        consensus_key: public(&key(200 + n)),
        cosigning_key: public(&key(220 + n)),
        governance_key: public(&governor(n)),
        validator: true,
        suspended: false,
    }
}

/// The key with which a member decides.
pub(super) fn governor(member: u8) -> SigningKey {
    key(240 + member)
}

pub(super) fn issuer_entry(n: u8) -> Issuer {
    Issuer {
        id: format!("https://issuer{n}.example").try_into().unwrap(),
        name: format!("Issuer {n}"),
        member: "member0.example".to_owned(),
        record_key: public(&issuer(n)),
        application_key: KeyBytes::from_bytes([n; 32]),
        trust_anchors: Vec::new(),
        jwks: KeySet { keys: Vec::new() },
        retired: false,
        former_record_keys: Vec::new(),
    }
}

pub(super) fn verifier_entry(name: &str) -> Verifier {
    let url = || "https://verifier.example".to_owned().try_into().unwrap();
    Verifier {
        id: url(),
        name: name.to_owned(),
        member: "member0.example".to_owned(),
        url: url(),
        trust_anchors: Vec::new(),
        purposes: Vec::new(),
    }
}

pub(super) fn definition(
    version: u32,
    activation_height: u64,
    close_after: &[u16],
) -> ProcessDefinition {
    let steps: [(u16, &str, &[u16]); 6] = [
        (1, "opened", &[]),
        (2, "identity_document", &[1]),
        (3, "name_identification", &[1]),
        (4, "asf_collation", &[1]),
        (5, "residence", &[2, 3, 4]),
        (6, "closed", close_after),
    ];
    let step = |(code, name, after): (u16, &str, &[u16])| Step {
        code,
        name: name.to_owned(),
        after: after.to_vec(),
        terminal: code == 6,
    };
    ProcessDefinition {
        version,
        activation_height,
        steps: steps.into_iter().map(step).collect(),
    }
}

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[seed; 32]).unwrap()
}

pub(super) fn issuer(n: u8) -> SigningKey {
    key(100 + n)
}

/// The key of a holder; every second one is a P-256 key.
pub(super) fn holder(n: u8) -> SigningKey {
    let algorithm = [Algorithm::EdDsa, Algorithm::Es256][usize::from(n % 2)];
    SigningKey::from_secret(algorithm, &[1 + n; 32]).unwrap()
}

pub(super) fn outcome_key(application: u8) -> SigningKey {
    key(150 + application)
}

pub(super) fn public(key: &SigningKey) -> KeyBytes {
    KeyBytes::from_bytes(key.public_key().to_bytes().try_into().unwrap())
}

pub(super) fn block(height: u64) -> BlockContext {
    BlockContext {
        height,
        time: Timestamp::from_unix(1_000 + height),
    }
}

pub(super) fn case(n: u8) -> CaseId {
    CaseId::from_bytes([n; 16])
}

pub(super) fn application(n: u8) -> ApplicationId {
    ApplicationId::from_bytes([n; 16])
}

pub(super) fn commitment(n: u8) -> Commitment {
    Commitment::from_bytes([n; 32])
}

/// Signs a statement for the test network.
pub(super) fn sign(body: Body, key: &SigningKey) -> Record {
    Record::sign(genesis().network(), body, key)
}

pub(super) fn event(case: u8, sequence: u32, code: u16) -> Body {
    Body::CaseEvent(CaseEvent {
        case: self::case(case),
        sequence,
        code,
        definition: 1,
        commitment: commitment(1),
    })
}

/// An event as the second process definition has it.
pub(super) fn later_event(case: u8, sequence: u32, code: u16) -> Body {
    Body::CaseEvent(CaseEvent {
        case: self::case(case),
        sequence,
        code,
        definition: 2,
        commitment: commitment(1),
    })
}

pub(super) fn erasure(case: u8, content: u8) -> Body {
    Body::Erasure(Erasure {
        case: self::case(case),
        commitment: commitment(content),
    })
}

pub(super) fn status_list(list: u8, sequence: u64, content: u8) -> Body {
    Body::StatusListVersion(StatusListVersion {
        list: ListId::from_bytes([list; 16]),
        sequence,
        digest: ContentDigest::from_bytes([content; 32]),
    })
}

fn anchor(holder: u8) -> Anchor {
    Anchor {
        nonce: [holder; 32],
        signing_input_hash: [holder ^ 0xff; 32],
        thumbprint: Author::of(self::holder(holder).public_key()).thumbprint(),
    }
}

/// The tree of every batch: one leaf for each holder.
fn tree() -> &'static AnchorTree {
    static TREE: LazyLock<AnchorTree> = LazyLock::new(|| {
        let leaves = (0..HOLDERS).map(|holder| anchor(holder).leaf()).collect();
        AnchorTree::build(leaves, 1, &mut ChaCha20Rng::seed_from_u64(0)).unwrap()
    });
    &TREE
}

pub(super) fn batch(sequence: u64) -> Body {
    let tree = tree();
    Body::CredentialBatch(CredentialBatch {
        sequence,
        root: tree.root(),
        depth: tree.depth(),
    })
}

/// A designation by a holder whose anchor stands in the batch at an index of the ledger.
pub(super) fn designation(application: u8, holder: u8, batch: u64) -> Designation {
    let anchor = anchor(holder);
    Designation {
        application: self::application(application),
        anchor: AnchorOpening {
            nonce: anchor.nonce,
            signing_input_hash: anchor.signing_input_hash,
            batch,
            leaf: holder.into(),
            path: tree().path(holder.into()).unwrap(),
        },
        commitment: commitment(2),
        outcome_key: *public(&outcome_key(application)).as_bytes(),
        expires: Timestamp::from_unix(1_500),
    }
}

pub(super) fn outcome(application: u8, sequence: u32, code: u8) -> Body {
    Body::Outcome(Outcome {
        application: self::application(application),
        sequence,
        code,
        commitment: commitment(3),
    })
}

/// A ledger on which these statements stand, one block each.
pub(super) fn ledger(statements: &[(Body, SigningKey)]) -> State<'static> {
    let mut state = State::new(genesis());
    for (height, (body, key)) in (1..).zip(statements) {
        state
            .apply(&sign(body.clone(), key), &block(height))
            .unwrap();
    }
    state
}

/// All that a state says, to be compared: a rejection must not change any of it.
pub(super) fn content(state: &State<'_>) -> String {
    format!("{:?}\n{}", state.checkpoint(), format_args!("{state:?}"))
}
