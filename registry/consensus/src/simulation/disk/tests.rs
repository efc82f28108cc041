//! A disk in trouble.

use super::*;
use commonware_utils::test_rng;

#[test]
fn what_was_synced_survives_the_loss_of_power() {
    let disk = Disk::default();
    let file = disk.open("a");
    file.write(0, b"synced").unwrap();
    file.sync().unwrap();
    file.write(6, b" and not").unwrap();
    disk.lose_power(&mut test_rng());
    assert_eq!(file.read(0, 1), Err(DiskError::Off));
    let file = disk.open("a");
    assert_eq!(file.read(0, 6).unwrap(), b"synced");
    assert!(file.len().unwrap() <= 14);
}

#[test]
fn what_was_not_synced_is_sometimes_lost_and_sometimes_torn() {
    let mut rng = test_rng();
    let mut lengths: Vec<usize> = (0..200)
        .map(|_| {
            let disk = Disk::default();
            disk.open("a").write(0, b"0123456789").unwrap();
            disk.lose_power(&mut rng);
            disk.open("a").len().unwrap()
        })
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    assert!(lengths.contains(&0) && lengths.iter().any(|length| (1..10).contains(length)));
}

#[test]
fn the_end_of_a_process_loses_nothing() {
    let disk = Disk::default();
    disk.open("a").write(0, b"kept").unwrap();
    disk.end_process();
    assert_eq!(disk.open("a").read(0, 4).unwrap(), b"kept");
}

#[test]
fn what_a_failed_sync_lost_is_not_synced_by_the_next_one() {
    let disk = Disk::default();
    let file = disk.open("a");
    file.write(0, b"lost").unwrap();
    disk.trouble(Trouble::Syncs, 0);
    assert_eq!(file.sync(), Err(DiskError::Failed));
    disk.repair();
    file.sync().unwrap();
    disk.lose_power(&mut test_rng());
    assert_eq!(disk.open("a").len(), Ok(0));
}

#[test]
fn a_full_disk_takes_no_more_and_can_still_be_read() {
    let disk = Disk::default();
    let file = disk.open("a");
    file.write(0, b"before").unwrap();
    disk.trouble(Trouble::Full, 0);
    assert_eq!(file.write(6, b"!"), Err(DiskError::Full));
    file.write(0, b"B").unwrap();
    assert_eq!(file.read(0, 6).unwrap(), b"Before");
    assert_eq!(disk.troubled(), 1);
}

#[test]
fn an_image_puts_everything_back() {
    let disk = Disk::default();
    disk.open("data/a").write(0, b"old").unwrap();
    disk.open("data/a").sync().unwrap();
    disk.open("data/a").write(0, b"unsynced").unwrap();
    let image = disk.image();
    disk.open("data/a").sync().unwrap();
    disk.open("data/b").write(0, b"new").unwrap();
    disk.restore(&image);
    assert_eq!(disk.open("data/a").len(), Ok(3));
    assert_eq!(disk.open("data/a").read(0, 3).unwrap(), b"old");
    assert!(!disk.has("data/b"));
}
