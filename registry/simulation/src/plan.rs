//! What goes wrong in a run: drawn from its seed.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::Rng as _;
use registry_consensus::simulation::{Channel, Trouble};

/// One thing that goes wrong, and is put right after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process is killed; its disk keeps all that was written.
    Kill(usize),
    /// The power of a machine fails after so many more operations of its disk.
    Power(usize, u32),
    /// The power of all machines fails at once.
    PowerOfAll,
    /// A disk is in trouble after so many more operations.
    Disk(usize, Trouble, u32),
    /// Members of one part hear nothing of the others; in one direction only, if so chosen.
    Partition(Vec<usize>, Ways),
    /// All links lose messages and are slow.
    Weather {
        /// How many of a hundred messages are lost.
        lost: u8,
        /// How long messages take.
        delay_ms: u64,
    },
    /// Messages arrive more than once.
    Repeats(u64),
    /// A clock is wrong.
    Clock(usize, i64),
    /// A machine gets an older copy of its disk back, and with it loses votes.
    OldImage(usize),
}

/// How a partition cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ways {
    /// In both directions.
    Both,
    /// Only messages into the part are lost.
    Into,
    /// In both directions, but one member outside still hears and is heard.
    Bridge,
    /// On and off, every second.
    Flapping,
}

/// How one member lies, from the beginning to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It proposes records against the rules.
    InvalidBlocks,
    /// It garbles a part of its messages.
    Garbles,
    /// It sends nothing on a channel to one victim.
    Withholds(Channel, usize),
    /// It runs twice with one key, and each of the two talks to some of the others.
    Twins(Vec<usize>),
}

/// A run's plan.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) members: usize,
    pub(crate) liar: Option<(usize, Lie)>,
    pub(crate) faults: Vec<(Fault, u64)>,
}

/// The random numbers of a run, which are not the engine's.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A number below `bound`.
pub(crate) fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
    usize::try_from(rng.next_u64() % bound).unwrap_or(0)
}

impl Plan {
    pub(crate) fn draw(rng: &mut ChaCha20Rng) -> Self {
        let members = if below(rng, 10) == 0 { 7 } else { 4 };
        let liar = (below(rng, 2) == 0).then(|| (below(rng, members), lie(rng, members)));
        let faults = (0..4)
            .map(|_| {
                let fault = fault(rng, members, liar.as_ref().map(|(member, _)| *member));
                (fault, 1_000 + rng.next_u64() % 3_000)
            })
            .collect();
        Self {
            members,
            liar,
            faults,
        }
    }

    /// The member that lies.
    pub(crate) fn liar(&self) -> Option<usize> {
        self.liar.as_ref().map(|(member, _)| *member)
    }
}

fn lie(rng: &mut ChaCha20Rng, members: usize) -> Lie {
    match below(rng, 4) {
        0 => Lie::InvalidBlocks,
        1 => Lie::Garbles,
        2 => {
            let channels = [
                Channel::Votes,
                Channel::Certificates,
                Channel::Broadcast,
                Channel::Gossip,
            ];
            let channel = channels.get(below(rng, channels.len()));
            Lie::Withholds(
                channel.copied().unwrap_or(Channel::Votes),
                below(rng, members),
            )
        }
        _ => Lie::Twins(
            (0..members)
                .filter(|member| member.is_multiple_of(2))
                .collect(),
        ),
    }
}

fn fault(rng: &mut ChaCha20Rng, members: usize, liar: Option<usize>) -> Fault {
    let honest: Vec<usize> = (0..members)
        .filter(|member| Some(*member) != liar)
        .collect();
    let one = honest.get(below(rng, honest.len())).copied().unwrap_or(0);
    let operations = u32::try_from(below(rng, 60)).unwrap_or(0);
    match below(rng, 10) {
        0 => Fault::Kill(one),
        1 | 2 => Fault::Power(one, operations),
        3 => Fault::PowerOfAll,
        4 => {
            let troubles = [
                Trouble::Full,
                Trouble::Reads,
                Trouble::Writes,
                Trouble::Syncs,
            ];
            let trouble = troubles.get(below(rng, troubles.len()));
            Fault::Disk(one, trouble.copied().unwrap_or(Trouble::Full), operations)
        }
        5 | 6 => {
            let size = 1 + below(rng, members / 2);
            let part = (0..size).map(|offset| (one + offset) % members).collect();
            let ways = [Ways::Both, Ways::Into, Ways::Bridge, Ways::Flapping];
            let ways = ways.get(below(rng, ways.len()));
            Fault::Partition(part, ways.copied().unwrap_or(Ways::Both))
        }
        7 => Fault::Weather {
            lost: u8::try_from(below(rng, 31)).unwrap_or(0),
            delay_ms: rng.next_u64() % 500,
        },
        8 if liar.is_none() && below(rng, 2) == 0 => Fault::OldImage(one),
        8 => Fault::Repeats(rng.next_u64() % 50 + 1),
        _ => {
            let hour = 3_600_000;
            let skews = [-hour, -20_000, -3_000, 3_000, 20_000, hour];
            let skew = skews.get(below(rng, skews.len()));
            Fault::Clock(one, skew.copied().unwrap_or(hour))
        }
    }
}
