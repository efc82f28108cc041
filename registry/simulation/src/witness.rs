//! What members sign for each other's ears: whoever signs two ledgers is found, and what shows it holds for anyone.

use crate::lock;
use protocol::registry::checkpoint::{Committees, UnverifiedEvidence};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// The first byte of a message with a checkpoint.
pub(crate) const CHECKPOINT: u8 = 2;
/// Different texts under one name and height that are kept: a garbled one may come first.
const TEXTS_MAX: usize = 4;

/// All notes that passed between nodes; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    /// By signer and height: the text, and the first note with it.
    notes: BTreeMap<(String, u64), Vec<(String, String)>>,
    pairs: Vec<(String, String)>,
}

impl Witness {
    /// Takes a message that one node sent to another.
    pub(crate) fn hear(&self, message: &[u8]) {
        let Some((&CHECKPOINT, note)) = message.split_first() else {
            return;
        };
        let Some((text, signatures)) = str::from_utf8(note)
            .ok()
            .and_then(|note| note.split_once("\n\n"))
        else {
            return;
        };
        let height = text
            .lines()
            .find_map(|line| line.strip_prefix("height ")?.parse().ok());
        let Some(height) = height else {
            return;
        };
        let note = str::from_utf8(note).unwrap_or_default();
        let names = signatures
            .lines()
            .filter_map(|line| line.strip_prefix("\u{2014} ")?.split(' ').next());
        let mut heard = lock(&self.0);
        let heard = &mut *heard;
        for name in names {
            let known = heard.notes.entry((name.to_owned(), height)).or_default();
            if known.len() >= TEXTS_MAX || known.iter().any(|(other, _)| other == text) {
                continue;
            }
            let others = known.iter();
            heard
                .pairs
                .extend(others.map(|(_, other)| (other.clone(), note.to_owned())));
            known.push((text.to_owned(), note.to_owned()));
        }
    }

    /// Members that signed different ledgers at one height, but for one that lies: whoever signs has what is final.
    pub(crate) fn disagreements(&self, liar: Option<&str>) -> Vec<String> {
        let heard = lock(&self.0);
        let mut first: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
        let mut found = Vec::new();
        for ((name, height), texts) in &heard.notes {
            if Some(name.as_str()) == liar {
                continue;
            }
            for (text, _) in texts {
                let (signer, signed) = *first.entry(*height).or_insert((name, text));
                if signed != text {
                    found.push(format!(
                        "N1: {signer} and {name} signed different ledgers at height {height}"
                    ));
                }
            }
        }
        found
    }

    /// The members that are shown to have signed two ledgers at one height, to anyone who knows the committees.
    pub(crate) fn forgers(&self, committees: &Committees) -> BTreeSet<String> {
        let heard = lock(&self.0);
        let shown = heard.pairs.iter().filter_map(|(first, second)| {
            let evidence = UnverifiedEvidence::new(first, second);
            // What anyone else would read.
            let evidence = UnverifiedEvidence::parse(evidence.to_json().as_bytes()).ok()?;
            Some(evidence.verify(committees).ok()?.members)
        });
        shown.flatten().collect()
    }
}
