//! What goes wrong in a run, and what its members decide meanwhile: drawn from its seed.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::Rng as _;
use registry_consensus::simulation::{Channel, Contradiction, Trouble};

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
    OldImage(usize, Age),
}

/// How old the copy of a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// From the first seconds: of an epoch that the others have left.
    Early,
    /// As young as a node can recognise: perhaps of this epoch.
    Recent,
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
    /// It votes for two blocks in one view.
    Votes(Contradiction),
    /// It signs a second ledger.
    Forks,
}

/// What the members decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The newcomer becomes a member.
    Admit,
    /// A member leaves.
    Remove(usize),
    /// A member takes no part.
    Suspend(usize),
    /// A member gets a new key for checkpoints.
    CosigningKey(usize),
    /// The issuer gets a new key for records.
    RecordKey,
    /// The second process definition, some blocks later.
    Definition,
    /// A change that one member too few wants.
    Minority,
}

/// A run's plan.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) members: usize,
    pub(crate) liar: Option<(usize, Lie)>,
    pub(crate) faults: Vec<(Fault, u64)>,
    pub(crate) decisions: Vec<Decision>,
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

/// One of several.
pub(crate) fn one_of<T: Copy>(rng: &mut ChaCha20Rng, first: T, others: &[T]) -> T {
    match below(rng, others.len() + 1) {
        0 => first,
        other => others.get(other - 1).copied().unwrap_or(first),
    }
}

impl Plan {
    pub(crate) fn draw(rng: &mut ChaCha20Rng) -> Self {
        let members = if below(rng, 10) == 0 { 7 } else { 4 };
        let liar = (below(rng, 2) == 0).then(|| (below(rng, members), lie(rng, members)));
        let lying = liar.as_ref().map(|(member, _)| *member);
        let faults = (0..4)
            .map(|_| (fault(rng, members, lying), 1_000 + rng.next_u64() % 3_000))
            .collect();
        let decisions = decisions(rng, members);
        Self {
            members,
            liar,
            faults,
            decisions,
        }
    }

    /// The member that lies.
    pub(crate) fn liar(&self) -> Option<usize> {
        self.liar.as_ref().map(|(member, _)| *member)
    }

    /// Whether a member takes part to the end.
    pub(crate) fn stays(&self, member: usize) -> bool {
        let mut decisions = self.decisions.iter();
        !decisions.any(|decision| match decision {
            Decision::Remove(gone) | Decision::Suspend(gone) => *gone == member,
            Decision::Admit
            | Decision::CosigningKey(_)
            | Decision::RecordKey
            | Decision::Definition
            | Decision::Minority => false,
        })
    }
}

/// Nobody leaves before somebody came, so that as many may be faulty as at first.
fn decisions(rng: &mut ChaCha20Rng, members: usize) -> Vec<Decision> {
    // The first member has the issuer, and stays.
    let one = 1 + below(rng, members - 1);
    match below(rng, 12) {
        0 => vec![Decision::Admit, Decision::Remove(one)],
        1 => vec![Decision::Admit, Decision::Suspend(one)],
        2 => vec![Decision::CosigningKey(one)],
        3 => vec![Decision::Admit, Decision::CosigningKey(one)],
        4 => vec![Decision::RecordKey, Decision::Definition],
        5 => vec![Decision::Definition, Decision::Minority],
        _ => Vec::new(),
    }
}

fn lie(rng: &mut ChaCha20Rng, members: usize) -> Lie {
    match below(rng, 7) {
        0 => Lie::InvalidBlocks,
        1 => Lie::Garbles,
        2 => {
            let others = [Channel::Certificates, Channel::Broadcast, Channel::Gossip];
            let channel = one_of(rng, Channel::Votes, &others);
            Lie::Withholds(channel, below(rng, members))
        }
        3 => Lie::Votes(Contradiction::Both),
        4 => Lie::Votes(Contradiction::Either),
        5 => Lie::Forks,
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
            let others = [Trouble::Reads, Trouble::Writes, Trouble::Syncs];
            Fault::Disk(one, one_of(rng, Trouble::Full, &others), operations)
        }
        5 | 6 => {
            let size = 1 + below(rng, members / 2);
            let part = (0..size).map(|offset| (one + offset) % members).collect();
            let others = [Ways::Into, Ways::Bridge, Ways::Flapping];
            Fault::Partition(part, one_of(rng, Ways::Both, &others))
        }
        7 => Fault::Weather {
            lost: u8::try_from(below(rng, 31)).unwrap_or(0),
            delay_ms: rng.next_u64() % 500,
        },
        8 if liar.is_none() && below(rng, 2) == 0 => {
            Fault::OldImage(one, one_of(rng, Age::Early, &[Age::Recent]))
        }
        8 => Fault::Repeats(rng.next_u64() % 50 + 1),
        _ => {
            let hour = 3_600_000;
            let others = [-20_000, -3_000, 3_000, 20_000, hour];
            Fault::Clock(one, one_of(rng, -hour, &others))
        }
    }
}
