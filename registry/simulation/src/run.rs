//! One run: the plan of a seed, how it goes, and when it is over.

use crate::{
    assembly, client,
    cluster::Cluster,
    network::{BEGIN, Network},
    plan::{Lie, Plan, rng},
    planted::{Mistake, plant},
};
use futures::future::{join_all, join3};
use rand_chacha::ChaCha20Rng;
use registry_consensus::simulation::{Contradiction, World, simulate};
use std::{collections::BTreeMap, time::Duration};

const CLIENTS: u8 = 8;
/// More receipts than can have been on their way.
const FRESH: usize = 3 * CLIENTS as usize;
const WATCH: Duration = Duration::from_millis(100);
/// A run that takes longer has come to a stand.
const LIMIT: Duration = Duration::from_secs(600);
/// After the faults: until records that were submitted after them have receipts.
const N10_FINAL: Duration = Duration::from_secs(30);
/// After the faults: until all nodes and clients have what they are owed.
const N10_SETTLED: Duration = Duration::from_secs(120);

/// All that is to happen over many runs.
pub const KINDS: [&str; 28] = [
    "kill",
    "power",
    "torn write",
    "power of all",
    "disk",
    "partition",
    "loss and delay",
    "repeated messages",
    "clock",
    "old image",
    "invalid proposer",
    "garbler",
    "garbled messages",
    "withholder",
    "withheld messages",
    "twins",
    "conflicter",
    "equivocator",
    "contradicted votes",
    "forker",
    "forker shown to all",
    "member admitted",
    "member removed",
    "member suspended",
    "cosigning key changed",
    "record key changed",
    "definition activated",
    "minority heard",
];

/// What became of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many records stand on the ledger.
    pub records: usize,
    /// How many blocks are on it.
    pub blocks: u64,
    /// How long it took, in simulated time.
    pub lasted: Duration,
    /// What was violated.
    pub violations: Vec<String>,
    /// How often each kind of fault happened.
    pub fired: BTreeMap<&'static str, u64>,
    /// The digest of all that happened.
    pub trace: String,
}

/// Runs a seed, with a mistake planted in the nodes and readers, but not in what checks them.
pub fn run(seed: u64, mistake: Option<Mistake>) -> Outcome {
    plant(mistake);
    let outcome = history(seed);
    plant(None);
    outcome
}

fn history(seed: u64) -> Outcome {
    let mut rng = rng(seed);
    let plan = Plan::draw(&mut rng);
    let network = Network::of(plan.members);
    let peers = network.peers();
    let told = simulate(seed, &peers, BEGIN, LIMIT, async |world: World| {
        let cluster = match Cluster::new(world, network.clone()).await {
            Ok(cluster) => cluster,
            Err(error) => return failed(format!("the machine of the simulation: {error}")),
        };
        let mut story = Story {
            cluster,
            network: network.clone(),
            outcome: Outcome::default(),
            rng,
            expected: vec![false; plan.members],
        };
        let timer = story.cluster.world.timer();
        let begun = timer.elapsed();
        story.tell(&plan, seed).await;
        story.outcome.lasted = timer.elapsed().saturating_sub(begun);
        story.outcome
    });
    match told {
        Ok((mut outcome, trace)) => {
            outcome.trace = trace;
            outcome
        }
        Err(error) => failed(error.to_string()),
    }
}

fn failed(why: String) -> Outcome {
    Outcome {
        violations: vec![why],
        ..Outcome::default()
    }
}

/// A run as it goes.
pub(crate) struct Story {
    pub(crate) cluster: Cluster,
    pub(crate) network: Network,
    pub(crate) outcome: Outcome,
    pub(crate) rng: ChaCha20Rng,
    /// The members whose nodes may end by themselves: their disk fails them.
    expected: Vec<bool>,
}

impl Story {
    async fn tell(&mut self, plan: &Plan, seed: u64) {
        if let Some((member, lie)) = &plan.liar {
            self.cluster.lie(*member, lie.clone());
            self.fired(lie_name(lie));
        }
        for member in 0..plan.members {
            self.start(member).await;
        }
        // One task, so that what wakes them all does not decide who is first.
        let desk = &self.cluster.desk;
        let clients = (0..CLIENTS).map(|client| client::work(desk.clone(), client, seed));
        let clients = join_all(clients.collect::<Vec<_>>());
        let reader = client::read(desk.clone(), seed);
        let assembly = assembly::decide(desk.clone(), plan.decisions.clone(), seed);
        let work = async move { drop(join3(clients, reader, assembly).await) };
        self.cluster.world.spawn(work);
        self.pass(Duration::from_secs(2)).await;
        for member in 0..plan.members {
            if let Err(error) = self.cluster.keep_image(member) {
                self.violation(format!("copying a ledger: {error}"));
            }
        }
        for (fault, duration_ms) in &plan.faults {
            self.fault(fault, Duration::from_millis(*duration_ms)).await;
            self.pass(Duration::from_secs(1)).await;
        }
        self.settle(plan).await;
        // The checks themselves make no mistake.
        plant(None);
        self.check(plan);
        for member in self.cluster.seats() {
            self.cluster.kill(member).await;
        }
    }

    pub(crate) async fn start(&mut self, member: usize) {
        if let Some(expected) = self.expected.get_mut(member) {
            *expected = false;
        }
        self.cluster.world.disk(member).repair();
        if let Err(error) = self.cluster.start(member).await {
            self.violation(format!("node {member} does not start: {error}"));
        }
    }

    /// Lets time pass; nodes that end are started again, and must have had a reason to end.
    pub(crate) async fn pass(&mut self, duration: Duration) {
        let timer = self.cluster.world.timer();
        let end = timer.elapsed() + duration;
        while timer.elapsed() < end {
            self.cluster.sleep(WATCH).await;
            for member in self.cluster.seats() {
                self.watch(member).await;
            }
            for newcomer in self.cluster.desk.take_admitted() {
                self.start(newcomer).await;
            }
        }
    }

    async fn watch(&mut self, member: usize) {
        let Some(why) = self.cluster.world.ended(member) else {
            return;
        };
        if !self.expected.get(member).copied().unwrap_or_default() {
            self.violation(format!("node {member} ended without a fault: {why}"));
        }
        self.cluster.cut_power(member, &mut self.rng).await;
        self.start(member).await;
    }

    /// Everything is right again but the liar: N10.
    async fn settle(&mut self, plan: &Plan) {
        if let Some((member, Lie::Twins(_))) = &plan.liar {
            // Two of one key end as one that is silent.
            self.cluster.kill(*member).await;
        }
        let desk = self.cluster.desk.clone();
        let timer = self.cluster.world.timer();
        let begun = timer.elapsed();
        let before = desk.receipts().len();
        let mut answered = false;
        while !answered && timer.elapsed() < begun + N10_FINAL {
            self.pass(WATCH).await;
            answered = desk.receipts().len() >= before + FRESH;
        }
        if !answered {
            self.violation("N10: no record was final 30 s after the faults".to_owned());
        }
        // Decisions take effect at heights that come with the clients' records.
        while !desk.has_risen() && timer.elapsed() < begun + N10_SETTLED {
            self.pass(WATCH).await;
        }
        desk.close();
        let begun = timer.elapsed();
        let mut settled = false;
        while !settled && timer.elapsed() < begun + N10_SETTLED {
            self.pass(WATCH).await;
            settled = desk.has_risen() && desk.is_idle() && self.is_settled(&self.honest(plan));
        }
        if !settled {
            let told = |member: &usize| {
                let replica = desk.node(*member)?.replica;
                Some((replica.progress(), replica.waiting()))
            };
            let nodes: Vec<_> = self.honest(plan).iter().map(told).collect();
            let (risen, idle) = (desk.has_risen(), desk.is_idle());
            self.violation(format!(
                "N10: not settled after 120 s: decided {risen}, clients done {idle}, nodes {nodes:?}"
            ));
        }
    }

    /// The members that take part to the end and do not lie.
    pub(crate) fn honest(&self, plan: &Plan) -> Vec<usize> {
        let mut seats = self.cluster.seats();
        seats.retain(|seat| Some(*seat) != plan.liar() && plan.stays(*seat));
        seats
    }

    /// Whether all have the same ledger, cosigned to its end, and nothing waits any more (N11).
    fn is_settled(&self, members: &[usize]) -> bool {
        let sizes: Option<Vec<(u64, u64)>> = members
            .iter()
            .map(|member| {
                let replica = self.cluster.desk.node(*member)?.replica;
                let cosigned = replica.latest()?.checkpoint.size();
                (replica.waiting() == 0).then_some((replica.progress().1, cosigned))
            })
            .collect();
        let Some(sizes) = sizes else {
            return false;
        };
        let first = sizes.first();
        sizes
            .iter()
            .all(|size| Some(size) == first && size.0 == size.1)
    }

    pub(crate) fn expect(&mut self, member: usize) {
        if let Some(expected) = self.expected.get_mut(member) {
            *expected = true;
        }
    }

    pub(crate) fn fired(&mut self, name: &'static str) {
        *self.outcome.fired.entry(name).or_default() += 1;
    }

    pub(crate) fn violation(&mut self, what: String) {
        if !self.outcome.violations.contains(&what) {
            self.outcome.violations.push(what);
        }
    }
}

const fn lie_name(lie: &Lie) -> &'static str {
    match lie {
        Lie::InvalidBlocks => "invalid proposer",
        Lie::Garbles => "garbler",
        Lie::Withholds(..) => "withholder",
        Lie::Twins(_) => "twins",
        Lie::Votes(Contradiction::Both) => "conflicter",
        Lie::Votes(Contradiction::Either) => "equivocator",
        Lie::Forks => "forker",
    }
}
