//! What an examination finds, and that its remedies help.

use super::*;
use crate::{
    replica::derive,
    store::fsck::{Examination, Remedy, examine, repair},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

fn look(disk: &MemoryDisk, network: &Network) -> Examination {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    examine(&disk, &network.genesis, &mut rng).unwrap()
}

/// A marked store of acceptable records, in which every kind of file occurs.
fn filled(network: &Network) -> (MemoryDisk, Tip) {
    let disk = MemoryDisk::new();
    let store = open(&disk, network).unwrap();
    for height in 1..=31_u64 {
        let case = u8::try_from(height).unwrap();
        let block = [network.event(case, 0, 1), network.event(case, 1, 2)];
        store.append(height, NOW, &block.map(Arc::new)).unwrap();
    }
    derive(&network.genesis, &store).unwrap();
    store.mirror().keep(b"token", |_| true).unwrap();
    (disk, store.tip())
}

/// Repairs, opens, and finds nothing wrong any more.
fn mended(disk: &MemoryDisk, network: &Network, examination: &Examination) -> Tip {
    repair(disk, examination).unwrap();
    let store = open(disk, network).unwrap();
    derive(&network.genesis, &store).unwrap();
    let again = look(disk, network);
    assert_eq!(again.findings, [], "{examination:?}");
    assert_eq!(again.tip, store.tip());
    again.tip
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let network = Network::of(1);
    let (disk, tip) = filled(&network);
    assert_eq!(look(&disk, &network).findings, []);
    assert_eq!(look(&disk, &network).tip, tip);
    // Nor behind the mark, where derived files need not be on the disk.
    let store = open(&disk, &network).unwrap();
    let record = [Arc::new(network.event(200, 0, 1))];
    store.append(40, NOW, &record).unwrap();
    drop(store);
    disk.cut("hashes", disk.content("hashes").unwrap().len() - 30);
    assert_eq!(look(&disk, &network).findings, []);
    assert_eq!(look(&disk, &network).tip.size, tip.size + 1);
}

#[test]
fn every_byte_that_the_disk_changed_is_found_and_mended() {
    let network = Network::of(1);
    let (disk, tip) = filled(&network);
    let files = disk.list().unwrap();
    for kind in ["merged-", "run-", "partial-", "list-"] {
        assert!(files.iter().any(|file| file.starts_with(kind)), "{files:?}");
    }
    for file in files.iter().filter(|file| !file.starts_with("mark-")) {
        let length = read_whole(&disk, file).unwrap().unwrap().len();
        for offset in (0..length).step_by(211) {
            let image = disk.image();
            image.rot(file, offset);
            let examination = look(&image, &network);
            assert!(!examination.findings.is_empty(), "{file} at {offset}");
            let kept = mended(&image, &network, &examination);
            assert!(kept == tip || file == "entries", "{file} at {offset}");
        }
    }
}

#[test]
fn an_entry_that_was_changed_is_named_and_all_before_its_block_is_kept() {
    let network = Network::of(1);
    let (disk, _) = filled(&network);
    let content = disk.content("entries").unwrap();
    let record = network.event(9, 1, 2);
    let bytes = record.as_bytes();
    let at = content.windows(bytes.len()).position(|part| part == bytes);
    disk.rot("entries", at.unwrap() + 70);
    let examination = look(&disk, &network);
    let finding = examination.findings[0].clone();
    assert_eq!(finding.index, Some(16));
    assert!(matches!(finding.remedy, Remedy::Cut { .. }));
    assert_eq!(mended(&disk, &network, &examination).size, 16);
}

#[test]
fn an_entry_without_its_authors_signature_or_against_the_rules_is_found() {
    let network = Network::of(1);
    let mut forged = network.event(250, 0, 1).as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = UnverifiedRecord::decode(&forged).unwrap();
    let forged = forged.dangerous_without_signature(&network.genesis.network());
    let skipped = network.event(250, 1, 2);
    for (record, what) in [
        (forged.unwrap(), "the entry is not signed by its author"),
        (skipped, "the entry breaks the rules"),
    ] {
        let (disk, tip) = filled(&network);
        let store = open(&disk, &network).unwrap();
        let block = [Arc::new(network.event(249, 0, 1)), Arc::new(record)];
        store.append(90, NOW, &block).unwrap();
        drop(store);
        let examination = look(&disk, &network);
        let finding = examination.findings[0].clone();
        assert_eq!((finding.what, finding.index), (what, Some(tip.size + 1)));
        assert_eq!(mended(&disk, &network, &examination).size, tip.size);
    }
}

#[test]
fn a_mark_with_another_state_is_found() {
    let network = Network::of(1);
    let (disk, tip) = filled(&network);
    let store = open(&disk, &network).unwrap();
    let (_, mut snapshot) = store.marked();
    snapshot["blocks_until"] = Value::from(1);
    store.mark(snapshot).unwrap();
    drop(store);
    let examination = look(&disk, &network);
    assert_eq!(examination.findings[0].what, "the mark has another state");
    assert_eq!(mended(&disk, &network, &examination), tip);
}

#[test]
fn the_store_of_another_network_is_left_alone() {
    let network = Network::of(1);
    let (disk, _) = filled(&network);
    let before = disk.content("entries");
    let examination = look(&disk, &Network::of(2));
    assert_eq!(examination.findings[0].remedy, Remedy::Configure);
    repair(&disk, &examination).unwrap();
    assert_eq!(disk.content("entries"), before);
}
