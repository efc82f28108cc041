//! Networks whose members' nodes are folders, honest or not, and a node that joins.

use crate::{
    fixture::{NOW, Network, key},
    source::{BUNDLE_ENTRIES, Source, tile_path},
    state::{BlockContext, State},
    store::{
        Grain, Store,
        disk::{Disk, MemoryDisk},
    },
    sync::{Joining, Peers, SyncError},
};
use protocol::registry::{
    Genesis, Member,
    checkpoint::{Checkpoint, Committees, write_checkpoint},
    record::Record,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// Few entries make a run here, so that a test sees all kinds of files.
const SMALL: Grain = Grain {
    entries: 64,
    postings: 512,
    runs: 3,
};

/// A ledger that members keep.
pub(super) struct Ledger {
    pub(super) network: Network,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) places: Vec<BlockContext>,
    pub(super) state: State<'static>,
    handovers: Vec<serde_json::Value>,
}

impl Ledger {
    pub(super) fn new(members: u8) -> Self {
        let network = Network::of(members);
        Self {
            state: State::new(network.genesis.clone()),
            network,
            records: Vec::new(),
            places: Vec::new(),
            handovers: Vec::new(),
        }
    }

    /// 700 records in blocks of three, up to a height of about 1,200; a bundle ends within a block.
    pub(super) fn filled() -> Self {
        let mut ledger = Self::new(4);
        for sequence in 0..3 {
            let cases = if sequence < 2 { 0..=249 } else { 0..=199 };
            let code = [1, 2, 6][usize::try_from(sequence).unwrap()];
            let records: Vec<Record> = cases
                .map(|case| ledger.network.event(case, sequence, code))
                .collect();
            for block in records.chunks(3) {
                let height = ledger.state.checkpoint().height + 5;
                ledger.commit(height, block);
            }
        }
        ledger
    }

    pub(super) fn commit(&mut self, height: u64, records: &[Record]) {
        let place = BlockContext {
            height,
            time: NOW.plus_seconds(height),
        };
        let before = self.state.committees();
        for record in records {
            self.state.apply(record, &place).unwrap();
            self.records.push(record.as_bytes().to_vec());
            self.places.push(place);
        }
        self.state.end_block(height);
        if self.state.committees() != before {
            let document = self.state.trusted_parties_document().to_string();
            let checkpoint = self.note(&[0, 1, 2]);
            let handover = serde_json::json!({"checkpoint": checkpoint, "document": document});
            self.handovers.push(handover);
        }
    }

    /// Appends some of its blocks to a store, as consensus delivers them.
    pub(super) fn append_to(&self, store: &Store, first: usize, count: usize) {
        let entries: Vec<_> = self.places.iter().zip(&self.records).collect();
        let blocks = entries.chunk_by(|a, b| a.0 == b.0);
        for block in blocks.skip(first).take(count) {
            let record = |(_, bytes): &(_, &Vec<u8>)| Arc::new(self.network.record(bytes));
            let records: Vec<Arc<Record>> = block.iter().map(record).collect();
            let place = block[0].0;
            store.append(place.height, place.time, &records).unwrap();
        }
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.state.checkpoint()
    }

    /// The checkpoint with the signatures of these members.
    pub(super) fn note(&self, members: &[u8]) -> String {
        sign(&self.checkpoint(), &self.state.committees(), members)
    }

    /// Writes what a node with this ledger answers.
    pub(super) fn tell(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("checkpoint"), self.note(&[0, 1, 2])).unwrap();
        let page = |handovers: &[serde_json::Value]| {
            serde_json::json!({ "handovers": handovers }).to_string()
        };
        fs::write(folder.join("handovers?from=1"), page(&self.handovers)).unwrap();
        let width = usize::try_from(BUNDLE_ENTRIES).unwrap();
        let tiles = self.records.chunks(width).zip(self.places.chunks(width));
        for (number, (records, places)) in (0..).zip(tiles) {
            let width = records.len() as u64;
            let entries: Vec<u8> = records.iter().flat_map(|record| entry(record)).collect();
            let places: Vec<u8> = places.iter().flat_map(place).collect();
            write(&folder.join(tile_path("entries", number, width)), &entries);
            write(&folder.join(tile_path("blocks", number, width)), &places);
        }
    }
}

pub(super) fn sign(checkpoint: &Checkpoint, committees: &Committees, members: &[u8]) -> String {
    let cosigners = committees.at(checkpoint.height);
    let signatures = members
        .iter()
        .map(|member| cosigners.cosign(checkpoint, &key(*member), NOW).unwrap());
    write_checkpoint(checkpoint, &signatures.collect::<Vec<_>>()).unwrap()
}

/// An entry as it stands in a bundle.
pub(super) fn entry(record: &[u8]) -> Vec<u8> {
    let length = u16::try_from(record.len()).unwrap().to_be_bytes();
    [length.as_slice(), record].concat()
}

fn place(place: &BlockContext) -> Vec<u8> {
    [
        place.height.to_be_bytes(),
        place.time.as_unix().to_be_bytes(),
    ]
    .concat()
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Member 0 joins; the nodes of the others are folders.
pub(super) struct World {
    folder: TempDir,
    pub(super) disk: MemoryDisk,
    pub(super) genesis: Arc<Genesis>,
}

impl World {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            disk: MemoryDisk::new(),
            genesis: ledger.network.genesis.clone(),
        }
    }

    /// The folder of a member's node.
    pub(super) fn peer(&self, member: u8) -> PathBuf {
        self.folder.path().join(format!("member{member}.example"))
    }

    /// The node starts.
    pub(super) async fn start(&self) -> Result<Store, SyncError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let folder = self.folder.path().to_owned();
        let joining = Joining {
            genesis: self.genesis.clone(),
            disk,
            grain: SMALL,
            peers: Some(Peers::read_by(move |member: &Member| {
                let own = member.name == "member0.example";
                (!own).then(|| Source::Folder(folder.join(&member.name)))
            })),
        };
        joining.catch_up().await
    }

    /// The files of the store and what they hold, once it was opened.
    pub(super) fn files(&self) -> Vec<(String, Option<Vec<u8>>)> {
        drop(self.open().unwrap());
        let names = self.disk.list().unwrap();
        names
            .into_iter()
            .map(|name| (name.clone(), self.disk.content(&name)))
            .collect()
    }

    /// The store as a start without peers opens it.
    pub(super) fn open(&self) -> Result<Store, crate::store::StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        Store::on(&disk, self.genesis.network(), SMALL)
    }
}
