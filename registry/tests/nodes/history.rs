//! Many clients at once while nodes die: what they were told must be the history of one ledger.

use crate::{cluster::Cluster, reader::client};
use protocol::registry::record::Record;
use registry_client::RegistryClient;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;

const CLIENTS: usize = 8;
const RECORDS: usize = 160;

/// One submission as its client saw it. Begin and end are ticks of a clock that all clients share.
struct Submission {
    record: usize,
    begun: u64,
    /// When it was acknowledged, and at which index; none if nobody knows.
    acknowledged: Option<(u64, u64)>,
}

struct Observed {
    records: Vec<Record>,
    next: AtomicUsize,
    clock: AtomicU64,
    submissions: Mutex<Vec<Submission>>,
    /// The sizes of the checkpoints that each client saw, in its order.
    sizes: Mutex<Vec<Vec<u64>>>,
}

impl Observed {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Submits one record after the other, every second one twice, and reads in between.
    async fn run(self: Arc<Self>, number: usize, client: RegistryClient) {
        loop {
            let record = self.next.fetch_add(1, Ordering::SeqCst);
            let Some(bytes) = self.records.get(record) else {
                return;
            };
            for _time in 0..=record % 2 {
                let begun = self.tick();
                let receipt = client.submit(bytes, &[]).await;
                let acknowledged = receipt
                    .ok()
                    .map(|receipt| (self.tick(), receipt.entry().index()));
                self.submissions.lock().unwrap().push(Submission {
                    record,
                    begun,
                    acknowledged,
                });
            }
            if let Ok(checkpoint) = client.checkpoint(service::clock::now()).await {
                self.sizes.lock().unwrap()[number].push(checkpoint.size());
            }
        }
    }

    fn done(&self) -> usize {
        let submissions = self.submissions.lock().unwrap();
        submissions
            .iter()
            .filter(|submission| submission.acknowledged.is_some())
            .count()
    }
}

#[tokio::test]
async fn n3_n4_what_clients_were_told_is_the_history_of_one_ledger_although_nodes_die() {
    let mut cluster = Cluster::start(4, 0).await;
    let observed = Arc::new(Observed {
        records: (0..RECORDS).map(|_| cluster.opened_case()).collect(),
        next: AtomicUsize::new(0),
        clock: AtomicU64::new(0),
        submissions: Mutex::default(),
        sizes: Mutex::new(vec![Vec::new(); CLIENTS]),
    });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Arc::clone(&observed).run(number, client(&cluster)));
    }
    for (victim, progress) in [(1, RECORDS / 8), (3, RECORDS / 2)] {
        let reached = async || observed.done() >= progress;
        cluster.until("the clients make progress", reached).await;
        cluster.kill(victim);
        let reached = async || observed.done() >= progress + RECORDS / 4;
        cluster
            .until("the clients go on with three nodes", reached)
            .await;
        cluster.spawn(victim);
        cluster.until_serving(victim).await;
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }

    let submissions = std::mem::take(&mut *observed.submissions.lock().unwrap());
    each_record_has_one_index(&submissions);
    later_submissions_stand_later(&submissions);
    for sizes in observed.sizes.lock().unwrap().iter() {
        assert!(
            sizes.is_sorted(),
            "a client saw the ledger shrink: {sizes:?}"
        );
    }
    let told: BTreeMap<u64, usize> = submissions
        .iter()
        .filter_map(|submission| Some((submission.acknowledged?.1, submission.record)))
        .collect();
    assert_eq!(told.len(), RECORDS);
    let fresh = client(&cluster);
    for (index, record) in told {
        let entry = fresh.entry(index).await.unwrap();
        assert_eq!(entry.record(), &observed.records[record]);
    }
}

/// N4: however often it was submitted, a record has one index, and an index has one record.
fn each_record_has_one_index(submissions: &[Submission]) {
    let (mut indexes, mut records) = (BTreeMap::new(), BTreeMap::new());
    for submission in submissions {
        let Some((_end, index)) = submission.acknowledged else {
            continue;
        };
        assert_eq!(*indexes.entry(submission.record).or_insert(index), index);
        assert_eq!(
            *records.entry(index).or_insert(submission.record),
            submission.record
        );
    }
}

/// A record that was submitted for the first time after another was acknowledged stands behind it.
fn later_submissions_stand_later(submissions: &[Submission]) {
    let mut first_begun: BTreeMap<usize, u64> = BTreeMap::new();
    for submission in submissions {
        let begun = first_begun
            .entry(submission.record)
            .or_insert(submission.begun);
        *begun = submission.begun.min(*begun);
    }
    for earlier in submissions {
        for later in submissions {
            let (Some((end, before)), Some((_, after))) =
                (earlier.acknowledged, later.acknowledged)
            else {
                continue;
            };
            if first_begun[&later.record] > end {
                assert!(after > before, "index {after} was given after {before}");
            }
        }
    }
}
