//! What a node tells its operator: whether it can take records and acknowledge them, and the numbers to raise alarms on.
//!
//! No label names a member, a case or anything else on the ledger: the numbers are about this node.

use crate::{mempool, relay, replica::Replica};
use protocol::registry::checkpoint::VerifiedCheckpoint;
use service::operations::{Exposition, Operations, Readiness};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Blocks that this node may be behind the others while it serves.
const BEHIND_MAX: u64 = 16;
/// Without a block for this time, empty ones included, the members make none.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// Members sign at least every five minutes; without a quorum for this time readers are shown something old.
pub(crate) const STALE_SECONDS: u64 = 900;
/// With less room the node takes no new records: what it has begun still has to be written.
const DISK_FREE_MIN: u64 = 256 * 1024 * 1024;

/// What readiness is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    /// How many seconds ago a quorum signed; none before the first time.
    cosigned_ago: Option<u64>,
    /// The height that this node has on disk.
    height: u64,
    /// The height that is known to be final among the members.
    tip: u64,
    /// How long ago the height last grew.
    since_block: Duration,
    /// Records that wait for a block.
    waiting: usize,
    /// Bytes that the disk has left, if it says so.
    disk_free: Option<u64>,
}

impl Standing {
    const fn readiness(&self) -> Readiness {
        let Some(cosigned_ago) = self.cosigned_ago else {
            return Readiness::NotReady("starting");
        };
        if let Some(free) = self.disk_free
            && free < DISK_FREE_MIN
        {
            return Readiness::NotReady("disk");
        }
        if self.tip > self.height.saturating_add(BEHIND_MAX) {
            return Readiness::NotReady("behind");
        }
        if self.since_block.as_secs() >= STALLED_AFTER.as_secs() {
            return Readiness::NotReady("stalled");
        }
        if cosigned_ago >= STALE_SECONDS {
            return Readiness::NotReady("stale");
        }
        if self.waiting >= mempool::RECORDS_MAX {
            return Readiness::NotReady("full");
        }
        Readiness::Ready
    }
}

/// When the height last grew.
struct Pulse(Mutex<(u64, Instant)>);

impl Pulse {
    fn since(&self, height: u64, now: Instant) -> Duration {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if height != last.0 {
            *last = (height, now);
        }
        now.saturating_duration_since(last.1)
    }
}

/// The room on a disk, as of the last look.
struct Disk {
    directory: PathBuf,
    /// Bytes that are left, and that there are; none before a look succeeded.
    room: Mutex<Option<(u64, u64)>>,
}

impl Disk {
    fn look(&self) {
        let looked = rustix::fs::statvfs(&self.directory).ok().map(|disk| {
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            (bytes(disk.f_bavail), bytes(disk.f_blocks))
        });
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = looked;
    }

    fn room(&self) -> Option<(u64, u64)> {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node's answers; they are asked for often enough to notice each block, because every second is.
pub(crate) struct NodeOperations {
    replica: Arc<Replica>,
    pulse: Pulse,
    disk: Disk,
}

impl NodeOperations {
    /// `data` is where the ledger is kept.
    pub(crate) fn of(replica: Arc<Replica>, data: PathBuf) -> Arc<Self> {
        let (height, _) = replica.progress();
        let disk = Disk {
            directory: data,
            room: Mutex::new(None),
        };
        disk.look();
        Arc::new(Self {
            replica,
            pulse: Pulse(Mutex::new((height, Instant::now()))),
            disk,
        })
    }

    /// Called every second.
    pub(crate) fn tick(&self) {
        self.disk.look();
        self.standing();
    }

    pub(crate) fn answers(self: &Arc<Self>) -> Operations {
        let (ready, measured) = (Arc::clone(self), Arc::clone(self));
        Operations::new("tegata-registry", env!("CARGO_PKG_VERSION"))
            .ready_if(move || ready.readiness())
            .measuring(move |to| measured.measure(to))
    }

    /// What `/readyz` says.
    pub(crate) fn readiness(&self) -> Readiness {
        self.standing().readiness()
    }

    fn standing(&self) -> Standing {
        let (height, _) = self.replica.progress();
        let now = service::clock::now().as_unix();
        Standing {
            cosigned_ago: self.replica.latest().map(|latest| {
                let at = latest.checkpoint.cosigned_at().as_unix();
                now.saturating_sub(at)
            }),
            height,
            tip: self.replica.tip().max(height),
            since_block: self.pulse.since(height, Instant::now()),
            waiting: self.replica.waiting(),
            disk_free: self.disk.room().map(|(free, _)| free),
        }
    }

    fn measure(&self, to: &mut Exposition) {
        let standing = self.standing();
        self.measure_ledger(&standing, to);
        self.measure_queues(&standing, to);
        self.measure_members(to);
        if let Some((free, size)) = self.disk.room() {
            let help = "Bytes left on the disk with the ledger.";
            to.gauge("tegata_registry_disk_free_bytes", help, free);
            let help = "Size of the disk with the ledger.";
            to.gauge("tegata_registry_disk_bytes", help, size);
        }
    }

    fn measure_ledger(&self, standing: &Standing, to: &mut Exposition) {
        let latest = self.replica.latest();
        let latest = latest.as_ref().map(|latest| &latest.checkpoint);
        let (height, size) = self.replica.progress();
        let help = "The last block on this node's disk.";
        to.gauge("tegata_registry_height", help, height);
        let help = "The last block known to be final.";
        to.gauge("tegata_registry_tip", help, standing.tip);
        let help = "Seconds since this node's height last grew; idle members make empty blocks.";
        let seconds = standing.since_block.as_secs();
        to.gauge("tegata_registry_since_block_seconds", help, seconds);
        let help = "Records on this node's disk.";
        to.gauge("tegata_registry_records", help, size);
        let help = "Records that a quorum's checkpoint covers: what readers see.";
        let cosigned = latest.map_or(0, VerifiedCheckpoint::size);
        to.gauge("tegata_registry_cosigned_records", help, cosigned);
        let help = "When a quorum last signed, in seconds since 1970; 0 before the first time.";
        let at = latest.map_or(0, |latest| latest.cosigned_at().as_unix());
        to.gauge("tegata_registry_cosigned_timestamp_seconds", help, at);
    }

    fn measure_queues(&self, standing: &Standing, to: &mut Exposition) {
        let help = "Records that wait for a block.";
        to.gauge("tegata_registry_waiting_records", help, standing.waiting);
        let help = "As many records can wait as this.";
        let max = mempool::RECORDS_MAX;
        to.gauge("tegata_registry_waiting_records_max", help, max);
        let help = "Outcomes of this member's company that wait for a slot.";
        let waiting = self.replica.waiting_outcomes();
        to.gauge("tegata_registry_waiting_outcomes", help, waiting);
        let help = "As many outcomes can wait as this.";
        let max = relay::WAITING_MAX;
        to.gauge("tegata_registry_waiting_outcomes_max", help, max);
    }

    fn measure_members(&self, to: &mut Exposition) {
        let parties = self.replica.parties();
        let last_signed = self.replica.cosigning().last_signed();
        let now = service::clock::now();
        let signing = parties.members_in_force().filter(|member| {
            let last = last_signed.get(&member.name);
            last.is_some_and(|last| now < last.at.plus_seconds(STALE_SECONDS))
        });
        let help = "Members whose signature of the last 15 minutes this node has.";
        to.gauge("tegata_registry_members_signing", help, signing.count());
        let help = "Members that take part now.";
        let members = parties.members_in_force().count();
        to.gauge("tegata_registry_members", help, members);
        let help = "So many members have to sign.";
        to.gauge("tegata_registry_quorum", help, parties.quorum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Standing = Standing {
        cosigned_ago: Some(299),
        height: 100,
        tip: 100,
        since_block: Duration::from_secs(1),
        waiting: 5,
        disk_free: Some(DISK_FREE_MIN),
    };

    #[test]
    fn a_node_that_follows_and_has_room_is_ready() {
        assert_eq!(WELL.readiness(), Readiness::Ready);
        let a_little_behind = Standing {
            tip: 100 + BEHIND_MAX,
            ..WELL
        };
        assert_eq!(a_little_behind.readiness(), Readiness::Ready);
        let silent_disk = Standing {
            disk_free: None,
            ..WELL
        };
        assert_eq!(silent_disk.readiness(), Readiness::Ready);
    }

    #[test]
    fn one_word_says_why_a_node_is_not_ready() {
        for (standing, word) in [
            (
                Standing {
                    cosigned_ago: None,
                    ..WELL
                },
                "starting",
            ),
            (
                Standing {
                    disk_free: Some(DISK_FREE_MIN - 1),
                    ..WELL
                },
                "disk",
            ),
            (
                Standing {
                    cosigned_ago: Some(STALE_SECONDS),
                    ..WELL
                },
                "stale",
            ),
            (
                Standing {
                    tip: 101 + BEHIND_MAX,
                    ..WELL
                },
                "behind",
            ),
            (
                Standing {
                    since_block: STALLED_AFTER,
                    ..WELL
                },
                "stalled",
            ),
            (
                Standing {
                    waiting: mempool::RECORDS_MAX,
                    ..WELL
                },
                "full",
            ),
        ] {
            assert_eq!(standing.readiness(), Readiness::NotReady(word));
        }
    }

    #[test]
    fn the_pulse_is_that_of_the_height() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let pulse = Pulse(Mutex::new((7, begun)));
        assert_eq!(pulse.since(7, at(9)).as_secs(), 9);
        assert_eq!(pulse.since(8, at(10)).as_secs(), 0);
        assert_eq!(pulse.since(8, at(13)).as_secs(), 3);
    }

    #[test]
    fn the_numbers_of_a_node_name_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let network = crate::fixture::Network::of(4);
        let replica = Arc::new(network.replica(0, directory.path()));
        let operations = NodeOperations::of(replica, directory.path().to_owned());
        operations.tick();
        let mut to = Exposition::default();
        operations.measure(&mut to);
        let text = to.into_text();
        for line in [
            "tegata_registry_height 0",
            "tegata_registry_members 4",
            "tegata_registry_quorum 3",
            "tegata_registry_waiting_outcomes 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
        assert!(
            text.contains("\ntegata_registry_disk_free_bytes "),
            "{text}"
        );
        assert!(!text.contains("member0") && !text.contains('{'), "{text}");
    }
}
