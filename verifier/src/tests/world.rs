//! A company with its registry, an issuer and a holder, in one process.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use clap::Parser as _;
use protocol::credential::{
    CredentialTemplate, Decoys, IssuerVerification, UnverifiedCredential, VCT_KYC,
    VerifiedCredential, disclosable_in_kyc, issue,
};
use protocol::identity::jws::HeaderExtras;
use protocol::identity::x5c::Role;
use protocol::identity::{Algorithm, SigningKey};
use protocol::issuance::AnchorProof;
use protocol::kyc::{Check, Judgement, Process};
use protocol::registry::anchor::{Anchor, AnchorTree};
use protocol::registry::record::{Body, CaseEvent, CredentialBatch, Record, StatusListVersion};
use protocol::registry::{
    CaseEventContent, CaseId, CheckResult, ContentDigest, Genesis, ListId, Salt, StatusListEntry,
    Verifier as Registration,
};
use protocol::status::{Status, StatusBits, StatusList, StatusListClaims, StatusReference};
use protocol::{Date, Timestamp, base64url};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};
use service::{clock, random};
use tempfile::TempDir;

use super::ledger::{self, Shared};
use crate::config::Config;
use crate::registry;
use crate::setup::{SetupArguments, set_up};
use crate::verifier::Verifier;

pub(super) const COMPANY: &str = "https://a.securities.example";
pub(super) const PASSPHRASE: &str = "correct horse battery";
pub(super) const IMAGE: &[u8] = b"\x89PNG of a licence";
pub(super) const CASE: CaseId = CaseId::from_bytes([0xca; 16]);
pub(super) const ISSUER: &str = "https://consortium.example";
const STATUS_URI: &str = "https://consortium.example/status/1";
const REVIEWER: &str = "r-4f1d";
const STATUS_ENTRIES: u64 = 1 << 17;

#[derive(clap::Parser)]
struct SetupLine {
    #[command(flatten)]
    arguments: SetupArguments,
}

pub(super) struct World {
    pub(super) verifier: Arc<Verifier>,
    pub(super) router: Router,
    pub(super) ledger: Shared,
    pub(super) issuer: SigningKey,
    pub(super) rng: ChaCha20Rng,
    pub(super) registration: Registration,
    status_sequence: u64,
    folder: TempDir,
}

/// A credential with what shows its anchor.
pub(super) struct Instance {
    pub(super) holder: SigningKey,
    pub(super) credential: VerifiedCredential,
    pub(super) anchor: AnchorProof,
}

/// What may be different about a person.
pub(super) struct Person {
    pub(super) birthdate: &'static str,
    pub(super) status_idx: u64,
    pub(super) reviewer: &'static str,
}

pub(super) const ADULT: Person = Person {
    birthdate: "1990-04-01",
    status_idx: 7,
    reviewer: REVIEWER,
};

fn key(n: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[n; 32]).unwrap()
}

fn public(key: &SigningKey) -> String {
    base64url::encode(&key.public_key().to_bytes())
}

fn named_jwk(key: &SigningKey) -> Value {
    let mut jwk = key.public_key().to_jwk();
    jwk["kid"] = json!("1");
    jwk
}

pub(super) fn trusted(issuer: &SigningKey) -> IssuerVerification {
    IssuerVerification::by_jwks(ISSUER, &json!({"keys": [named_jwk(issuer)]})).unwrap()
}

/// Root and leaf of the company, as PEM files.
fn write_certificates(folder: &Path, key: &SigningKey) {
    let pair = |key: &SigningKey| KeyPair::try_from(key.to_pkcs8_der().as_slice()).unwrap();
    let authority_key = pair(&SigningKey::from_secret(Algorithm::Es256, &[31; 32]).unwrap());
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "Test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root = authority.self_signed(&authority_key).unwrap();
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name
        .push(DnType::OrganizationName, "A Securities");
    leaf.subject_alt_names = vec![SanType::URI(COMPANY.try_into().unwrap())];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let purpose = Role::PresentationVerifier.key_purpose();
    let purpose = purpose.split('.').map(|arc| arc.parse().unwrap()).collect();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose)];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf
        .signed_by(&pair(key), &Issuer::new(authority, authority_key))
        .unwrap();
    std::fs::write(folder.join("root.pem"), root.pem()).unwrap();
    std::fs::write(folder.join("chain.pem"), leaf.pem() + &root.pem()).unwrap();
}

/// Runs `setup` as an operator does.
fn set_up_company(folder: &Path) {
    let signing_key = SigningKey::from_secret(Algorithm::Es256, &[32; 32]).unwrap();
    write_certificates(folder, &signing_key);
    let key_file = service::config::SecretPath::new(folder.join("given-key.pem"));
    key_file
        .create(signing_key.to_pkcs8_pem().as_bytes())
        .unwrap();
    std::fs::write(folder.join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let line = [
        "setup",
        "--dir",
        &path("company"),
        "--id",
        COMPANY,
        "--name",
        "A証券",
        "--member",
        "m1.example",
        "--url",
        "http://127.0.0.1:7443",
        "--trust-anchor",
        &path("root.pem"),
        "--key",
        &path("given-key.pem"),
        "--certificates",
        &path("chain.pem"),
        "--staff",
        "aoki",
        "--staff-passphrase-file",
        &path("passphrase"),
        "--development-loopback-http",
    ];
    set_up(&SetupLine::parse_from(line).arguments, &mut random::os()).unwrap();
}

fn genesis(
    node: &str,
    members: &[SigningKey],
    issuer: &SigningKey,
    registration: &Registration,
) -> String {
    let member = |(n, key): (usize, &SigningKey)| {
        json!({
            "name": format!("m{n}.example"), "role": "company", "url": node,
            "peer_address": format!("127.0.0.1:72{n:02}"), "consensus_key": public(key), "cosigning_key": public(key),
            "governance_key": public(key), "validator": true,
        })
    };
    let step =
        |code: u16, name: &str, after: &[u16]| json!({"code": code, "name": name, "after": after});
    json!({
        "tegata": "genesis/1", "name": "test", "epoch_blocks": 50,
        "members": members.iter().enumerate().map(member).collect::<Vec<_>>(),
        "issuers": [{
            "id": ISSUER, "name": "Consortium", "member": "m0.example", "record_key": public(issuer),
            "application_key": public(issuer), "trust_anchors": [], "jwks": {"keys": [named_jwk(issuer)]},
        }],
        "verifiers": [registration],
        "process_definitions": [{"version": 1, "activation_height": 0, "steps": [
            step(1, "opened", &[]), step(2, "identity_document", &[1]), step(3, "name_identification", &[1]),
            step(4, "asf_collation", &[1]), step(5, "residence", &[2, 3, 4]),
            {"code": 6, "name": "closed", "after": [1], "terminal": true},
        ]}],
    })
    .to_string()
}

impl World {
    /// A company that is set up, a case that passed all checks, and an empty status list.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_up_company(folder.path());
        let ledger = Shared::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let node = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, ledger::router(ledger.clone())).into_future());

        let company = folder.path().join("company");
        let entry = std::fs::read(company.join("verifier.json")).unwrap();
        let registration: Registration = serde_json::from_slice(&entry).unwrap();
        let members: Vec<SigningKey> = (1..=4).map(key).collect();
        let issuer = key(11);
        let file = genesis(&node, &members, &issuer, &registration);
        ledger.begin(Genesis::parse(file.as_bytes()).unwrap(), members);
        std::fs::write(company.join("genesis.json"), file).unwrap();

        let verifier = open(&company);
        let mut world = Self {
            router: crate::api::router(Arc::clone(&verifier)),
            verifier,
            ledger,
            issuer,
            rng: ChaCha20Rng::seed_from_u64(1),
            registration,
            status_sequence: 0,
            folder,
        };
        world.record_case();
        world.publish_status(&[]);
        world.verifier.registry.refresh(clock::now()).await.unwrap();
        world
    }

    /// Stops the company and starts it again from its folder.
    pub(super) async fn restart(self) -> Self {
        let Self {
            verifier,
            router,
            ledger,
            issuer,
            rng,
            registration,
            status_sequence,
            folder,
        } = self;
        // The vault is locked until every handle on it is gone.
        drop(router);
        drop(Arc::into_inner(verifier).expect("nobody else holds the verifier"));
        let verifier = open(&folder.path().join("company"));
        verifier.registry.refresh(clock::now()).await.unwrap();
        let router = crate::api::router(Arc::clone(&verifier));
        Self {
            verifier,
            router,
            ledger,
            issuer,
            rng,
            registration,
            status_sequence,
            folder,
        }
    }

    /// All files of the company's data.
    pub(super) fn files(&self) -> Vec<std::path::PathBuf> {
        let mut folders = vec![self.folder.path().join("company/data")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    files.push(path)
                }
            }
        }
        files
    }

    /// The outcomes that are to be handed in now.
    pub(super) fn queued(&self) -> Vec<registry::Queued> {
        registry::queued(&self.verifier.vault, &self.verifier.network(), clock::now()).unwrap()
    }

    /// Hands in outcomes once, as the task does; says how many wait.
    pub(super) async fn submit(&self) -> usize {
        let queued = self.queued();
        let round = registry::submit_queued(&self.verifier, queued, clock::now()).await;
        round.waiting
    }

    fn sign(&self, body: Body) -> Record {
        Record::sign(self.verifier.network(), body, &self.issuer)
    }

    fn record_case(&mut self) {
        let day = clock::now().date_in_japan().to_string();
        for (sequence, code, process, result) in [
            (0, 1, "opened", CheckResult::None),
            (1, 2, "identity_document", CheckResult::Passed),
            (2, 3, "name_identification", CheckResult::Passed),
            (3, 4, "asf_collation", CheckResult::Passed),
            (4, 5, "residence", CheckResult::Passed),
        ] {
            let images = [ContentDigest::of(IMAGE)];
            let evidence: &[ContentDigest] = if code == 2 { &images } else { &[] };
            let content = CaseEventContent {
                process,
                result,
                completed_at: &day,
                reviewer: REVIEWER,
                evidence,
            };
            let commitment = content.commit(&salt(sequence));
            let event = CaseEvent {
                case: CASE,
                sequence,
                code,
                definition: 1,
                commitment,
            };
            let record = self.sign(Body::CaseEvent(event));
            self.ledger.with(|ledger| ledger.append(record));
        }
    }

    /// Publishes a new version of the status list in which these indices are revoked.
    pub(super) fn publish_status(&mut self, revoked: &[u64]) {
        let now = clock::now();
        let mut list = StatusList::new(StatusBits::Two, STATUS_ENTRIES).unwrap();
        for idx in revoked {
            list.set(*idx, Status::Invalid).unwrap();
        }
        let claims = StatusListClaims {
            uri: STATUS_URI.to_owned(),
            issued_at: now.minus_seconds(10).plus_seconds(self.status_sequence),
            expires: now.plus_seconds(3_600),
            ttl_seconds: 60,
        };
        let extras = HeaderExtras {
            kid: Some("1".to_owned()),
            ..HeaderExtras::default()
        };
        let token = list.to_token(&claims, &self.issuer, &extras);
        let entry = StatusListEntry {
            issuer: ISSUER.to_owned().try_into().unwrap(),
            list: ListId::of_uri(STATUS_URI),
            sequence: self.status_sequence,
            digest: ContentDigest::of(token.as_bytes()),
        };
        let version = StatusListVersion {
            list: entry.list,
            sequence: entry.sequence,
            digest: entry.digest,
        };
        let record = self.sign(Body::StatusListVersion(version));
        self.ledger.with(|ledger| {
            ledger.append(record);
            ledger.publish(entry, &token);
        });
        self.status_sequence += 1;
    }

    /// Issues one instance to a fresh holder key and anchors it.
    pub(super) fn issue(&mut self, person: &Person) -> Instance {
        let holder = SigningKey::generate(Algorithm::Es256, &mut self.rng);
        let credential = self.credential(person, &holder);
        let anchor = Anchor {
            nonce: [5; 32],
            signing_input_hash: credential.signing_input_hash(),
            thumbprint: holder.public_key().thumbprint(),
        };
        let tree = AnchorTree::build(vec![anchor.leaf()], 8, &mut self.rng).unwrap();
        let batch = CredentialBatch {
            sequence: 0,
            root: tree.root(),
            depth: tree.depth(),
        };
        let record = self.sign(Body::CredentialBatch(batch));
        let bytes = record.as_bytes().to_vec();
        let (index, receipt) = self.ledger.with(|ledger| {
            let index = ledger.append(record);
            (index, ledger.receipt(index))
        });
        let path = tree.path(0).unwrap();
        let anchor = AnchorProof {
            nonce: anchor.nonce,
            batch: index,
            leaf: 0,
            path,
            receipt,
            record: bytes,
        };
        Instance {
            holder,
            credential,
            anchor,
        }
    }

    fn credential(&mut self, person: &Person, holder: &SigningKey) -> VerifiedCredential {
        let claims = claims(person, clock::now());
        let template = CredentialTemplate {
            iss: ISSUER.to_owned(),
            vct: VCT_KYC.to_owned(),
            issued_at: clock::now(),
            expires: clock::now().plus_seconds(300 * 86_400),
            status: StatusReference::new(STATUS_URI, person.status_idx).unwrap(),
            disclosable: disclosable_in_kyc(&claims),
            claims: claims.as_object().unwrap().clone(),
            decoys: Decoys::None,
        };
        let extras = HeaderExtras {
            kid: Some("1".to_owned()),
            ..HeaderExtras::default()
        };
        let issued = issue(
            &template,
            holder.public_key(),
            &self.issuer,
            &extras,
            &mut self.rng,
        )
        .unwrap();
        UnverifiedCredential::parse(&issued.compact)
            .unwrap()
            .verify(&trusted(&self.issuer), clock::now())
            .unwrap()
    }
}

fn open(company: &Path) -> Arc<Verifier> {
    let config = Config::load(&company.join("verifier.toml")).unwrap();
    Arc::new(Verifier::open(config, clock::now()).unwrap())
}

fn salt(sequence: u32) -> Salt {
    Salt::from_bytes([u8::try_from(sequence).unwrap(); 32])
}

fn claims(person: &Person, now: Timestamp) -> Value {
    let checks: Vec<Check> = (1_u32..)
        .zip(Process::ALL)
        .map(|(sequence, process)| Check {
            process,
            result: Judgement::Passed,
            completed_at: now.date_in_japan(),
            reviewer: person.reviewer.to_owned(),
            case: CASE,
            sequence,
            definition: 1,
            salt: salt(sequence),
        })
        .collect();
    let digest = base64url::encode(ContentDigest::of(IMAGE).as_bytes());
    json!({"verified_claims": {
        "verification": {
            "trust_framework": "jp_aml",
            "time": now.start_of_day().to_string(),
            "evidence": [{
                "type": "document",
                "document_details": {"type": "driving_permit", "date_of_expiry": "2099-04-01"},
                "digests": [{"alg": "sha-256", "value": digest, "media_type": "image/png"}],
            }],
            "checks": checks,
        },
        "claims": {
            "family_name": "山田", "given_name": "太郎",
            "family_name#ja-Kana-JP": "ヤマダ", "given_name#ja-Kana-JP": "タロウ",
            "family_name#ja-Latn-JP": "YAMADA", "given_name#ja-Latn-JP": "TARO",
            "birthdate": Date::parse(person.birthdate).unwrap(),
            "address": {
                "country": "JP", "postal_code": "100-0001", "region": "東京都", "locality": "千代田区",
                "street_address": "千代田1-1",
            },
            "nationalities": ["JP"],
            "occupation": "会社員",
            "age_equal_or_over": {"18": true, "20": true, "65": false},
        },
    }})
}
