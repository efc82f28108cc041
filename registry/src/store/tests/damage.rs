//! The disk changes, loses or swaps what was on it.

use super::*;

/// A store with marked and unmarked entries, closed.
fn filled(network: &Network) -> (MemoryDisk, Tip) {
    let disk = MemoryDisk::new();
    let store = open(&disk, network).unwrap();
    for height in 1..=30_u64 {
        let case = u8::try_from(height).unwrap();
        let block = [network.event(case, 0, 1), network.event(case, 1, 2)];
        store.append(height, NOW, &block.map(Arc::new)).unwrap();
        if height == 25 {
            store.mark(Value::Null).unwrap();
        }
    }
    let tip = store.tip();
    (disk, tip)
}

fn reads_all(store: &Store) -> Result<(), StoreError> {
    for index in 0..store.tip().size {
        let record = store.record(index)?.record;
        let found = store.records_of(&Subject::Record(record.id()), index + 1)?;
        if found.len() != 1 {
            return Err(StoreError::Rotten { index });
        }
        let path = merkle::prove_inclusion(index, store.tip().size, |at| store.hash(at))
            .map_err(|_| StoreError::Damaged("hashes"))?;
        let (size, root) = (store.tip().size, store.tip().root);
        merkle::verify_inclusion(&path, index, record.leaf_hash(), size, root)
            .map_err(|_| StoreError::Damaged("a wrong proof"))?;
    }
    Ok(())
}

#[test]
fn whatever_byte_the_disk_changes_no_wrong_record_or_proof_is_served() {
    let network = Network::of(1);
    let (disk, tip) = filled(&network);
    let (mut harmless, mut seen) = (0, 0);
    for file in disk.list().unwrap() {
        let length = read_whole(&disk, &file).unwrap().unwrap().len();
        for offset in (0..length).step_by(41) {
            let image = disk.image();
            assert!(image.rot(&file, offset));
            let what = format!("{file} at {offset}");
            let store = match open(&image, &network) {
                Ok(store) => store,
                Err(StoreError::Rotten { .. } | StoreError::Damaged(_)) if file == "entries" => {
                    seen += 1;
                    continue;
                }
                Err(error) => panic!("{what}: {error:?}"),
            };
            // Only what may have been torn when the power failed is gone without a word: the last block.
            let kept = store.tip();
            assert!(
                kept == tip || (file == "entries" && kept.height == tip.height - 1),
                "{what}"
            );
            match reads_all(&store) {
                Ok(()) => harmless += 1,
                Err(StoreError::Damaged("a wrong proof")) => panic!("{what}"),
                Err(_) => seen += 1,
            }
        }
    }
    assert!(harmless > 0 && seen > 0, "{harmless} {seen}");
}

#[test]
fn derived_files_that_are_lost_or_cut_are_derived_again() {
    let network = Network::of(1);
    let (disk, tip) = filled(&network);
    let derived = |file: &String| file != "entries";
    for file in disk.list().unwrap().into_iter().filter(derived) {
        for length in [0, 7, 100] {
            let image = disk.image();
            image.cut(&file, length);
            let store = open(&image, &network).unwrap();
            assert_eq!(store.tip(), tip, "{file}");
            reads_all(&store).unwrap();
        }
        let image = disk.image();
        image.remove(&file).unwrap();
        let store = open(&image, &network).unwrap();
        assert_eq!(store.tip(), tip, "{file}");
        reads_all(&store).unwrap();
        // And so they stay.
        store.mark(Value::Null).unwrap();
        reads_all(&open(&image, &network).unwrap()).unwrap();
    }
}

#[test]
fn entries_that_were_marked_and_are_gone_are_missed() {
    let network = Network::of(1);
    let (disk, _) = filled(&network);
    for length in [0, 20, 52, 3_000] {
        let image = disk.image();
        image.cut("entries", length);
        assert!(matches!(
            open(&image, &network),
            Err(StoreError::Damaged(_))
        ));
    }
    disk.remove("entries").unwrap();
    assert!(matches!(open(&disk, &network), Err(StoreError::Damaged(_))));
}

#[test]
fn an_older_image_of_the_disk_is_an_older_ledger() {
    let network = Network::of(1);
    let disk = MemoryDisk::new();
    let store = open(&disk, &network).unwrap();
    let record = |height: u64| [Arc::new(network.event(u8::try_from(height).unwrap(), 0, 1))];
    for height in 1..=20 {
        store.append(height, NOW, &record(height)).unwrap();
    }
    let (image, then) = (disk.image(), store.tip());
    for height in 21..=40 {
        store.append(height, NOW, &record(height)).unwrap();
    }
    let store = open(&image, &network).unwrap();
    assert_eq!(store.tip(), then);
    reads_all(&store).unwrap();
}
