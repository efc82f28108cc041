//! A small network for tests: one issuer, one holder, a ledger of records that four members cosign.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use crate::application::{DesignationOpening, OutcomeOpening, UnverifiedConsent};
use crate::credential::{
    ClaimPath, CredentialTemplate, Decoys, IssuerVerification, KeyBindingExpectation,
    UnverifiedCredential, UnverifiedPresentedCredential, VCT_KYC, VerifiedCredential,
    VerifiedPresentedCredential, issue,
};
use crate::identity::jws::HeaderExtras;
use crate::identity::{Algorithm, SigningKey};
use crate::issuance::AnchorProof;
use crate::kyc::{Check, Judgement, Process};
use crate::registry::anchor::{Anchor, AnchorTree};
use crate::registry::checkpoint::{Checkpoint, write_checkpoint};
use crate::registry::merkle::{self, TreeHash};
use crate::registry::receipt::{VerifiedEntry, verify_receipt, write_receipt};
use crate::registry::record::{Body, CaseEvent, CredentialBatch, Designation, Record};
use crate::registry::{
    ApplicationId, ApplicationResult, BlocksDigest, CaseEventContent, CaseId, CheckResult,
    ContentDigest, Genesis, Issuer, Salt,
};
use crate::status::StatusReference;
use crate::{Date, Timestamp, base64url};

pub(super) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(super) const VERIFIER: &str = "https://a.securities.example";
pub(super) const PURPOSE: &str = "account_opening";
pub(super) const ISSUER: &str = "https://consortium.example";
pub(super) const CASE: CaseId = CaseId::from_bytes([0xca; 16]);
pub(super) const APPLICATION: ApplicationId = ApplicationId::from_bytes([0xa9; 16]);
pub(super) const DOCUMENTS: [ContentDigest; 1] = [ContentDigest::from_bytes([0xd0; 32])];
const REVIEWER: &str = "r-4f1d";
const DAY: &str = "2026-11-23";

pub(super) struct World {
    pub(super) genesis: Genesis,
    pub(super) issuer_key: SigningKey,
    pub(super) holder: SigningKey,
    pub(super) outcome: SigningKey,
    members: Vec<SigningKey>,
    pub(super) ledger: Vec<Record>,
    pub(super) rng: ChaCha20Rng,
    pub(super) credential: VerifiedCredential,
    tree: AnchorTree,
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[n; 32]).unwrap()
}

fn public(key: &SigningKey) -> String {
    base64url::encode(&key.public_key().to_bytes())
}

fn genesis(members: &[SigningKey], issuer: &SigningKey) -> Genesis {
    let member = |(n, key): (usize, &SigningKey)| {
        json!({
            "name": format!("m{n}.example"), "role": "company", "url": format!("http://127.0.0.1:71{n:02}"),
            "peer_address": format!("127.0.0.1:72{n:02}"), "consensus_key": public(key), "cosigning_key": public(key),
            "governance_key": public(key), "validator": true,
        })
    };
    let step =
        |code: u16, name: &str, after: &[u16]| json!({"code": code, "name": name, "after": after});
    let mut jwk = issuer.public_key().to_jwk();
    jwk["kid"] = json!("1");
    let file = json!({
        "tegata": "genesis/1", "name": "test", "epoch_blocks": 50,
        "members": members.iter().enumerate().map(member).collect::<Vec<_>>(),
        "issuers": [{
            "id": ISSUER, "name": "Consortium", "member": "m0.example", "record_key": public(issuer),
            "application_key": public(issuer), "trust_anchors": [], "jwks": {"keys": [jwk]},
        }],
        "verifiers": [],
        "process_definitions": [{"version": 1, "activation_height": 0, "steps": [
            step(1, "opened", &[]), step(2, "identity_document", &[1]), step(3, "name_identification", &[1]),
            step(4, "asf_collation", &[1]), step(5, "residence", &[2, 3, 4]),
            {"code": 6, "name": "closed", "after": [1], "terminal": true},
        ]}],
    });
    Genesis::parse(file.to_string().as_bytes()).unwrap()
}

pub(super) fn checks() -> Vec<Check> {
    (1_u32..)
        .zip(Process::ALL)
        .map(|(sequence, process)| Check {
            process,
            result: Judgement::Passed,
            completed_at: Date::parse(DAY).unwrap(),
            reviewer: REVIEWER.to_owned(),
            case: CASE,
            sequence,
            definition: 1,
            salt: Salt::from_bytes([u8::try_from(sequence).unwrap(); 32]),
        })
        .collect()
}

fn credential(
    issuer: &SigningKey,
    holder: &SigningKey,
    rng: &mut ChaCha20Rng,
) -> VerifiedCredential {
    let claims = json!({"verified_claims": {
        "verification": {"checks": checks()},
        "claims": {"family_name": "山田", "birthdate": "1990-04-01", "address": {"region": "東京都"}},
    }});
    let base = ClaimPath::root("verified_claims").name("claims");
    let template = CredentialTemplate {
        iss: ISSUER.to_owned(),
        vct: VCT_KYC.to_owned(),
        issued_at: NOW,
        expires: NOW.plus_seconds(400 * 86_400),
        status: StatusReference::new("https://consortium.example/status/1", 7).unwrap(),
        claims: claims.as_object().unwrap().clone(),
        disclosable: vec![
            base.clone().name("family_name"),
            base.clone().name("birthdate"),
            base.clone().name("address"),
            base.name("address").name("region"),
        ],
        decoys: Decoys::None,
    };
    let extras = HeaderExtras {
        kid: Some("1".to_owned()),
        ..HeaderExtras::default()
    };
    let issued = issue(&template, holder.public_key(), issuer, &extras, rng).unwrap();
    UnverifiedCredential::parse(&issued.compact)
        .unwrap()
        .verify(&trusted(issuer), NOW)
        .unwrap()
}

fn trusted(issuer: &SigningKey) -> IssuerVerification {
    let mut jwk = issuer.public_key().to_jwk();
    jwk["kid"] = json!("1");
    IssuerVerification::by_jwks(ISSUER, &json!({"keys": [jwk]})).unwrap()
}

impl World {
    /// A case that passed all checks, one anchored credential, no designation yet.
    pub(super) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let members: Vec<SigningKey> = (1..=4).map(key).collect();
        let (issuer_key, holder, outcome) = (key(11), key(12), key(13));
        let genesis = genesis(&members, &issuer_key);
        let credential = credential(&issuer_key, &holder, &mut rng);
        let leaf = Anchor {
            nonce: [5; 32],
            signing_input_hash: credential.signing_input_hash(),
            thumbprint: holder.public_key().thumbprint(),
        }
        .leaf();
        let tree = AnchorTree::build(vec![leaf], 8, &mut rng).unwrap();
        let mut world = Self {
            genesis,
            issuer_key,
            holder,
            outcome,
            members,
            ledger: Vec::new(),
            rng,
            credential,
            tree,
        };
        for (sequence, code, name, result) in [
            (0, 1, "opened", CheckResult::None),
            (1, 2, "identity_document", CheckResult::Passed),
            (2, 3, "name_identification", CheckResult::Passed),
            (3, 4, "asf_collation", CheckResult::Passed),
            (4, 5, "residence", CheckResult::Passed),
        ] {
            world.record_event(sequence, code, name, result);
        }
        let batch = CredentialBatch {
            sequence: 0,
            root: world.tree.root(),
            depth: world.tree.depth(),
        };
        world.append(Body::CredentialBatch(batch), &key(11));
        world
    }

    fn record_event(&mut self, sequence: u32, code: u16, process: &str, result: CheckResult) {
        let evidence: &[ContentDigest] = if code == 2 { &DOCUMENTS } else { &[] };
        let content = CaseEventContent {
            process,
            result,
            completed_at: DAY,
            reviewer: REVIEWER,
            evidence,
        };
        let commitment = content.commit(&Salt::from_bytes([u8::try_from(sequence).unwrap(); 32]));
        let event = CaseEvent {
            case: CASE,
            sequence,
            code,
            definition: 1,
            commitment,
        };
        self.append(Body::CaseEvent(event), &key(11));
    }

    /// Puts a record on the ledger and gives its index.
    pub(super) fn append(&mut self, body: Body, author: &SigningKey) -> usize {
        self.ledger
            .push(Record::sign(self.genesis.network(), body, author));
        self.ledger.len() - 1
    }

    /// A receipt that a quorum cosigned at this time.
    pub(super) fn receipt_at(&self, index: usize, time: Timestamp) -> String {
        let mut stored: Vec<TreeHash> = Vec::new();
        for (size, record) in (0_u64..).zip(&self.ledger) {
            let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
            let new = merkle::append(size, record.leaf_hash(), read).unwrap();
            stored.extend(new.into_iter().map(|(_, hash)| hash));
        }
        let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
        let size = u64::try_from(self.ledger.len()).unwrap();
        let checkpoint = Checkpoint {
            network: self.genesis.network(),
            size,
            root: merkle::root(size, read).unwrap(),
            height: 1,
            time,
            trusted_parties: ContentDigest::of(b"parties"),
            blocks: BlocksDigest::START,
        };
        let cosigners = self.genesis.cosigners();
        let signatures: Vec<_> = self
            .members
            .iter()
            .map(|key| cosigners.cosign(&checkpoint, key, time).unwrap())
            .collect();
        let index = u64::try_from(index).unwrap();
        let path = merkle::prove_inclusion(index, size, read).unwrap();
        write_receipt(
            index,
            &path,
            &write_checkpoint(&checkpoint, &signatures).unwrap(),
        )
    }

    pub(super) fn entry(&self, index: usize) -> VerifiedEntry {
        let receipt = self.receipt_at(index, NOW);
        verify_receipt(
            &receipt,
            self.ledger[index].as_bytes(),
            self.genesis.committees(),
        )
        .unwrap()
    }

    /// The events of the case, with their proofs checked.
    pub(super) fn case(&self) -> Vec<VerifiedEntry> {
        let of_case = |(_, record): &(usize, &Record)| {
            matches!(record.body(), Body::CaseEvent(event) if event.case == CASE)
                || matches!(record.body(), Body::Erasure(erasure) if erasure.case == CASE)
        };
        self.ledger
            .iter()
            .enumerate()
            .filter(of_case)
            .map(|(index, _)| self.entry(index))
            .collect()
    }

    pub(super) fn issuer(&self) -> &Issuer {
        self.genesis.parties().issuer(ISSUER).unwrap()
    }

    pub(super) fn anchor(&self) -> AnchorProof {
        AnchorProof {
            nonce: [5; 32],
            batch: 5,
            leaf: 0,
            path: self.tree.path(0).unwrap(),
            receipt: self.receipt_at(5, NOW),
            record: self.ledger[5].as_bytes().to_vec(),
        }
    }

    pub(super) fn opening(claims: &[Value]) -> DesignationOpening {
        DesignationOpening {
            salt: Salt::from_bytes([6; 32]),
            claims: claims
                .iter()
                .map(|path| serde_json::from_value(path.clone()).unwrap())
                .collect(),
        }
    }

    /// What the holder agreed to in the honest case.
    pub(super) fn agreed() -> DesignationOpening {
        Self::opening(&[
            json!(["verified_claims", "claims", "family_name"]),
            json!(["verified_claims", "claims", "address", "region"]),
        ])
    }

    pub(super) fn designation(&self) -> Designation {
        Designation {
            application: APPLICATION,
            anchor: self.anchor().opening(self.credential.signing_input_hash()),
            commitment: Self::agreed().commit(VERIFIER, PURPOSE),
            outcome_key: self.outcome.public_key().to_bytes().try_into().unwrap(),
            expires: NOW.plus_seconds(86_400),
        }
    }

    /// The consent with this designation, recorded by this key and cosigned at this time.
    pub(super) fn consent(
        &mut self,
        designation: Designation,
        author: &SigningKey,
        at: Timestamp,
    ) -> UnverifiedConsent {
        let anchor = self.anchor();
        let index = self.append(Body::Designation(designation), author);
        UnverifiedConsent {
            anchor,
            designation_record: self.ledger[index].as_bytes().to_vec(),
            designation_receipt: self.receipt_at(index, at),
            opening: Self::agreed(),
        }
    }

    /// A presentation of some claims to the company, now.
    pub(super) fn present(&self, claims: &[Value]) -> VerifiedPresentedCredential {
        let paths: Vec<ClaimPath> = claims
            .iter()
            .map(|path| serde_json::from_value(path.clone()).unwrap())
            .collect();
        let nonce = "n-0S6_WzA2Mj-n-0S6_WzA2Mj";
        let presented = self
            .credential
            .present(&paths, VERIFIER, nonce, &[], &self.holder, NOW)
            .unwrap();
        UnverifiedPresentedCredential::parse(&presented)
            .unwrap()
            .verify(
                &trusted(&self.issuer_key),
                &KeyBindingExpectation::new(VERIFIER, nonce),
                NOW,
            )
            .unwrap()
    }

    /// Records an outcome of the application and gives what opens it.
    pub(super) fn decide(&mut self, result: ApplicationResult) -> (OutcomeOpening, VerifiedEntry) {
        let opening = OutcomeOpening::new(result, NOW, &mut self.rng);
        self.ledger
            .push(opening.sign(self.genesis.network(), APPLICATION, &self.outcome));
        (opening, self.entry(self.ledger.len() - 1))
    }
}
