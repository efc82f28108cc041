//! The power fails at every change of the disk while records are taken from a peer.

use super::*;
use crate::store::{
    BlockRecords,
    disk::Disk,
    fsck::{Remedy, examine, repair},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::sync::Arc;

/// Before the replay the node has a few blocks, which it told others of.
const BLOCKS_BEFORE: usize = 20;

fn begin(world: &World, ledger: &Ledger) {
    ledger.append_to(&world.open().unwrap(), 0, BLOCKS_BEFORE);
}

#[tokio::test]
async fn n3_a_loss_of_power_during_a_replay_leaves_what_was_there_or_all_of_it() {
    let ledger = Ledger::filled();
    let (before, after) = (BLOCKS_BEFORE as u64 * 3, ledger.checkpoint().size);
    let changes = {
        let world = World::new(&ledger);
        ledger.tell(&world.peer(1));
        begin(&world, &ledger);
        let begun = world.disk.changes();
        assert_has(&world.start().await.unwrap(), &ledger);
        world.disk.changes() - begun
    };
    assert!(changes > 40, "{changes}");
    let mut accepted = 0;
    for change in 0..changes {
        let world = World::new(&ledger);
        ledger.tell(&world.peer(1));
        begin(&world, &ledger);
        world.disk.fail_at_change(world.disk.changes() + change);
        let seed = change.wrapping_mul(0x9e37_79b9);
        let _until_the_power_fails = world.start().await;
        world.disk.lose_power(seed);
        // It fails once more while the store is opened, or soon after.
        world.disk.fail_at_change(seed % 7);
        let _until_the_power_fails = world.open();
        world.disk.lose_power(seed + 1);
        let store = world.open().unwrap();
        let size = store.tip().size;
        assert!(size == before || size == after, "change {change}: {size}");
        restored_state(&world.genesis, &store).unwrap();
        accepted += u64::from(size == after);
        if size == before {
            // A block from consensus: no flag of the replay that failed may cut it off.
            ledger.append_to(&store, BLOCKS_BEFORE, 1);
            drop(store);
            for again in 0..4 {
                world.disk.lose_power(seed + 2 + again);
                let size = world.open().unwrap().tip().size;
                assert_eq!(size, before + 3, "change {change}, {again}");
            }
        }
        assert_has(&world.start().await.unwrap(), &ledger);
    }
    assert!(
        accepted > 0 && accepted < changes,
        "{accepted} of {changes}"
    );
}

#[tokio::test]
async fn a_replay_that_was_given_up_is_cut_off_and_what_follows_it_is_not() {
    let ledger = Ledger::filled();
    for seed in 0..40 {
        let world = World::new(&ledger);
        ledger.tell(&world.peer(1));
        begin(&world, &ledger);
        std::fs::remove_file(world.peer(1).join("tile/entries/002.p/188")).unwrap();
        let store = world.start().await.unwrap();
        assert_eq!(store.tip().size, BLOCKS_BEFORE as u64 * 3);
        ledger.append_to(&store, BLOCKS_BEFORE, 1);
        drop(store);
        world.disk.lose_power(seed);
        let store = world.open().unwrap();
        assert_eq!(
            store.tip().size,
            BLOCKS_BEFORE as u64 * 3 + 3,
            "seed {seed}"
        );
    }
}

#[test]
fn what_a_replay_left_is_no_fault_of_the_disk() {
    let ledger = Ledger::filled();
    let world = World::new(&ledger);
    begin(&world, &ledger);
    let store = world.open().unwrap();
    let size = store.tip().size;
    let unchecked = store.begin_unchecked(serde_json::Value::Null).unwrap();
    let record = Arc::new(ledger.network.event(250, 0, 1));
    let block = BlockRecords {
        height: 10_000,
        time: NOW,
        records: &[record],
    };
    unchecked.append(&[block]).unwrap();
    drop(unchecked);
    let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let examination = examine(&disk, &world.genesis, &mut rng).unwrap();
    let remedies: Vec<Remedy> = examination
        .findings
        .iter()
        .map(|found| found.remedy)
        .collect();
    assert_eq!(
        (remedies, examination.tip.size),
        (vec![Remedy::Start], size)
    );

    // Even if all marks have to go.
    let hashes = world.disk.content("hashes").unwrap().len();
    world.disk.rot("hashes", hashes - 40);
    world.disk.rot("hashes", 3);
    let examination = examine(&disk, &world.genesis, &mut rng).unwrap();
    assert!(examination.findings.len() > 1);
    repair(&*disk, &examination).unwrap();
    assert_eq!(world.open().unwrap().tip().size, size);
}
