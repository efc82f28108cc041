//! One run: the plan of a seed, and what is checked after it.

use crate::{
    check,
    cluster::{Cluster, FAIR},
    network::{BEGIN, Network},
    plan::{Fault, Lie, Plan, Ways, rng},
};
use futures::future::join_all;
use rand_chacha::ChaCha20Rng;
use registry_consensus::simulation::{Link, World, simulate};
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

/// What became of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) records: usize,
    pub(crate) violations: Vec<String>,
    /// How often each class of fault happened.
    pub(crate) fired: BTreeMap<&'static str, u64>,
    /// The digest of all that happened.
    pub(crate) trace: String,
}

/// Runs a seed.
pub(crate) fn run(seed: u64) -> Outcome {
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
        story.tell(&plan, seed).await;
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

struct Story {
    cluster: Cluster,
    network: Network,
    outcome: Outcome,
    rng: ChaCha20Rng,
    /// The members whose nodes may end by themselves: their disk fails them.
    expected: Vec<bool>,
}

impl Story {
    async fn tell(&mut self, plan: &Plan, seed: u64) {
        if let Some((member, lie)) = &plan.liar {
            self.cluster.lie(*member, lie.clone());
            self.fired(lie_name(lie));
        }
        for member in 0..self.cluster.members() {
            self.start(member).await;
        }
        // One task, so that what wakes them all does not decide who is first.
        let clients = (0..CLIENTS).map(|client| self.cluster.desk.clone().client(client, seed));
        let clients: Vec<_> = clients.collect();
        let work = async move { drop(join_all(clients).await) };
        self.cluster.world.spawn(work);
        self.pass(Duration::from_secs(2)).await;
        for member in 0..self.cluster.members() {
            if let Err(error) = self.cluster.keep_image(member) {
                self.violation(format!("copying a ledger: {error}"));
            }
        }
        for (fault, duration_ms) in &plan.faults {
            self.fault(fault, Duration::from_millis(*duration_ms)).await;
            self.pass(Duration::from_secs(1)).await;
        }
        self.settle(plan).await;
        self.check(plan);
        for member in 0..self.cluster.members() {
            self.cluster.kill(member).await;
        }
    }

    async fn start(&mut self, member: usize) {
        if let Some(expected) = self.expected.get_mut(member) {
            *expected = false;
        }
        self.cluster.world.disk(member).repair();
        if let Err(error) = self.cluster.start(member).await {
            self.violation(format!("node {member} does not start: {error}"));
        }
    }

    /// Lets time pass; nodes that end are started again, and must have had a reason to end.
    async fn pass(&mut self, duration: Duration) {
        let timer = self.cluster.world.timer();
        let end = timer.elapsed() + duration;
        while timer.elapsed() < end {
            self.cluster.sleep(WATCH).await;
            for member in 0..self.cluster.members() {
                self.watch(member).await;
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

    async fn fault(&mut self, fault: &Fault, duration: Duration) {
        match fault {
            Fault::Kill(member) => {
                self.fired("kill");
                self.cluster.kill(*member).await;
                self.pass(duration).await;
                self.start(*member).await;
            }
            Fault::Power(member, operations) => {
                self.expect(*member);
                let disk = self.cluster.world.disk(*member);
                disk.trouble(registry_consensus::simulation::Trouble::Power, *operations);
                self.cluster.sleep(duration / 2).await;
                let torn = disk.torn();
                self.cluster.cut_power(*member, &mut self.rng).await;
                self.fired("power");
                if disk.torn() > torn {
                    self.fired("torn write");
                }
                self.pass(duration / 2).await;
                self.start(*member).await;
            }
            Fault::PowerOfAll => {
                self.fired("power of all");
                for member in 0..self.cluster.members() {
                    self.cluster.cut_power(member, &mut self.rng).await;
                }
                self.cluster.sleep(duration).await;
                for member in 0..self.cluster.members() {
                    self.start(member).await;
                }
            }
            Fault::Disk(member, trouble, operations) => {
                self.expect(*member);
                let disk = self.cluster.world.disk(*member);
                let before = disk.troubled();
                disk.trouble(*trouble, *operations);
                self.cluster.sleep(duration).await;
                if disk.troubled() > before {
                    self.fired("disk");
                }
                self.cluster.cut_power(*member, &mut self.rng).await;
                self.start(*member).await;
            }
            // More members that may not vote than may be faulty would stand still, as they must.
            Fault::OldImage(_) if self.outcome.fired.contains_key("old image") => {}
            Fault::OldImage(member) => match self.cluster.restore_image(*member).await {
                Ok(true) => {
                    self.fired("old image");
                    self.start(*member).await;
                    self.pass(duration).await;
                }
                Ok(false) => {}
                Err(error) => self.violation(format!("putting an image back: {error}")),
            },
            Fault::Partition(..) | Fault::Weather { .. } | Fault::Repeats(_) | Fault::Clock(..) => {
                self.disturbance(fault, duration).await;
            }
        }
    }

    /// What goes wrong between machines, and their clocks.
    async fn disturbance(&mut self, fault: &Fault, duration: Duration) {
        match fault {
            Fault::Partition(part, ways) => {
                self.fired("partition");
                self.partition(part, *ways, duration).await;
            }
            Fault::Weather { lost, delay_ms } => {
                self.fired("loss and delay");
                let link = Link {
                    latency: Duration::from_millis(10 + delay_ms),
                    jitter: Duration::from_millis(delay_ms / 2),
                    lost_percent: *lost,
                };
                self.cluster.links(|_, _| Some(link)).await;
                self.pass(duration).await;
                self.cluster.links(|_, _| Some(FAIR)).await;
            }
            Fault::Repeats(percent) => {
                self.cluster.world.repeat(*percent);
                let before = self.cluster.world.counts().repeated;
                self.pass(duration).await;
                self.cluster.world.repeat(0);
                if self.cluster.world.counts().repeated > before {
                    self.fired("repeated messages");
                }
            }
            Fault::Clock(member, ahead_ms) => {
                self.fired("clock");
                self.cluster.world.set_clock(*member, *ahead_ms);
                self.pass(duration).await;
                self.cluster.world.set_clock(*member, 0);
            }
            Fault::Kill(_)
            | Fault::Power(..)
            | Fault::PowerOfAll
            | Fault::Disk(..)
            | Fault::OldImage(_) => {}
        }
    }

    async fn partition(&mut self, part: &[usize], ways: Ways, duration: Duration) {
        let bridge = (0..self.cluster.members()).find(|member| !part.contains(member));
        let cut = |from: usize, to: usize| {
            let (from_in, to_in) = (part.contains(&from), part.contains(&to));
            let apart = from_in != to_in;
            match ways {
                Ways::Both | Ways::Flapping => apart,
                Ways::Into => apart && to_in,
                Ways::Bridge => apart && Some(from) != bridge && Some(to) != bridge,
            }
        };
        let turns = if ways == Ways::Flapping { 4 } else { 1 };
        for _turn in 0..turns {
            self.cluster
                .links(|from, to| (!cut(from, to)).then_some(FAIR))
                .await;
            self.pass(duration / turns).await;
            self.cluster.links(|_, _| Some(FAIR)).await;
            if turns > 1 {
                self.pass(duration / turns).await;
            }
        }
    }

    /// Everything is right again but the liar: N10.
    async fn settle(&mut self, plan: &Plan) {
        if let Some((member, Lie::Twins(_))) = &plan.liar {
            // Two of one key end as one that is silent.
            self.cluster.kill(*member).await;
        }
        let desk = self.cluster.desk.clone();
        let honest: Vec<usize> = (0..plan.members)
            .filter(|member| Some(*member) != plan.liar())
            .collect();
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
        desk.close();
        while timer.elapsed() < begun + N10_SETTLED {
            if desk.is_idle() && self.same_size(&honest) {
                return;
            }
            self.pass(WATCH).await;
        }
        let sizes: Vec<_> = honest
            .iter()
            .map(|member| desk.node(*member).map(|node| node.replica.progress()))
            .collect();
        self.violation(format!("N10: not settled after 120 s: {sizes:?}"));
    }

    fn same_size(&self, members: &[usize]) -> bool {
        let sizes: Option<Vec<(u64, u64)>> = members
            .iter()
            .map(|member| {
                let replica = self.cluster.desk.node(*member)?.replica;
                let cosigned = replica.latest()?.checkpoint.size();
                Some((replica.progress().1, cosigned))
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

    fn check(&mut self, plan: &Plan) {
        let desk = self.cluster.desk.clone();
        let replicas: Vec<_> = (0..plan.members)
            .filter(|member| Some(*member) != plan.liar())
            .filter_map(|member| Some(desk.node(member)?.replica))
            .collect();
        let ledgers: Vec<_> = replicas
            .iter()
            .map(|replica| check::entries(replica))
            .collect();
        let receipts = desk.receipts();
        let mut found = desk.violations();
        found.extend(check::n1_agreement(&ledgers));
        if let (Some(ledger), Some(node)) = (ledgers.first(), replicas.first()) {
            self.outcome.records = ledger.len();
            found.extend(check::n2_n4_n5_rules(&self.network, ledger));
            found.extend(check::n3_durability(&self.network, ledger, &receipts));
            found.extend(check::n6_n7_append_only(
                &self.network,
                ledger,
                &receipts,
                node,
            ));
        }
        for member in self.cluster.world.contradictions() {
            if Some(member) != plan.liar() {
                found.push(format!(
                    "N9: member {member} contradicted a vote of its own"
                ));
            }
        }
        let counts = self.cluster.world.counts();
        for (name, count) in [
            ("garbled messages", counts.garbled),
            ("withheld messages", counts.withheld),
            ("votes heard", counts.votes),
        ] {
            *self.outcome.fired.entry(name).or_default() += count;
        }
        self.outcome.violations.extend(found);
    }

    fn expect(&mut self, member: usize) {
        if let Some(expected) = self.expected.get_mut(member) {
            *expected = true;
        }
    }

    fn fired(&mut self, name: &'static str) {
        *self.outcome.fired.entry(name).or_default() += 1;
    }

    fn violation(&mut self, what: String) {
        self.outcome.violations.push(what);
    }
}

const fn lie_name(lie: &Lie) -> &'static str {
    match lie {
        Lie::InvalidBlocks => "invalid proposer",
        Lie::Garbles => "garbler",
        Lie::Withholds(..) => "withholder",
        Lie::Twins(_) => "twins",
    }
}
