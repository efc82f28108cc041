//! What clients and members share with the story: which nodes can be asked, and what was answered.

use crate::{lock, network::Network, plan::below, reader::Reader};
use protocol::registry::TrustedParties;
use rand_chacha::ChaCha20Rng;
use registry::{
    replica::{Replica, SubmitError},
    state::Rejection,
};
use registry_consensus::simulation::Timer;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::sync::watch;

/// A node that can be asked, until its sender of the second part is dropped.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) replica: Arc<Replica>,
    pub(crate) gone: watch::Receiver<()>,
}

/// A record that was acknowledged.
#[derive(Clone)]
pub(crate) struct Receipt {
    pub(crate) record: Vec<u8>,
    pub(crate) index: u64,
    pub(crate) text: String,
}

/// Clones are the same desk.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) network: Network,
    pub(crate) timer: Timer,
    pub(crate) reader: Reader,
    shared: Arc<Mutex<Shared>>,
    closing: Arc<AtomicBool>,
    busy: Arc<AtomicUsize>,
    /// Nothing is left to decide.
    risen: Arc<AtomicBool>,
}

struct Shared {
    nodes: Vec<Option<Access>>,
    receipts: Vec<Receipt>,
    /// Records and receipts that the reader could not check when it got them.
    unread: Vec<(Vec<u8>, String)>,
    violations: Vec<String>,
    /// Newcomers whose nodes have to be started.
    admitted: Vec<usize>,
    decided: Vec<&'static str>,
    /// The version of the process definition and the generation of the issuer's key that were last accepted.
    customs: (u32, u8),
}

/// What became of a submission.
pub(crate) enum Answer {
    /// It stands at an index.
    Recorded(u64),
    Rejected(Rejection),
    /// Nothing is known.
    Silence,
}

impl Desk {
    pub(crate) fn new(network: Network, timer: Timer) -> Self {
        let shared = Shared {
            nodes: vec![None; network.seats()],
            receipts: Vec::new(),
            unread: Vec::new(),
            violations: Vec::new(),
            admitted: Vec::new(),
            decided: Vec::new(),
            customs: (1, 0),
        };
        Self {
            reader: Reader::new(network.genesis.committees()),
            network,
            timer,
            shared: Arc::new(Mutex::new(shared)),
            closing: Arc::default(),
            busy: Arc::default(),
            risen: Arc::default(),
        }
    }

    pub(crate) fn set(&self, member: usize, access: Option<Access>) {
        if let Some(node) = lock(&self.shared).nodes.get_mut(member) {
            *node = access;
        }
    }

    pub(crate) fn node(&self, member: usize) -> Option<Access> {
        lock(&self.shared).nodes.get(member).cloned().flatten()
    }

    /// One of the machines, whether its node can be asked or not.
    pub(crate) fn any_node(&self, rng: &mut ChaCha20Rng) -> Option<Access> {
        self.node(below(rng, self.network.seats()))
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        lock(&self.shared).receipts.clone()
    }

    pub(crate) fn unread(&self) -> Vec<(Vec<u8>, String)> {
        lock(&self.shared).unread.clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.shared).violations.clone()
    }

    pub(crate) fn violation(&self, what: String) {
        lock(&self.shared).violations.push(what);
    }

    /// The members have decided that a newcomer takes part.
    pub(crate) fn admit(&self, newcomer: usize) {
        lock(&self.shared).admitted.push(newcomer);
    }

    /// The newcomers, once.
    pub(crate) fn take_admitted(&self) -> Vec<usize> {
        std::mem::take(&mut lock(&self.shared).admitted)
    }

    /// A decision took effect, or was rightly not taken.
    pub(crate) fn decided(&self, what: &'static str) {
        lock(&self.shared).decided.push(what);
    }

    pub(crate) fn decisions(&self) -> Vec<&'static str> {
        lock(&self.shared).decided.clone()
    }

    pub(crate) fn customs(&self) -> (u32, u8) {
        lock(&self.shared).customs
    }

    pub(crate) fn set_customs(&self, customs: (u32, u8)) {
        lock(&self.shared).customs = customs;
    }

    /// No new cases are begun; who works on one goes on to its end.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    /// The members have decided everything, and it holds.
    pub(crate) fn rise(&self) {
        self.risen.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_risen(&self) -> bool {
        self.risen.load(Ordering::Relaxed)
    }

    /// What some node shows of the parties, if the reader can follow it.
    pub(crate) fn parties(&self, access: &Access) -> Option<(u64, TrustedParties)> {
        let latest = access.replica.latest()?;
        let height = latest.checkpoint.checkpoint().height;
        Some((height, self.reader.follow(&latest)?))
    }

    /// Submits a record to one node.
    pub(crate) async fn submit(&self, mut access: Access, record: &[u8]) -> Answer {
        let answer = tokio::select! {
            biased;
            _ = access.gone.changed() => return Answer::Silence,
            answer = access.replica.submit(record) => answer,
        };
        let text = match answer {
            Ok(text) => text,
            Err(SubmitError::Rejected(rejection)) => return Answer::Rejected(rejection),
            Err(_) => return Answer::Silence,
        };
        let mut verified = self.reader.verify(&text, record);
        if verified.is_err() {
            // Other members may sign by now.
            let _followed = self.parties(&access);
            verified = self.reader.verify(&text, record);
        }
        match verified {
            Ok(entry) => {
                let index = entry.index();
                lock(&self.shared).receipts.push(Receipt {
                    record: record.to_vec(),
                    index,
                    text,
                });
                Answer::Recorded(index)
            }
            // Perhaps of members that this reader does not know yet: it is checked when all are known.
            Err(_) => {
                let record = record.to_vec();
                let unread = (record, text);
                lock(&self.shared).unread.push(unread);
                Answer::Silence
            }
        }
    }
}
