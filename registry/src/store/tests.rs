use super::*;
use crate::fixture::{NOW, Network};
use protocol::registry::ContentDigest;

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
        store.tip().unwrap(),
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
    assert!(matches!(second, Err(StoreError::Database(_))));
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
fn heights_of_empty_blocks_are_noted_now_and_then() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let store = network.store(directory.path());
    store.append(1, NOW, &records(&network)).unwrap();
    let size = store.tip().unwrap().size;
    store.note_height(2).unwrap();
    assert_eq!(store.tip().unwrap().height, 1);
    store.note_height(HEIGHT_NOTED_EVERY).unwrap();
    assert_eq!(store.tip().unwrap().height, HEIGHT_NOTED_EVERY);
    assert_eq!(store.tip().unwrap().size, size);
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
fn a_remembered_checkpoint_is_there_when_the_store_is_opened_again() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let cosigned = CosignedNote {
        checkpoint: "note".to_owned(),
        document: "{}".to_owned(),
    };
    {
        let store = network.store(directory.path());
        assert_eq!(store.cosigned().unwrap(), None);
        store.remember_cosigned(&cosigned).unwrap();
        store.flush().unwrap();
    }
    assert_eq!(
        network.store(directory.path()).cosigned().unwrap(),
        Some(cosigned)
    );
}
