//! What goes wrong in a run, and how it is put right.

use crate::{
    cluster::FAIR,
    plan::{Age, Fault, Ways},
    run::Story,
};
use registry_consensus::simulation::{Link, Trouble};
use std::{io, time::Duration};

/// Longer than a node waits for the certificate of a block that it has voted for: then it votes to pass over the view.
const DEAF: Duration = Duration::from_millis(4_500);
/// After this time a node that reaches a height has noted it.
const NOTED: Duration = Duration::from_millis(1_100);
const GLANCE: Duration = Duration::from_millis(100);
/// Blocks come at least every second.
const AGED_MAX: Duration = Duration::from_secs(30);

impl Story {
    /// Lets something go wrong for a while.
    pub(crate) async fn fault(&mut self, fault: &Fault, duration: Duration) {
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
                disk.trouble(Trouble::Power, *operations);
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
                let seats = self.cluster.seats();
                for member in &seats {
                    self.cluster.cut_power(*member, &mut self.rng).await;
                }
                self.cluster.sleep(duration).await;
                for member in seats {
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
            Fault::OldImage(member, age) => {
                if let Err(error) = self.old_image(*member, *age, duration).await {
                    self.violation(format!("putting an image back: {error}"));
                }
            }
            Fault::Partition(..) | Fault::Weather { .. } | Fault::Repeats(_) | Fault::Clock(..) => {
                self.disturbance(fault, duration).await;
            }
        }
    }

    /// A machine gets an older copy of its disk back, one that its node has to recognise.
    async fn old_image(&mut self, member: usize, age: Age, duration: Duration) -> io::Result<()> {
        // More members that may not vote than may be faulty would stand still, as they must.
        if self.outcome.fired.contains_key("old image") {
            return Ok(());
        }
        if age == Age::Recent {
            self.cluster.keep_image(member)?;
        }
        let timer = self.cluster.world.timer();
        let end = timer.elapsed() + AGED_MAX;
        while !self.cluster.has_old_image(member) {
            if timer.elapsed() > end {
                return Ok(());
            }
            self.pass(GLANCE).await;
        }
        self.pass(NOTED).await;
        self.cluster.restore_image(member).await?;
        self.fired("old image");
        // It speaks and hears nothing, so that it would vote in the views in which it stands.
        let hears = |_, to: usize| (to != member).then_some(FAIR);
        self.cluster.links(hears).await;
        self.start(member).await;
        self.pass(DEAF.max(duration)).await;
        self.cluster.links(|_, _| Some(FAIR)).await;
        Ok(())
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
            | Fault::OldImage(..) => {}
        }
    }

    async fn partition(&mut self, part: &[usize], ways: Ways, duration: Duration) {
        let bridge = (0..self.network.members).find(|member| !part.contains(member));
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
}
