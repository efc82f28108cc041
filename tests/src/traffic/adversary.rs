//! Two nodes that put together all they have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context;
use protocol::registry::record::{Body, Record, UnverifiedRecord};
use protocol::relay::{open_cell, read_content};
use rand_chacha::ChaCha20Rng;

use super::applicants::{Applicant, Sighting, Sightings};
use super::classifier::Classifier;
use super::members::Members;
use super::{COMPANIES, LIARS, Transport, Travelled, below};

/// What the liars know.
pub(super) struct Adversary {
    transport: Transport,
    /// Records that they followed from their company.
    followed: HashMap<Vec<u8>, usize>,
    /// Who sent something into the cascade of a slot whose first node lies.
    senders: BTreeMap<u64, BTreeSet<usize>>,
    /// By application: where its records were followed to, and who may have sent them.
    certain: Vec<Option<usize>>,
    possible: Vec<BTreeSet<usize>>,
}

impl Adversary {
    pub(super) fn new(transport: Transport, applications: usize) -> Self {
        Self {
            transport,
            followed: HashMap::new(),
            senders: BTreeMap::new(),
            certain: vec![None; applications],
            possible: vec![COMPANIES.collect(); applications],
        }
    }

    /// Opens what liars got in a slot, and follows it as far as liars come one after the other.
    pub(super) fn watch(&mut self, members: &Members, slot: u64, travelled: &[Travelled]) {
        let mut origins: HashMap<Vec<u8>, usize> = HashMap::new();
        for Travelled { from, to, message } in travelled {
            if !LIARS.contains(to) {
                continue;
            }
            let cell = &message.cell;
            let entry = message.place.hop == 0;
            if entry {
                let visible = self.transport != Transport::WithoutDummies;
                if visible || !members.is_dummy(slot, cell) {
                    self.senders.entry(slot).or_default().insert(*from);
                }
                origins.insert(cell.clone(), *from);
            }
            let opened = members
                .key(*to)
                .and_then(|key| open_cell(key, &members.network(), message.place, cell).ok());
            let (Some(opened), Some(origin)) = (opened, origins.get(cell).copied()) else {
                continue;
            };
            if let Ok(Some(record)) = read_content(&opened) {
                self.followed.insert(record.to_vec(), origin);
            }
            origins.insert(opened.to_vec(), origin);
        }
    }

    /// A liar's node is called by a company.
    pub(super) fn is_asked(&mut self, node: usize, company: usize, record: &Record) {
        if LIARS.contains(&node) {
            self.followed.insert(record.as_bytes().to_vec(), company);
        }
    }

    /// Reads the records of a slot on the ledger, and notes where each appeared.
    pub(super) fn read(
        &mut self,
        applicants: &mut [Applicant],
        slot: u64,
        appeared: &[(usize, Vec<u8>)],
    ) -> anyhow::Result<()> {
        for (position, (node, bytes)) in appeared.iter().enumerate() {
            let record = UnverifiedRecord::decode(bytes)?.verify(&super::members::NETWORK)?;
            let Body::Outcome(outcome) = record.body() else {
                anyhow::bail!("not an outcome");
            };
            let number = applicants
                .iter()
                .position(|applicant| applicant.has_id(outcome.application))
                .context("nobody applied for this")?;
            let applicant = applicants.get_mut(number).context("an applicant")?;
            applicant.appears(Sighting {
                slot,
                node: *node,
                position,
            });
            let alone = slot * 1_000 + position as u64;
            let seen_in = match self.transport {
                Transport::WithoutSlots => alone,
                Transport::Cascade
                | Transport::ShortCascade
                | Transport::OneNode
                | Transport::WithoutDummies
                | Transport::OtherNode
                | Transport::OwnNode => slot,
            };
            if let Some(senders) = self.senders.get(&seen_in)
                && let Some(possible) = self.possible.get_mut(number)
            {
                possible.retain(|company| senders.contains(company));
            }
            if let Some(company) = self.followed.get(bytes)
                && let Some(certain) = self.certain.get_mut(number)
            {
                *certain = Some(*company);
            }
        }
        Ok(())
    }

    /// Guesses each application's company, having learnt from every second other one; how often that is right, and how
    /// often because a record was followed.
    pub(super) fn guess(
        &self,
        sightings: &[Sightings],
        companies: &[usize],
        rng: &mut ChaCha20Rng,
    ) -> (usize, usize) {
        let features: Vec<Vec<u64>> = sightings.iter().map(features).collect();
        let halves = [0, 1].map(|half| {
            let known = features.iter().zip(companies).enumerate();
            let known = known.filter(|(number, _)| number % 2 != half);
            Classifier::learn(known.map(|(_, (features, company))| (features.as_slice(), *company)))
        });
        let (mut right, mut followed) = (0, 0);
        for (number, (features, company)) in features.iter().zip(companies).enumerate() {
            let [even, odd] = &halves;
            let classifier = if number % 2 == 0 { even } else { odd };
            let certain = self.certain.get(number).copied().flatten();
            let possible = self.possible.get(number);
            let guess = match certain {
                Some(company) => Some(company),
                None => {
                    let possible: Vec<usize> = possible.into_iter().flatten().copied().collect();
                    let best = classifier.best(features, &possible);
                    best.get(below(rng, best.len())).copied()
                }
            };
            if guess == Some(*company) {
                right += 1;
                followed += usize::from(certain.is_some());
            }
        }
        (right, followed)
    }
}

/// What may differ between companies: nodes, places in a slot, and times between records.
fn features(sightings: &Sightings) -> Vec<u64> {
    let mut features = vec![sightings.designated_at as u64];
    let mut before = sightings.designated_slot;
    for sighting in &sightings.outcomes {
        features.extend([
            sighting.node as u64,
            sighting.position.min(4) as u64,
            sighting.slot % 6,
            sighting.slot.saturating_sub(before).min(64) / 8,
        ]);
        before = sighting.slot;
    }
    features
}
