//! Ledgers in folders, honest or not. In all of them the members sign whatever they are told to.

use crate::audit::{Auditor, Checkpoint, Fault, Node, Round, Source};
use crate::{
    fixture::{NOW, Network, key},
    source::tile_path,
    state::State,
};
use protocol::registry::{
    BlocksDigest,
    checkpoint::write_checkpoint,
    merkle::{Frontier, TreeHash},
    record::Record,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A ledger as a node tells it.
pub(super) struct Told {
    pub(super) network: Network,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) places: Vec<(u64, u64)>,
    pub(super) checkpoint: Checkpoint,
    pub(super) document: String,
    pub(super) cosigned_by: Vec<u8>,
}

impl Told {
    /// `cases` cases in blocks of two records, as the rules want it and as a node that keeps them tells it.
    pub(super) fn honest(cases: u8) -> Self {
        let network = Network::of(4);
        let opened = (0..cases).map(|case| network.event(case, 0, 1));
        let checked = (0..cases).map(|case| network.event(case, 1, 2));
        let records: Vec<Record> = opened.chain(checked).collect();
        Self::of(network, &records)
    }

    /// Whatever the records are, members that do not look sign them.
    pub(super) fn of(network: Network, records: &[Record]) -> Self {
        let places: Vec<(u64, u64)> = (0..records.len() as u64)
            .map(|index| (5 + index / 2, NOW.as_unix() + index / 2))
            .collect();
        let mut told = Self {
            document: State::new(network.genesis.clone())
                .trusted_parties_document()
                .to_string(),
            checkpoint: State::new(network.genesis.clone()).checkpoint(),
            network,
            records: records
                .iter()
                .map(|record| record.as_bytes().to_vec())
                .collect(),
            places,
            cosigned_by: vec![0, 1, 2],
        };
        told.seal();
        told
    }

    /// Makes the checkpoint follow from what is told, rules aside.
    pub(super) fn seal(&mut self) {
        let mut tree = Frontier::default();
        let mut blocks = BlocksDigest::START;
        for (index, (record, place)) in (0..).zip(self.records.iter().zip(&self.places)) {
            let at = usize::try_from(index).unwrap();
            if at == 0 || self.places[at - 1] != *place {
                blocks = blocks.then(index, place.0, protocol::Timestamp::from_unix(place.1));
            }
            tree.push(TreeHash::of_leaf(record));
        }
        let last = self.places.last().copied().unwrap_or((0, 0));
        self.checkpoint = Checkpoint {
            size: tree.size(),
            root: tree.root(),
            height: last.0,
            time: protocol::Timestamp::from_unix(last.1),
            blocks,
            ..self.checkpoint
        };
    }

    pub(super) fn note(&self) -> String {
        let cosigners = self.network.genesis.cosigners();
        let signatures = self.cosigned_by.iter().map(|member| {
            cosigners
                .cosign(&self.checkpoint, &key(*member), NOW)
                .unwrap()
        });
        write_checkpoint(&self.checkpoint, &signatures.collect::<Vec<_>>()).unwrap()
    }

    pub(super) fn write(&self, folder: &Path) -> Node {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("checkpoint"), self.note()).unwrap();
        let answer = serde_json::json!({"checkpoint": self.note(), "document": self.document});
        fs::write(folder.join("trusted-parties"), answer.to_string()).unwrap();
        let write = |path: String, content: &[u8]| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let tiles = self.records.chunks(256).zip(self.places.chunks(256));
        for (number, (records, places)) in (0..).zip(tiles) {
            let entry = |record: &Vec<u8>| {
                let length = u16::try_from(record.len()).unwrap().to_be_bytes();
                [length.as_slice(), record].concat()
            };
            let entries: Vec<u8> = records.iter().flat_map(entry).collect();
            let places: Vec<u8> = places
                .iter()
                .flat_map(|place| [place.0.to_be_bytes(), place.1.to_be_bytes()].concat())
                .collect();
            let width = records.len() as u64;
            write(tile_path("entries", number, width), &entries);
            write(tile_path("blocks", number, width), &places);
        }
        Node {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            source: Source::Folder(folder.to_owned()),
        }
    }
}

pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) rng: ChaCha20Rng,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            rng: ChaCha20Rng::from_seed([3; 32]),
        }
    }

    pub(super) fn node(&self, name: &str, told: &Told) -> Node {
        told.write(&self.folder.path().join(name))
    }

    pub(super) async fn audit(&mut self, ledgers: &[(&str, &Told)]) -> Round {
        let nodes: Vec<Node> = ledgers
            .iter()
            .map(|(name, told)| self.node(name, told))
            .collect();
        let mut auditor = Auditor::new(ledgers[0].1.network.genesis.clone());
        auditor.round(&nodes, &mut self.rng).await.unwrap()
    }

    pub(super) async fn faults(&mut self, told: &Told) -> Vec<(Fault, Option<u64>)> {
        let round = self.audit(&[("a", told)]).await;
        let violations = round.report.violations.iter();
        violations
            .map(|violation| (violation.fault, violation.index))
            .collect()
    }
}

/// Another ledger of the same network, signed by some of the same members.
pub(super) fn fork(cases: u8, cosigned_by: Vec<u8>) -> Told {
    let network = Network::of(4);
    let records: Vec<Record> = (100..100 + cases)
        .map(|case| network.event(case, 0, 1))
        .collect();
    Told {
        cosigned_by,
        ..Told::of(network, &records)
    }
}
