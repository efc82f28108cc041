//! The power fails at every change of the disk, one after the other, and the store is opened again.

use super::*;

const BLOCKS: u64 = 24;

/// What a crash may not take away.
#[derive(Default)]
struct Acknowledged {
    height: u64,
    size: u64,
    handovers: usize,
    token: bool,
}

/// Each block's records; the blocks are the same whenever they are delivered.
struct Blocks(Vec<Vec<Arc<Record>>>);

impl Blocks {
    fn of(network: &Network) -> Self {
        let block = |height: u64| {
            let records = 0..=height % 3;
            records
                .map(|n| {
                    let case = u8::try_from((height * 3 + n) % 40).unwrap();
                    Arc::new(network.event(case, u32::try_from(height).unwrap(), 1))
                })
                .collect()
        };
        Self((0..BLOCKS).map(block).collect())
    }

    fn at(&self, height: u64) -> &[Arc<Record>] {
        &self.0[usize::try_from(height).unwrap()]
    }

    /// The root after all blocks up to a height, and how many records they have.
    fn until(&self, height: u64) -> (TreeHash, u64) {
        let mut tree = Frontier::default();
        for block in 1..=height {
            self.at(block)
                .iter()
                .for_each(|record| tree.push(record.leaf_hash()));
        }
        (tree.root(), tree.size())
    }
}

/// A node's life from the height that its store has: blocks, marks, signatures, a token; until the disk fails.
fn live(store: &Store, blocks: &Blocks, done: &mut Acknowledged) -> Result<(), StoreError> {
    for height in store.tip().height + 1..BLOCKS {
        store.append(height, NOW.plus_seconds(height), blocks.at(height))?;
        (done.height, done.size) = (height, store.tip().size);
        let note = CosignedNote {
            checkpoint: height.to_string(),
            document: "{}".to_owned(),
        };
        store.remember_cosigned(&note)?;
        if height % 8 == 0 && store.handovers().len() < usize::try_from(height / 8).unwrap() {
            store.keep_handover(&note)?;
            done.handovers += 1;
        }
        if store.is_mark_due() || height % 7 == 0 {
            store.mark(Value::from(store.tip().size))?;
        }
        if height == 12 {
            store.mirror().keep(b"token", |_| true)?;
            done.token = true;
        }
    }
    Ok(())
}

/// All that a reader can ask is as the blocks up to the store's height say.
fn check(store: &Store, blocks: &Blocks, done: &Acknowledged, what: &str) {
    let tip = store.tip();
    assert!(tip.height >= done.height && tip.size >= done.size, "{what}");
    assert_eq!((tip.root, tip.size), blocks.until(tip.height), "{what}");
    let mut index = 0;
    for height in 1..=tip.height {
        for record in blocks.at(height) {
            let entry = store.entry(index).unwrap().unwrap();
            assert_eq!(entry.record, record.as_bytes(), "{what}");
            assert_eq!(entry.height, height, "{what}");
            let subject = Subject::Record(record.id());
            let found = store.records_of(&subject, tip.size).unwrap();
            assert_eq!(found.iter().map(|at| at.index).collect::<Vec<_>>(), [index]);
            let path = merkle::prove_inclusion(index, tip.size, |at| store.hash(at)).unwrap();
            merkle::verify_inclusion(&path, index, record.leaf_hash(), tip.size, tip.root).unwrap();
            index += 1;
        }
    }
    let (size, snapshot) = store.marked();
    assert!(size <= tip.size && (snapshot == size || size == 0));
    assert!(store.handovers().len() >= done.handovers, "{what}");
    let token = store.mirror().token(&ContentDigest::of(b"token")).unwrap();
    assert!(token.is_some() || !done.token, "{what}");
}

#[test]
fn n3_what_was_acknowledged_survives_a_loss_of_power_at_every_change_of_the_disk() {
    let network = Network::of(1);
    let blocks = Blocks::of(&network);
    let changes = {
        let disk = MemoryDisk::new();
        live(
            &open(&disk, &network).unwrap(),
            &blocks,
            &mut Acknowledged::default(),
        )
        .unwrap();
        disk.changes()
    };
    assert!(changes > 200, "{changes}");
    let mut torn = 0;
    for change in 0..changes {
        let seed = change.wrapping_mul(0x9e37_79b9);
        let what = format!("change {change}");
        let disk = MemoryDisk::new();
        disk.fail_at_change(change);
        let mut done = Acknowledged::default();
        if let Ok(store) = open(&disk, &network) {
            let _until_the_power_fails = live(&store, &blocks, &mut done);
            assert!(store.append(BLOCKS, NOW, blocks.at(1)).is_err(), "{what}");
        }
        disk.lose_power(seed);
        // It fails once more while the store is being opened, or soon after.
        disk.fail_at_change(seed % 11);
        if let Ok(store) = open(&disk, &network) {
            check(&store, &blocks, &done, &what);
            let _until_the_power_fails = live(&store, &blocks, &mut done);
        }
        disk.lose_power(seed + 1);
        let store = open(&disk, &network).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        check(&store, &blocks, &done, &what);
        torn += u64::from(store.tip().height == done.height);
        live(&store, &blocks, &mut done).unwrap();
        check(&store, &blocks, &done, &what);
    }
    assert!(torn > 0 && torn < changes, "{torn} of {changes}");
}

#[test]
fn after_a_sync_that_failed_nothing_is_written_and_nothing_of_it_is_found() {
    let network = Network::of(1);
    let blocks = Blocks::of(&network);
    let disk = MemoryDisk::new();
    let store = open(&disk, &network).unwrap();
    store.append(1, NOW, blocks.at(1)).unwrap();
    let before = store.tip();
    disk.fail_syncs();
    assert!(store.append(2, NOW, blocks.at(2)).is_err());
    assert_eq!(store.tip(), before);
    let changes = disk.changes();
    for _again in 0..2 {
        let refused = store.append(2, NOW, blocks.at(2));
        assert!(matches!(refused, Err(StoreError::Stopped)));
        assert!(matches!(store.note_height(64), Err(StoreError::Stopped)));
        assert!(matches!(store.mark(Value::Null), Err(StoreError::Stopped)));
    }
    assert_eq!(disk.changes(), changes);
    // The block may still be in the memory of the machine: whoever opens the store must not take it for stored.
    assert_eq!(open(&disk, &network).unwrap().tip(), before);
}

#[test]
fn a_full_disk_stops_the_store_and_room_is_all_it_needs() {
    let network = Network::of(1);
    let blocks = Blocks::of(&network);
    for room in (60..4_000).step_by(97) {
        let disk = MemoryDisk::new();
        let mut done = Acknowledged::default();
        disk.limit_bytes(Some(room));
        if let Ok(store) = open(&disk, &network) {
            assert!(live(&store, &blocks, &mut done).is_err());
        }
        disk.limit_bytes(None);
        let store = open(&disk, &network).unwrap();
        check(&store, &blocks, &done, &room.to_string());
        live(&store, &blocks, &mut done).unwrap();
    }
}
