//! A network on this machine: two members, one issuer, one company, and a person with a wallet.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::identity::x5c::Role;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::Genesis;
use protocol::{Timestamp, base64url};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vault::KdfCost;
use wallet::clock::Clock;
use wallet::failure::Failure;
use wallet::network::Setting;
use wallet::session::Session;
use wallet::terminal::Terminal;

use super::company::Company;
use super::issuer::Issuer;
use super::registry::Ledger;
use super::server::{Wire, serve};

pub const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
pub const PASSPHRASE: &str = "correct horse battery";
pub const COMPANY: &str = "https://a.securities.example";

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[number; 32]).unwrap()
}

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn public(key: &SigningKey) -> String {
    base64url::encode(&key.public_key().to_bytes())
}

pub struct World {
    pub wire: Arc<Wire>,
    pub ledger: Arc<Ledger>,
    pub issuer: Arc<Issuer>,
    pub company: Arc<Company>,
    pub now: Timestamp,
    genesis: String,
    home: tempfile::TempDir,
}

/// A certificate authority and a leaf under it, as a company registers them.
pub struct Certificates {
    pub root: Vec<u8>,
    pub leaf: Vec<u8>,
    pub key: SigningKey,
}

impl Certificates {
    pub fn new(id: &str, seed: u64) -> Self {
        let mut rng = rng(seed);
        let pair = |key: &SigningKey| KeyPair::try_from(key.to_pkcs8_der().as_slice()).unwrap();
        let authority_key = pair(&SigningKey::generate(Algorithm::Es256, &mut rng));
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "Test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = authority.self_signed(&authority_key).unwrap();
        let authority = rcgen::Issuer::new(authority, authority_key);

        let key = SigningKey::generate(Algorithm::Es256, &mut rng);
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = rcgen::DistinguishedName::new();
        leaf.distinguished_name
            .push(DnType::OrganizationName, "A Securities");
        leaf.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let purpose = Role::PresentationVerifier.key_purpose();
        let purpose = purpose.split('.').map(|arc| arc.parse().unwrap()).collect();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose)];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&pair(&key), &authority).unwrap();
        Self {
            root: root.der().to_vec(),
            leaf: leaf.der().to_vec(),
            key,
        }
    }
}

impl World {
    pub async fn new() -> Self {
        Self::at(NOW).await
    }

    /// A world at another time: the real program reads the machine's clock.
    pub async fn at(now: Timestamp) -> Self {
        let listeners = [
            listen().await,
            listen().await,
            listen().await,
            listen().await,
        ];
        let urls: Vec<String> = listeners.iter().map(url).collect();
        let certificates = Certificates::new(COMPANY, 1);
        let genesis = genesis(&urls, &certificates);
        let parsed = Genesis::parse(genesis.as_bytes()).unwrap();
        let wire = Arc::new(Wire::default());
        let members = vec![key(1), key(2)];
        let ledger = Arc::new(Ledger::new(parsed.clone(), members, now));
        let issuer = Arc::new(Issuer::new(
            &urls[2],
            parsed.network(),
            Arc::clone(&ledger),
            now,
        ));
        let company = Arc::new(Company::new(
            (&urls[3], now),
            certificates,
            parsed,
            Arc::clone(&ledger),
        ));
        let [first, second, third, fourth] = listeners;
        for listener in [first, second] {
            let ledger = Arc::clone(&ledger);
            serve(
                listener,
                Arc::clone(&wire),
                Arc::new(move |call| ledger.answer(call)),
            );
        }
        let service = Arc::clone(&issuer);
        serve(
            third,
            Arc::clone(&wire),
            Arc::new(move |call| service.answer(call)),
        );
        let service = Arc::clone(&company);
        serve(
            fourth,
            Arc::clone(&wire),
            Arc::new(move |call| service.answer(call)),
        );
        Self {
            wire,
            ledger,
            issuer,
            company,
            now,
            genesis,
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub fn directory(&self) -> PathBuf {
        self.home.path().join("wallet")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The person's wallet, new, with the network trusted.
    pub fn wallet(&self) -> Session {
        let mut terminal = Terminal::scripted(&[PASSPHRASE, PASSPHRASE]);
        wallet::init::init(&self.directory(), &mut terminal, KdfCost::dangerous_cheap()).unwrap();
        let mut session = self.open();
        let genesis = self.file("genesis.json", &self.genesis);
        wallet::trust::trust(&mut session, &genesis, Setting::Development).unwrap();
        session
    }

    /// The same wallet in another process.
    pub fn open(&self) -> Session {
        let terminal = Terminal::scripted(&[PASSPHRASE]);
        Session::open(&self.directory(), terminal, Clock::Fixed(self.now)).unwrap()
    }

    /// A wallet with received and anchored instances.
    pub async fn wallet_with_credential(&self) -> Session {
        let mut session = self.wallet();
        self.receive(&mut session).await.unwrap();
        session
    }

    /// Receives with an offer of the issuer and the right code.
    pub async fn receive(&self, session: &mut Session) -> Result<Value, Failure> {
        // A code works once: each time there is a new letter.
        self.issuer.send_new_letter();
        receive(
            session,
            Some(&self.issuer.offer()),
            &[super::issuer::TX_CODE],
        )
        .await
    }
}

pub async fn receive(
    session: &mut Session,
    offer: Option<&str>,
    answers: &[&str],
) -> Result<Value, Failure> {
    session.terminal = Terminal::scripted(answers);
    let request = wallet::receive::ReceiveRequest {
        offer,
        tx_code_fd: None,
    };
    let report = wallet::receive::receive(session, request).await?;
    Ok(report.json)
}

pub fn list(session: &mut Session) -> Value {
    wallet::list::list(session).unwrap().json
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn url(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

fn genesis(urls: &[String], company: &Certificates) -> String {
    let member = |name: &str, number: u8| {
        let index = usize::from(number) - 1;
        json!({
            "name": name, "role": "company", "url": urls[index], "peer_address": format!("127.0.0.1:{number}"),
            "consensus_key": public(&key(number)), "cosigning_key": public(&key(number)),
            "governance_key": public(&key(number)), "validator": true,
        })
    };
    let mut jwk = key(11).public_key().to_jwk();
    jwk["kid"] = json!("1");
    let step =
        |code: u16, name: &str, after: &[u16]| json!({"code": code, "name": name, "after": after});
    let claims = |names: &[&str]| -> Vec<Value> {
        names
            .iter()
            .map(|name| json!(["verified_claims", "claims", name]))
            .collect()
    };
    let mut opening = claims(&["family_name", "given_name", "birthdate", "address"]);
    opening.push(json!(["verified_claims", "verification", "evidence"]));
    use base64::Engine as _;
    let root = base64::prelude::BASE64_STANDARD.encode(&company.root);
    json!({
        "tegata": "genesis/1", "name": "test", "epoch_blocks": 50,
        "members": [member("consortium.example", 1), member("a.securities.example", 2)],
        "issuers": [{
            "id": urls[2], "name": "Consortium", "member": "consortium.example", "record_key": public(&key(11)),
            "application_key": base64url::encode(&super::issuer::application_key().public_key()),
            "trust_anchors": [], "jwks": {"keys": [jwk]},
        }],
        "verifiers": [{
            "id": COMPANY, "name": "A証券株式会社", "member": "a.securities.example", "url": urls[3], "trust_anchors": [root],
            "purposes": [
                {"id": "account_opening", "text": {"en": "Account opening", "ja": "口座開設"}, "claims": opening},
                {"id": "identification", "text": {"en": "Identification"}, "claims": claims(&["family_name"])},
            ],
        }],
        "process_definitions": [{"version": 1, "activation_height": 0, "steps": [step(1, "opened", &[]), {"code": 2, "name": "closed", "after": [1], "terminal": true}]}],
    })
    .to_string()
}
