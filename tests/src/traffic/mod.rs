//! Who can tell the company from the traffic: seven members, five of them companies, and an adversary that holds the keys, the
//! disks and the traffic of two others.
//!
//! The relays are those that nodes run ([`registry::relay`]); what lies between them is a queue, so that a run repeats. The
//! adversary opens every cell that its two nodes get, follows what it opened from node to node, knows the whole ledger with
//! the node that each record appeared at first, and is told the company of every second application to learn from. It then
//! guesses the others'. [`Transport`] names what is built, and what it would be worth with one of its parts left out.

mod adversary;
mod applicants;
mod classifier;
mod members;

use std::collections::BTreeSet;

use clap::ValueEnum;
use protocol::registry::record::Record;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng as _};
use registry::relay::{CellMessage, Settings};

use adversary::Adversary;
use applicants::{Applicant, Sightings};
use members::Members;

/// Organisations that run nodes.
pub const MEMBERS: usize = 7;
/// Members that are companies with applicants.
pub const COMPANIES: std::ops::Range<usize> = 2..MEMBERS;
/// Members whose nodes lie together: as many as may, and none of them a company, so that all five are to be told apart.
pub const LIARS: [usize; 2] = [0, 1];
/// Chance and five points.
pub const RIGHT_MAX: f64 = 0.25;

const SLOT_MS: u64 = 10_000;
/// What travels is searched for names in so many slots; it is ciphertext in all of them.
const SEARCHED_SLOTS: u64 = 5;

/// How outcomes reach the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// As built: slots, dummies, a cascade of f + 1 nodes.
    Cascade,
    /// A cascade of f nodes.
    ShortCascade,
    /// A single node in place of a cascade.
    OneNode,
    /// Cells only for outcomes.
    WithoutDummies,
    /// Each outcome leaves when it is there, without waiting for those of others.
    WithoutSlots,
    /// Straight to the node of another member than the company.
    OtherNode,
    /// Straight to the company's own node.
    OwnNode,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How outcomes travel.
    pub transport: Transport,
    /// How many people apply.
    pub applications: usize,
    /// Cells that each member sends in a slot.
    pub cells: usize,
    /// Where its randomness begins.
    pub seed: u64,
}

/// What the adversary made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Findings {
    /// Applications whose company it guessed.
    pub guesses: usize,
    /// How often it was right.
    pub right: usize,
    /// Of these, because it followed an outcome from the company to the ledger.
    pub followed: usize,
    /// Cells between nodes.
    pub cells: usize,
    /// Bytes of them.
    pub cell_bytes: usize,
    /// Names, addresses and keys of members in the messages of the first slots and in all records.
    pub named: usize,
}

impl Findings {
    /// Right guesses, of all.
    #[must_use]
    pub fn share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand applications")]
        let share = self.right as f64 / self.guesses.max(1) as f64;
        share
    }
}

/// A cell between two nodes.
struct Travelled {
    from: usize,
    to: usize,
    message: CellMessage,
}

/// Lets people apply, and the adversary guess.
pub fn run(plan: &Plan) -> anyhow::Result<Findings> {
    let mut rng = ChaCha20Rng::seed_from_u64(plan.seed);
    let mut applicants = Applicant::many(plan, &mut rng);
    let mut members = Members::new(settings(plan))?;
    let mut adversary = Adversary::new(plan.transport, applicants.len());
    let names = members.names();
    let mut named = 0;
    let mut slot = 0;
    while applicants.iter().any(|applicant| !applicant.is_done()) {
        slot += 1;
        let now_ms = members.begin_of(slot);
        let due = due(&mut applicants, now_ms, members.network());
        let appeared = match plan.transport {
            Transport::Cascade
            | Transport::ShortCascade
            | Transport::OneNode
            | Transport::WithoutDummies => {
                for (number, record) in &due {
                    let company = company_of(&applicants, *number);
                    members.offer(company, record)?;
                }
                let appeared = members.slot(slot, &mut rng);
                adversary.watch(&members, slot, members.travelled());
                appeared
            }
            Transport::WithoutSlots => {
                let mut appeared = Vec::new();
                for (turn, (number, record)) in (0..).zip(&due) {
                    let company = company_of(&applicants, *number);
                    // A slot of its own for each.
                    let alone = slot * 1_000 + turn;
                    appeared.extend(members.alone(alone, company, record, &mut rng)?);
                    adversary.watch(&members, alone, members.travelled());
                }
                appeared
            }
            Transport::OtherNode | Transport::OwnNode => due
                .iter()
                .map(|(number, record)| {
                    let company = company_of(&applicants, *number);
                    let node = straight(plan.transport, company, &mut rng);
                    adversary.is_asked(node, company, record);
                    (node, record.as_bytes().to_vec())
                })
                .collect(),
        };
        adversary.read(&mut applicants, slot, &appeared)?;
        named += appeared
            .iter()
            .filter(|(_, record)| names_any(record, &names))
            .count();
        if slot <= SEARCHED_SLOTS {
            let messages = members.travelled().iter().map(|sent| sent.message.encode());
            named += messages
                .filter(|message| names_any(message, &names))
                .count();
        }
    }
    let sightings: Vec<Sightings> = applicants.iter().map(Applicant::sightings).collect();
    let companies: Vec<usize> = applicants
        .iter()
        .map(|applicant| applicant.company)
        .collect();
    let (right, followed) = adversary.guess(&sightings, &companies, &mut rng);
    Ok(Findings {
        guesses: applicants.len(),
        right,
        followed,
        cells: members.cells,
        cell_bytes: members.cell_bytes,
        named,
    })
}

fn names_any(bytes: &[u8], names: &[Vec<u8>]) -> bool {
    names
        .iter()
        .any(|name| bytes.windows(name.len()).any(|window| window == name))
}

fn settings(plan: &Plan) -> Settings {
    let built = Settings {
        cells: plan.cells,
        ..Settings::of(MEMBERS, SLOT_MS)
    };
    match plan.transport {
        Transport::OneNode => Settings { hops: 1, ..built },
        Transport::ShortCascade => Settings {
            hops: built.hops - 1,
            ..built
        },
        Transport::WithoutSlots => Settings {
            batches_min: 1,
            ..built
        },
        Transport::Cascade
        | Transport::WithoutDummies
        | Transport::OtherNode
        | Transport::OwnNode => built,
    }
}

/// The outcomes that companies have ready now, in the order in which they became so.
fn due(
    applicants: &mut [Applicant],
    now_ms: u64,
    network: protocol::registry::NetworkId,
) -> Vec<(usize, Record)> {
    let mut due: Vec<_> = (0..)
        .zip(applicants)
        .filter_map(|(number, applicant)| {
            let (ready_ms, record) = applicant.next_outcome(now_ms, network)?;
            Some((ready_ms, number, record))
        })
        .collect();
    due.sort_by_key(|(ready_ms, number, _)| (*ready_ms, *number));
    due.into_iter()
        .map(|(_, number, record)| (number, record))
        .collect()
}

fn company_of(applicants: &[Applicant], number: usize) -> usize {
    applicants
        .get(number)
        .map_or(MEMBERS, |applicant| applicant.company)
}

fn straight(transport: Transport, company: usize, rng: &mut ChaCha20Rng) -> usize {
    match transport {
        Transport::OwnNode => company,
        Transport::OtherNode
        | Transport::Cascade
        | Transport::ShortCascade
        | Transport::OneNode
        | Transport::WithoutDummies
        | Transport::WithoutSlots => {
            let others: BTreeSet<usize> = (0..MEMBERS).filter(|node| *node != company).collect();
            let drawn = below(rng, others.len());
            others.into_iter().nth(drawn).unwrap_or_default()
        }
    }
}

fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % bound.max(1) as u64).unwrap_or_default()
}
