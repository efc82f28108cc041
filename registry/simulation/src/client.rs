//! Clients: they submit the records of cases until they have receipts, and remember what they were shown.

use crate::{
    network::{CODES, Network},
    plan::{below, rng},
};
use protocol::registry::receipt::verify_receipt;
use registry::replica::Replica;
use registry_consensus::simulation::Timer;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// A client that was refused or cut off tries another node after this time.
const PAUSE: Duration = Duration::from_millis(200);

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

/// What clients share with the story; clones are the same.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) network: Network,
    pub(crate) timer: Timer,
    nodes: Arc<Mutex<Vec<Option<Access>>>>,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    violations: Arc<Mutex<Vec<String>>>,
    closing: Arc<AtomicBool>,
    busy: Arc<AtomicUsize>,
}

impl Desk {
    pub(crate) fn new(network: Network, timer: Timer) -> Self {
        let nodes = vec![None; network.members];
        Self {
            network,
            timer,
            nodes: Arc::new(Mutex::new(nodes)),
            receipts: Arc::default(),
            violations: Arc::default(),
            closing: Arc::default(),
            busy: Arc::default(),
        }
    }

    pub(crate) fn set(&self, member: usize, access: Option<Access>) {
        if let Some(node) = lock(&self.nodes).get_mut(member) {
            *node = access;
        }
    }

    pub(crate) fn node(&self, member: usize) -> Option<Access> {
        lock(&self.nodes).get(member).cloned().flatten()
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        lock(&self.receipts).clone()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    /// No new cases are begun; who works on one goes on to its end.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    fn violation(&self, what: String) {
        lock(&self.violations).push(what);
    }

    /// Works on cases until the desk closes.
    pub(crate) async fn client(self, number: u8, seed: u64) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let mut rng = rng(seed ^ u64::from(number) << 56);
        let mut case = 0u8;
        while !self.closing.load(Ordering::Relaxed) {
            case = case.wrapping_add(1);
            let mut name = [number; 16];
            name[0] = case;
            for (sequence, code) in (0..).zip(CODES) {
                if below(&mut rng, 6) == 0 {
                    // Out of its turn, or again with another code: nobody may take it.
                    let wrong = self.network.event(name, sequence + 1, 6);
                    self.try_once(&mut rng, wrong.as_bytes()).await;
                }
                let record = self.network.event(name, sequence, code);
                let index = self.insist(&mut rng, record.as_bytes()).await;
                if below(&mut rng, 4) == 0 {
                    let again = self.insist(&mut rng, record.as_bytes()).await;
                    if again != index {
                        self.violation(format!("N4: one record stands at {index} and at {again}"));
                    }
                }
            }
        }
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// Submits a record until there is a receipt.
    async fn insist(&self, rng: &mut rand_chacha::ChaCha20Rng, record: &[u8]) -> u64 {
        loop {
            if let Some(index) = self.try_once(rng, record).await {
                return index;
            }
            self.timer.sleep(PAUSE).await;
        }
    }

    async fn try_once(&self, rng: &mut rand_chacha::ChaCha20Rng, record: &[u8]) -> Option<u64> {
        let access = self.node(below(rng, self.network.members))?;
        self.submit(access, record).await
    }

    /// Submits a record to one node; none unless it gives a receipt.
    pub(crate) async fn submit(&self, mut access: Access, record: &[u8]) -> Option<u64> {
        let answer = tokio::select! {
            biased;
            _ = access.gone.changed() => return None,
            answer = access.replica.submit(record) => answer,
        };
        let text = answer.ok()?;
        match verify_receipt(&text, record, self.network.genesis.committees()) {
            Ok(entry) => {
                let index = entry.index();
                let record = record.to_vec();
                lock(&self.receipts).push(Receipt {
                    record,
                    index,
                    text,
                });
                Some(index)
            }
            Err(error) => {
                self.violation(format!("N3: a receipt does not hold: {error}"));
                None
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
