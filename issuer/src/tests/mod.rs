//! The service over its router, with a registry that confirms everything, or nothing.

mod anchor;
mod application;
mod closing;
mod credential;
mod notification;
mod staff;
mod status;
mod token;
mod walk;
mod wallet;

use std::{
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use clap::Parser;
use http_body_util::BodyExt;
use protocol::{
    envelope::hpke::RecipientKey,
    registry::{CaseId, Genesis, Member, ProcessDefinition},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;

use crate::{
    Issuer, api,
    case::Progress,
    config::Config,
    confirmation,
    registry::{Recorded, first_of_each_lane},
    setup,
    staff::{Reviewer, ReviewersKey},
};

const PASSPHRASE: &str = "correct horse battery staple";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// The issuer's identifier in all tests.
const ID: &str = "http://127.0.0.1:7301";

/// An issuer on a folder that goes with it.
struct Site {
    folder: Arc<TempDir>,
    issuer: Arc<Issuer>,
    router: Router,
    registry: Option<JoinHandle<()>>,
}

/// What the registry does while a test runs.
enum Registry {
    /// Confirms every record at once.
    Confirms,
    /// Confirms nothing, unless [`Site::confirm_all`] is called.
    Silent,
}

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    setup: setup::Arguments,
}

impl Site {
    /// A new issuer: a copy of one that was set up once.
    fn new(registry: &Registry) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let template = template().folder.path().join("issuer");
        copy_folder(&template, &folder.path().join("issuer"));
        Self::open(folder, registry)
    }

    /// Changes one line of the configuration, for the next start.
    fn configure(&self, key: &str, value: &str) {
        let path = self.folder.path().join("issuer/issuer.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((name, _)) if name == key => format!("{key} = {value}\n"),
            Some(_) | None => format!("{line}\n"),
        });
        std::fs::write(&path, lines.collect::<String>()).unwrap();
    }

    fn open(folder: Arc<TempDir>, registry: &Registry) -> Self {
        let config = Config::load(&folder.path().join("issuer/issuer.toml")).unwrap();
        let now = service::clock::now();
        let issuer = Issuer::open(config, now, &mut service::random::os()).unwrap();
        let issuer = Arc::new(issuer);
        let registry = match registry {
            Registry::Confirms => Some(tokio::spawn(confirm_for_ever(Arc::clone(&issuer)))),
            Registry::Silent => None,
        };
        let router = service::serve::shell(api::router(Arc::clone(&issuer)));
        Self {
            folder,
            issuer,
            router,
            registry,
        }
    }

    /// Stops the service without a warning and starts it again on what is on the disk.
    async fn restart(self, registry: &Registry) -> Self {
        if let Some(task) = &self.registry {
            task.abort();
        }
        let Self {
            folder,
            issuer,
            router,
            registry: task,
        } = self;
        drop((issuer, router));
        if let Some(task) = task {
            assert!(task.await.is_err());
        }
        Self::open(folder, registry)
    }

    /// Confirms everything that is queued, and what follows from it.
    fn confirm_all(&self) {
        confirm_all(&self.issuer);
    }

    /// Waits until a case is closed.
    async fn closed(&self, case: CaseId) {
        let mut confirmations = self.issuer.outbox.confirmations();
        loop {
            let found = crate::case::load(&self.issuer.vault, case)
                .unwrap()
                .unwrap();
            if matches!(found.value.progress, Progress::Closed(_)) {
                return;
            }
            confirmations.changed().await.unwrap();
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// Sends all requests at once.
    async fn send_all(&self, requests: Vec<Request<Body>>) -> Vec<Answer> {
        let mut running = JoinSet::new();
        for request in requests {
            let router = self.router.clone();
            running
                .spawn(async move { Answer::read(router.oneshot(request).await.unwrap()).await });
        }
        running.join_all().await
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(request("GET", path, token).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.send(json_request(path, token, body)).await
    }

    async fn post_form(&self, path: &str, form: String) -> Answer {
        self.send(form_request(path, form)).await
    }

    /// A session of the staff, without the passphrase: deriving a key from it takes long on purpose.
    fn log_in(&self) -> String {
        let key = RecipientKey::from_secret(&template().reviewers);
        let reviewer = Reviewer {
            name: "sato".to_owned(),
            key,
        };
        let (now, mut rng) = (service::clock::now(), service::random::os());
        let session = self.issuer.sessions.open("sato", reviewer, now, &mut rng);
        session.unwrap().reveal().to_owned()
    }

    async fn pass_check(&self, staff: &str, case: CaseId, process: &str) -> Answer {
        let path = format!("/staff/cases/{case}/checks/{process}");
        self.post(&path, Some(staff), &json!({"result": "passed"}))
            .await
    }

    /// Passes all checks of the staff.
    async fn pass_checks(&self, staff: &str, case: CaseId) {
        for process in ["identity_document", "name_identification", "asf_collation"] {
            let answer = self.pass_check(staff, case, process).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{process}");
        }
    }

    /// Makes an offer: its link and its transaction code.
    async fn make_offer(&self, staff: &str, case: CaseId) -> (String, String) {
        let path = format!("/staff/cases/{case}/offer");
        let answer = self.post(&path, Some(staff), &json!({})).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
        (text("offer"), text("tx_code"))
    }
}

/// A parsed answer.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
    json: Value,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
            json,
        }
    }

    /// The status and the OAuth error code.
    fn error(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.json["error"].as_str().unwrap_or_default(),
        )
    }

    /// The status and the problem's code.
    fn problem(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.json["code"].as_str().unwrap_or_default(),
        )
    }
}

fn request(method: &str, path: &str, token: Option<&str>) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    match token {
        None => request,
        Some(token) => request.header("authorization", format!("Bearer {token}")),
    }
}

fn form_request(path: &str, form: String) -> Request<Body> {
    let request = request("POST", path, None).header(CONTENT_TYPE, FORM);
    request.body(form.into()).unwrap()
}

fn json_request(path: &str, token: Option<&str>, body: &Value) -> Request<Body> {
    let request = request("POST", path, token).header(CONTENT_TYPE, JSON);
    request.body(body.to_string().into()).unwrap()
}

fn confirm_all(issuer: &Issuer) {
    for index in 0.. {
        let queued = first_of_each_lane(&issuer.vault, |_| false).unwrap();
        let Some(queued) = queued.first() else { return };
        let recorded = Recorded {
            index,
            receipt: "receipt".to_owned(),
        };
        confirmation::confirm(issuer, queued, &recorded, service::clock::now()).unwrap();
    }
}

async fn confirm_for_ever(issuer: Arc<Issuer>) {
    let mut arrivals = issuer.outbox.arrivals();
    arrivals.mark_changed();
    while arrivals.changed().await.is_ok() {
        let issuer = Arc::clone(&issuer);
        tokio::task::spawn_blocking(move || confirm_all(&issuer))
            .await
            .unwrap();
    }
}

/// An issuer that was set up, and its reviewers' key.
struct Template {
    folder: TempDir,
    reviewers: [u8; 32],
}

fn template() -> &'static Template {
    static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let passphrases = folder.path().join("passphrases");
        std::fs::write(&passphrases, PASSPHRASE).unwrap();
        let at = folder.path().join("issuer");
        let program = Program::parse_from([
            "setup",
            "--dir",
            at.to_str().unwrap(),
            "--id",
            ID,
            "--name",
            "コンソーシアム",
            "--member",
            "consortium.example",
            "--staff",
            "sato",
            "--staff-passphrase-file",
            passphrases.to_str().unwrap(),
            "--development-loopback-http",
        ]);
        setup::set_up(&program.setup, &mut service::random::os()).unwrap();
        write_genesis(&at);
        let reviewers = ReviewersKey::load(&at.join("keys/staff.json")).unwrap();
        let reviewers = *reviewers.unlock_now(PASSPHRASE).secret();
        Template { folder, reviewers }
    });
    &TEMPLATE
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn write_genesis(folder: &Path) {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let mut key = || {
        let key = protocol::identity::SigningKey::generate(
            protocol::identity::Algorithm::EdDsa,
            &mut rng,
        );
        protocol::base64url::encode(&key.public_key().to_bytes())
    };
    let member: Member = serde_json::from_value(json!({
        "name": "consortium.example", "role": "consortium", "url": "http://127.0.0.1:7101",
        "peer_address": "127.0.0.1:7201", "consensus_key": key(), "cosigning_key": key(),
        "governance_key": key(), "validator": true
    }))
    .unwrap();
    let definition: ProcessDefinition = serde_json::from_value(json!({
        "version": 1, "activation_height": 0, "steps": [
            {"code": 1, "name": "opened", "after": []},
            {"code": 2, "name": "identity_document", "after": [1]},
            {"code": 3, "name": "name_identification", "after": [1]},
            {"code": 4, "name": "asf_collation", "after": [1]},
            {"code": 5, "name": "residence", "after": [2, 3, 4]},
            {"code": 6, "name": "closed", "after": [1], "terminal": true}
        ]
    }))
    .unwrap();
    let entry = std::fs::read(folder.join("issuer.json")).unwrap();
    let entry = serde_json::from_slice(&entry).unwrap();
    let genesis = Genesis::to_json(
        "test",
        protocol::registry::Epochs::of_blocks(50).unwrap(),
        vec![member],
        vec![entry],
        Vec::new(),
        vec![definition],
    );
    std::fs::write(folder.join("genesis.json"), genesis).unwrap();
}
