//! Members come, go and change their keys, and the rules change, while clients submit.

use crate::{cluster::Cluster, reader::client};
use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{
        CaseId, Commitment, KeyBytes, ProcessDefinition, Step,
        checkpoint::{Committees, UnverifiedCheckpoint},
        governance::Change,
        receipt::{VerifiedEntry, verify_receipt},
        record::{Approval, Body, CaseEvent, Proposal, Record},
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use registry_client::{Refusal, RegistryClient, SubmitError};
use std::{
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};
use tokio::{sync::watch, task::JoinSet};

const CLIENTS: u8 = 50;
/// Clients that share connections, and what they know of the members.
const CLIENTS_PER_OFFICE: u8 = 10;
/// Records between two changes.
const RECORDS_BETWEEN: usize = 60;

/// What all clerks have in common.
struct Office {
    issuer: SigningKey,
    definition: AtomicU32,
    /// Records with the receipts that were given for them.
    receipts: Mutex<Vec<(Vec<u8>, String)>>,
    count: AtomicUsize,
}

/// Opens cases until told to stop. Whatever else happens than a receipt, or the refusal of an old definition, is a failure.
async fn clerk(
    number: u8,
    client: Arc<RegistryClient>,
    office: Arc<Office>,
    stopped: watch::Receiver<bool>,
) {
    let mut rng = ChaCha20Rng::from_seed([number; 32]);
    while !*stopped.borrow() {
        let case = CaseId::random(&mut rng);
        loop {
            let definition = office.definition.load(Ordering::Relaxed);
            let event = Body::CaseEvent(CaseEvent {
                case,
                sequence: 0,
                code: 1,
                definition,
                commitment: Commitment::from_bytes([number; 32]),
            });
            let record = Record::sign(client.genesis().network(), event, &office.issuer);
            match client.submit(&record, &[]).await {
                Ok(receipt) => {
                    let receipt = (record.as_bytes().to_vec(), receipt.text().to_owned());
                    office.receipts.lock().unwrap().push(receipt);
                    office.count.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(SubmitError::Refused(Refusal::AgainstRules)) if definition == 1 => {
                    office.definition.store(2, Ordering::Relaxed);
                }
                Err(error) => panic!("a record was not acknowledged: {error:?}"),
            }
        }
    }
}

/// The network, and those who decide and submit.
struct Consortium {
    cluster: Cluster,
    office: Arc<Office>,
    clerks: JoinSet<()>,
    stop: watch::Sender<bool>,
    clients: Vec<Arc<RegistryClient>>,
    /// The members' numbers.
    members: Vec<usize>,
}

impl Consortium {
    async fn start() -> Self {
        let cluster = Cluster::start(4, 0).await;
        let office = Arc::new(Office {
            issuer: cluster.copy_of_issuer_key(),
            definition: AtomicU32::new(1),
            receipts: Mutex::default(),
            count: AtomicUsize::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let (mut clerks, mut clients) = (JoinSet::new(), Vec::new());
        for number in 0..CLIENTS {
            if number % CLIENTS_PER_OFFICE == 0 {
                clients.push(Arc::new(client(&cluster)));
            }
            let client = Arc::clone(clients.last().unwrap());
            clerks.spawn(clerk(number, client, Arc::clone(&office), stopped.clone()));
        }
        Self {
            cluster,
            office,
            clerks,
            stop,
            clients,
            members: vec![0, 1, 2, 3],
        }
    }

    /// Waits until clients have some more receipts.
    async fn goes_on(&mut self) {
        let wanted = self.office.count.load(Ordering::Relaxed) + RECORDS_BETWEEN;
        let office = Arc::clone(&self.office);
        self.cluster
            .until("clients have their receipts", async || {
                office.count.load(Ordering::Relaxed) >= wanted
            })
            .await;
        if let Some(ended) = self.clerks.try_join_next() {
            ended.unwrap();
            panic!("a client ended");
        }
    }

    /// The members propose and approve; the change is adopted when this returns.
    async fn decide(&self, change: Change) {
        let client = client(&self.cluster);
        let network = self.cluster.genesis.network();
        let proposal = Body::Proposal(Box::new(Proposal {
            activation_height: 0,
            expires: service::clock::now().plus_seconds(3_600),
            change,
        }));
        let (first, others) = self.members.split_first().unwrap();
        let proposal = Record::sign(network, proposal, &self.cluster.governor(*first));
        client.submit(&proposal, &[]).await.unwrap();
        let count = self.members.len();
        let quorum = count - (count - 1) / 3;
        for member in others.iter().take(quorum - 1) {
            let approval = Body::Approval(Approval {
                proposal: proposal.id(),
            });
            let approval = Record::sign(network, approval, &self.cluster.governor(*member));
            client.submit(&approval, &[]).await.unwrap();
        }
    }

    /// Decides on a change of members, and waits until it holds. The height from which on.
    async fn change_members(&mut self, change: Change) -> u64 {
        self.decide(change).await;
        let reader = client(&self.cluster);
        let trusted = reader.trusted_parties(service::clock::now()).await.unwrap();
        let scheduled = trusted.scheduled().first().map(|next| next.height);
        // None if it holds already: members were quick.
        let from = match scheduled {
            Some(from) => from,
            None => reader.committees().terms().last().unwrap().0,
        };
        self.cluster
            .until("the change holds", async || {
                self.cluster.height(0).await >= from
            })
            .await;
        self.goes_on().await;
        from
    }

    /// The members whose signatures the latest checkpoint has, in the eyes of a reader of the genesis file.
    async fn signers(&self) -> Vec<String> {
        let reader = client(&self.cluster);
        reader.trusted_parties(service::clock::now()).await.unwrap();
        let note = self
            .cluster
            .get(0, "/checkpoint")
            .await
            .text()
            .await
            .unwrap();
        let note = UnverifiedCheckpoint::parse(note.as_bytes()).unwrap();
        note.signed_by(&reader.committees()).unwrap().1
    }

    async fn until_signs(&self, member: &str) {
        let what = format!("{member} signs checkpoints");
        self.cluster
            .until(&what, async || {
                self.signers().await.iter().any(|signer| signer == member)
            })
            .await;
    }

    /// A node gets new keys beside its old ones, and is started again with both. The entry with the new keys.
    async fn rotate(&mut self, number: usize) -> Change {
        let folder = self.cluster.directory(number).to_owned();
        let mut member = self.cluster.member(number);
        std::fs::create_dir(folder.join("keys/next")).unwrap();
        let mut new_key = |name: &str| {
            let key = SigningKey::generate(Algorithm::EdDsa, &mut self.cluster.rng);
            let path = folder.join(format!("keys/next/{name}.pem"));
            service::config::SecretPath::new(&path)
                .create(key.to_pkcs8_pem().as_bytes())
                .unwrap();
            KeyBytes::from_bytes(key.public_key().to_bytes().try_into().unwrap())
        };
        member.consensus_key = new_key("consensus");
        member.cosigning_key = new_key("cosigning");
        let config = std::fs::read_to_string(folder.join("node.toml")).unwrap();
        let next = "next_consensus_key = \"keys/next/consensus.pem\"\nnext_cosigning_key = \"keys/next/cosigning.pem\"\n";
        std::fs::write(folder.join("node.toml"), format!("{next}{config}")).unwrap();
        assert!(self.cluster.terminate(number).await.success());
        self.cluster.spawn(number);
        self.cluster.until_serving(number).await;
        Change::UpdateMember { member }
    }

    /// All clients end, each with its last receipt.
    async fn finish(mut self) -> (Cluster, Vec<(Vec<u8>, String)>) {
        self.stop.send_replace(true);
        while let Some(ended) = self.clerks.join_next().await {
            ended.unwrap();
        }
        assert!(
            self.clients
                .iter()
                .all(|client| client.last_checkpoint().is_some())
        );
        let receipts = std::mem::take(&mut *self.office.receipts.lock().unwrap());
        (self.cluster, receipts)
    }
}

fn second_definition() -> ProcessDefinition {
    let step = |code: u16, name: &str, after: &[u16], terminal| Step {
        code,
        name: name.to_owned(),
        after: after.to_vec(),
        terminal,
    };
    ProcessDefinition {
        version: 2,
        activation_height: 0,
        steps: vec![
            step(1, "opened", &[], false),
            step(2, "identity_document", &[1], false),
            step(3, "name_identification", &[1], false),
            step(6, "closed", &[2, 3], true),
        ],
    }
}

fn verified(receipts: &[(Vec<u8>, String)], committees: &Committees) -> Vec<VerifiedEntry> {
    let verify = |(record, receipt): &(Vec<u8>, String)| {
        verify_receipt(receipt, record, committees).unwrap()
    };
    receipts.iter().map(verify).collect()
}

/// What the run was, for whoever reads its output.
fn tell(entries: &[VerifiedEntry], changed: [u64; 3]) {
    let heights = entries
        .iter()
        .map(|entry| entry.checkpoint().checkpoint().height);
    println!(
        "{} records acknowledged; members changed at {changed:?}; last height {:?}",
        entries.len(),
        heights.max(),
    );
}

#[tokio::test]
async fn n3_n6_members_come_go_and_change_keys_and_rules_change_while_fifty_clients_submit() {
    let mut consortium = Consortium::start().await;
    consortium.goes_on().await;

    let newcomer = consortium.cluster.newcomer();
    let member = consortium.cluster.member(newcomer);
    consortium.cluster.spawn(newcomer);
    let admitted = consortium
        .change_members(Change::AdmitMember { member })
        .await;
    consortium.members.push(newcomer);
    consortium.cluster.until_serving(newcomer).await;
    consortium.until_signs("member4.example").await;

    let name = "member1.example".to_owned();
    let removed = consortium
        .change_members(Change::RemoveMember { name })
        .await;
    consortium.members.retain(|member| *member != 1);
    let former = |path| consortium.cluster.get(1, path);
    consortium
        .cluster
        .until("the former member's node says so", async || {
            former("/checkpoint").await.status() == 503
        })
        .await;
    assert_eq!(former("/proofs/0").await.status(), 200);
    assert_eq!(former("/handovers?from=0").await.status(), 200);

    let rekeyed = consortium.rotate(2).await;
    let rekeyed = consortium.change_members(rekeyed).await;
    consortium.until_signs("member2.example").await;

    let definition = second_definition();
    consortium
        .decide(Change::PublishDefinition { definition })
        .await;
    consortium.goes_on().await;
    let (mut cluster, receipts) = consortium.finish().await;

    // A reader that knows the genesis file alone.
    let reader = client(&cluster);
    reader.trusted_parties(service::clock::now()).await.unwrap();
    let committees = reader.committees();
    let from: Vec<u64> = committees.terms().map(|(from, _)| from).collect();
    assert_eq!(from, [0, admitted, removed, rekeyed]);
    let entries = verified(&receipts, &committees);
    let under = |first: u64, end: u64| {
        let height = |entry: &&VerifiedEntry| entry.checkpoint().checkpoint().height;
        entries
            .iter()
            .filter(move |entry| (first..end).contains(&height(entry)))
            .count()
    };
    for (first, end) in [
        (0, admitted),
        (admitted, removed),
        (removed, rekeyed),
        (rekeyed, u64::MAX),
    ] {
        assert!(under(first, end) >= RECORDS_BETWEEN / 2, "{first}..{end}");
    }
    let version = |entry: &VerifiedEntry| {
        let Body::CaseEvent(event) = entry.record().body() else {
            panic!("only events were submitted");
        };
        event.definition
    };
    assert!(entries.iter().any(|entry| version(entry) == 2));
    tell(&entries, [admitted, removed, rekeyed]);
    second_reader(&cluster, &receipts).await;
    auditor(&cluster);
    // The node of the former member has gone on, and ends when it is told to.
    assert!(cluster.terminate(1).await.success());
}

/// The implementation in Python, with what a node shows and some receipts of each time.
async fn second_reader(cluster: &Cluster, receipts: &[(Vec<u8>, String)]) {
    let has = Command::new("python3")
        .args(["-c", "import cryptography"])
        .output();
    if !has.is_ok_and(|answer| answer.status.success()) {
        eprintln!("skipped: the second implementation needs python3 with the package cryptography");
        return;
    }
    let folder = cluster.directory(0);
    let page = cluster
        .get(0, "/handovers?from=0")
        .await
        .bytes()
        .await
        .unwrap();
    std::fs::write(folder.join("handovers.json"), page).unwrap();
    let verifier =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors/registry/verify.py");
    let mut command = Command::new("python3");
    command
        .arg(verifier)
        .arg("--handovers")
        .arg(folder.join("handovers.json"));
    command.arg(folder.join("genesis.json"));
    let mut shown = 0;
    for (number, (record, receipt)) in receipts.iter().enumerate().step_by(10) {
        for (kind, bytes) in [("cbor", record.as_slice()), ("proof", receipt.as_bytes())] {
            let path = folder.join(format!("{number}.{kind}"));
            std::fs::write(&path, bytes).unwrap();
            command.arg(path);
        }
        shown += 1;
    }
    let answer = command.output().unwrap();
    let (said, problem) = (answer.stdout, String::from_utf8(answer.stderr).unwrap());
    assert!(answer.status.success(), "{problem}");
    assert_eq!(String::from_utf8(said).unwrap().lines().count(), shown);
}

/// Executes the log again, with every decision.
fn auditor(cluster: &Cluster) {
    let answer = Command::new(env!("CARGO_BIN_EXE_tegata-registry"))
        .args(["audit", "--alone", "--development-loopback-http", "--node"])
        .arg(cluster.url(0, ""))
        .arg("--genesis")
        .arg(cluster.directory(0).join("genesis.json"))
        .output()
        .unwrap();
    let said = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(answer.status.code(), Some(0), "{said}");
}
