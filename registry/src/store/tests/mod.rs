mod crashes;
mod damage;
mod fsck;

use super::{
    disk::{MemoryDisk, read_whole},
    *,
};
use crate::{
    fixture::{NOW, Network},
    state::Subject,
};
use protocol::registry::{ApplicationId, CaseId, ContentDigest, record::UnverifiedRecord};

fn records(network: &Network) -> Vec<Arc<Record>> {
    let events = [(1, 0, 1), (2, 0, 1), (1, 1, 2), (1, 2, 6)];
    let record = |(case, sequence, code)| Arc::new(network.event(case, sequence, code));
    events.into_iter().map(record).collect()
}

#[test]
fn what_was_appended_is_there_when_the_store_is_opened_again() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let records = records(&network);
    let root = {
        let store = network.store(directory.path());
        store.append(3, NOW, &records[..3]).unwrap();
        store.append(7, NOW.plus_seconds(9), &records[3..]).unwrap()
    };
    let store = network.store(directory.path());
    assert_eq!(
        store.tip(),
        Tip {
            height: 7,
            size: 4,
            root
        }
    );
    let entry = store.entry(3).unwrap().unwrap();
    assert_eq!((entry.height, entry.time), (7, NOW.plus_seconds(9)));
    assert_eq!(entry.record, records[3].as_bytes());
    assert_eq!(store.entry(4).unwrap(), None);
    let read = |index| store.hash(index);
    let path = merkle::prove_inclusion(1, 4, read).unwrap();
    merkle::verify_inclusion(&path, 1, records[1].leaf_hash(), 4, root).unwrap();
}

#[test]
fn a_store_of_another_network_is_refused() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    network
        .store(directory.path())
        .append(1, NOW, &records(&network))
        .unwrap();
    let other = Network::of(2).genesis.network();
    assert!(matches!(
        Store::open(directory.path(), other),
        Err(StoreError::WrongNetwork)
    ));
    assert!(Store::open(directory.path(), network.genesis.network()).is_ok());
}

#[test]
fn a_second_process_is_kept_out() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let _first = network.store(directory.path());
    let second = Store::open(directory.path(), network.genesis.network());
    let busy = |error: &io::Error| error.kind() == io::ErrorKind::ResourceBusy;
    assert!(matches!(second, Err(StoreError::Disk(error)) if busy(&error)));
}

#[test]
fn the_records_of_a_case_are_found_in_order_below_a_size() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let store = network.store(directory.path());
    store.append(1, NOW, &records(&network)).unwrap();
    let case = CaseId::from_bytes([1; 16]);
    assert_eq!(store.case(&case, 4).unwrap(), [0, 2, 3]);
    assert_eq!(store.case(&case, 3).unwrap(), [0, 2]);
    assert_eq!(store.case(&CaseId::from_bytes([3; 16]), 4).unwrap(), [0; 0]);
    let application = ApplicationId::from_bytes([1; 16]);
    assert_eq!(store.application(&application, 4).unwrap(), [0; 0]);
}

#[test]
fn the_records_of_an_application_are_its_designation_and_outcomes() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let store = network.store(directory.path());
    let records = network.application().map(Arc::new);
    store.append(1, NOW, &records).unwrap();
    let application = ApplicationId::from_bytes([7; 16]);
    assert_eq!(store.application(&application, 4).unwrap(), [1, 2, 3]);
    assert_eq!(store.application(&application, 2).unwrap(), [1]);
}

#[test]
fn postings_are_found_in_memory_in_runs_and_in_merged_runs() {
    let network = Network::of(1);
    let disk = MemoryDisk::new();
    let mut expected: Vec<Vec<u64>> = vec![Vec::new(); 200];
    let mut store = open(&disk, &network).unwrap();
    for height in 1..=57_u64 {
        let cases: Vec<u8> = (0..5)
            .map(|n| u8::try_from((height * 7 + n * 31) % 200).unwrap())
            .collect();
        let first = store.tip().size;
        let sequence = u32::try_from(height).unwrap();
        let block: Vec<Arc<Record>> = cases
            .iter()
            .map(|case| Arc::new(network.event(*case, sequence, 1)))
            .collect();
        store.append(height, NOW, &block).unwrap();
        for (index, case) in (first..).zip(cases) {
            expected[usize::from(case)].push(index);
        }
        if height % 19 == 0 {
            store.mark(Value::from(height)).unwrap();
            store = open(&disk, &network).unwrap();
            assert_eq!(store.marked(), (store.tip().size, Value::from(height)));
        }
    }
    let files = disk.list().unwrap();
    for kind in ["merged-", "run-", "partial-"] {
        assert!(files.iter().any(|file| file.starts_with(kind)), "{files:?}");
    }
    for (case, expected) in (0_u8..).zip(expected) {
        let case = CaseId::from_bytes([case; 16]);
        assert_eq!(store.case(&case, 300).unwrap(), expected);
    }
}

#[test]
fn heights_of_empty_blocks_are_noted_now_and_then() {
    let (network, disk) = (Network::of(1), MemoryDisk::new());
    let store = open(&disk, &network).unwrap();
    store.append(1, NOW, &records(&network)).unwrap();
    let size = store.tip().size;
    store.note_height(2).unwrap();
    assert_eq!(store.tip().height, 1);
    store.note_height(HEIGHT_NOTED_EVERY).unwrap();
    assert_eq!(store.tip().height, HEIGHT_NOTED_EVERY);
    assert_eq!(store.tip().size, size);
    let reopened = open(&disk, &network).unwrap();
    assert_eq!(reopened.tip(), store.tip());
}

#[test]
fn the_mirror_forgets_tokens_that_are_no_longer_the_latest() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let store = network.store(directory.path());
    let mirror = store.mirror();
    let (old, new) = (ContentDigest::of(b"old"), ContentDigest::of(b"new"));
    mirror.keep(b"old", |digest| *digest == old).unwrap();
    assert_eq!(mirror.token(&old).unwrap().unwrap(), "old");
    mirror.keep(b"new", |digest| *digest == new).unwrap();
    assert_eq!(mirror.token(&old).unwrap(), None);
    assert_eq!(mirror.token(&new).unwrap().unwrap(), "new");
}

#[test]
fn what_members_signed_is_there_when_the_store_is_opened_again() {
    let (network, disk) = (Network::of(1), MemoryDisk::new());
    let note = |text: &str| CosignedNote {
        checkpoint: text.to_owned(),
        document: "{}".to_owned(),
    };
    let store = open(&disk, &network).unwrap();
    assert_eq!(store.cosigned().unwrap(), None);
    for text in ["first", "second"] {
        store.remember_cosigned(&note(text)).unwrap();
        store.keep_handover(&note(text)).unwrap();
    }
    let store = open(&disk, &network).unwrap();
    assert_eq!(store.cosigned().unwrap(), Some(note("second")));
    assert_eq!(store.handovers(), [note("first"), note("second")]);
    let files = disk.list().unwrap();
    let latest = files.iter().filter(|file| file.starts_with("cosigned-"));
    assert_eq!(latest.count(), 1);

    // What a crash left half written is as if it had not been.
    disk.append("handovers", &[0, 0, 0, 9, 1]).unwrap();
    disk.append("cosigned-9", b"{\"check").unwrap();
    let store = open(&disk, &network).unwrap();
    assert_eq!(store.cosigned().unwrap(), Some(note("second")));
    store.keep_handover(&note("third")).unwrap();
    assert_eq!(open(&disk, &network).unwrap().handovers().len(), 3);
}

/// Few entries make a run here, so that a test sees all kinds of files.
const SMALL: Grain = Grain {
    entries: 8,
    postings: 64,
    runs: 3,
};

fn open(disk: &MemoryDisk, network: &Network) -> Result<Store, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::on(&disk, network.genesis.network(), SMALL)
}
