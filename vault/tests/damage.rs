//! Damage and attacks on the files of a vault: nothing may be silently different.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use rand_core::Rng;
use support::{Fixture, NOTE, copy, files, rng};
use vault::{Damage, OpenError, Vault};

/// Trials per kind of damage. The environment can ask for more.
fn trials() -> u64 {
    std::env::var("TEGATA_DAMAGE_TRIALS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(150)
}

type Contents = BTreeMap<String, Vec<u8>>;

/// A vault with a history: records written, overwritten, removed, over several openings.
fn filled(fixture: &Fixture) -> Contents {
    let mut contents = Contents::new();
    let mut vault = fixture.create();
    for round in 0..3_u8 {
        for number in 0..12_u8 {
            let id = format!("id-{}", (number + round * 5) % 17);
            let body = vec![round ^ number; usize::from(number) * 90];
            vault.put(NOTE, &id, 1, &body, &mut rng(100)).unwrap();
            contents.insert(id, body);
        }
        let gone = format!("id-{round}");
        vault.delete(NOTE, &gone, &mut rng(101)).unwrap();
        contents.remove(&gone);
        drop(vault);
        vault = fixture.open().unwrap();
    }
    drop(vault);
    contents
}

fn read_all(vault: &Vault) -> Option<Contents> {
    let records = vault.records(NOTE).ok()?;
    let bodies = records
        .into_iter()
        .map(|(id, record)| (id, record.body().to_vec()));
    Some(bodies.collect())
}

/// Whether the damaged copy is refused, or else complete.
fn never_silent(fixture: &Fixture, directory: &Path, contents: &Contents) -> bool {
    match fixture.open_at(directory) {
        Err(_) => true,
        Ok(vault) => read_all(&vault).is_none_or(|read| read == *contents),
    }
}

fn try_damage(name: &str, damage: impl Fn(&mut Vec<u8>, &mut dyn Rng)) {
    let fixture = Fixture::new();
    let contents = filled(&fixture);
    let mut random = rng(7);
    for trial in 0..trials() {
        let directory = fixture.parent.path().join(format!("{name}-{trial}"));
        copy(&fixture.directory(), &directory);
        let files: Vec<_> = files(&directory)
            .into_iter()
            .filter(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 0))
            .collect();
        let choice = usize::try_from(random.next_u64() % files.len() as u64).unwrap();
        let mut bytes = std::fs::read(&files[choice]).unwrap();
        damage(&mut bytes, &mut random);
        std::fs::write(&files[choice], bytes).unwrap();
        assert!(
            never_silent(&fixture, &directory, &contents),
            "trial {trial} of {name} on {}",
            files[choice].display()
        );
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

/// A place that is likely to matter: sled's file is mostly zeros.
fn position(bytes: &[u8], random: &mut dyn Rng) -> usize {
    let start = usize::try_from(random.next_u64() % bytes.len() as u64).unwrap();
    let distance = bytes[start..].iter().position(|byte| *byte != 0);
    start + distance.unwrap_or(0)
}

#[test]
fn a_flipped_bit_is_never_silent() {
    try_damage("flip", |bytes, random| {
        let position = position(bytes, random);
        bytes[position] ^= 1 << (random.next_u32() % 8);
    });
}

#[test]
fn a_truncated_file_is_never_silent() {
    try_damage("truncate", |bytes, random| {
        bytes.truncate(position(bytes, random));
    });
}

#[test]
fn a_zeroed_sector_is_never_silent() {
    try_damage("zero", |bytes, random| {
        let start = position(bytes, random) & !511;
        let end = (start + 512).min(bytes.len());
        bytes[start..end].fill(0);
    });
}

#[test]
fn appended_bytes_are_never_silent() {
    try_damage("append", |bytes, random| {
        let mut tail = [0; 700];
        random.fill_bytes(&mut tail);
        bytes.extend_from_slice(&tail);
    });
}

#[test]
fn every_flipped_byte_of_the_header_is_refused() {
    let fixture = Fixture::new();
    drop(fixture.create());
    let path = fixture.directory().join("header");
    let bytes = std::fs::read(&path).unwrap();
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(fixture.open(), Err(OpenError::Header(_))));
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(fixture.open().is_ok());
}

/// Opens sled underneath a closed vault, as somebody with write access to the disk could.
fn with_sled(directory: &Path, act: impl FnOnce(&sled::Db)) {
    let database = sled::Config::new()
        .path(directory.join("db"))
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None)
        .open()
        .unwrap();
    act(&database);
    database.flush().unwrap();
}

fn values(database: &sled::Db) -> Vec<(sled::IVec, sled::IVec)> {
    database.iter().map(Result::unwrap).collect()
}

#[test]
fn exchanged_values_are_refused() {
    let fixture = Fixture::new();
    let contents = filled(&fixture);
    let count = contents.len() + 1;
    for (first, second) in [(0, 1), (1, count - 1), (2, 3)] {
        let directory = fixture.parent.path().join(format!("swap-{first}-{second}"));
        copy(&fixture.directory(), &directory);
        with_sled(&directory, |database| {
            let stored = values(database);
            database
                .insert(&stored[first].0, &stored[second].1)
                .unwrap();
            database
                .insert(&stored[second].0, &stored[first].1)
                .unwrap();
        });
        assert!(matches!(
            fixture.open_at(&directory),
            Err(OpenError::Damaged(_))
        ));
    }
}

#[test]
fn a_removed_or_copied_record_is_refused() {
    let fixture = Fixture::new();
    filled(&fixture);
    let removed = fixture.parent.path().join("removed");
    copy(&fixture.directory(), &removed);
    with_sled(&removed, |database| {
        let (key, _) = values(database)[3].clone();
        database.remove(key).unwrap();
    });
    assert!(matches!(
        fixture.open_at(&removed),
        Err(OpenError::Damaged(Damage::Count { .. } | Damage::Manifest))
    ));
    let copied = fixture.parent.path().join("copied");
    copy(&fixture.directory(), &copied);
    with_sled(&copied, |database| {
        let (_, value) = values(database)[3].clone();
        database.insert([7; 32], value).unwrap();
    });
    assert!(fixture.open_at(&copied).is_err());
}

#[test]
fn a_replayed_record_is_refused() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    vault.put(NOTE, "coin", 1, b"unspent", &mut rng(3)).unwrap();
    drop(vault);
    let mut before = Vec::new();
    with_sled(&fixture.directory(), |database| before = values(database));
    let vault = fixture.open().unwrap();
    vault.put(NOTE, "coin", 1, b"spent", &mut rng(4)).unwrap();
    drop(vault);
    // Each of the old values alone, then both: a consistent earlier state, which only the watermark can tell.
    for chosen in [vec![0], vec![1], vec![0, 1]] {
        let directory = fixture.parent.path().join(format!("replay-{chosen:?}"));
        copy(&fixture.directory(), &directory);
        with_sled(&directory, |database| {
            for index in &chosen {
                let (key, value) = before[*index].clone();
                database.insert(key, value).unwrap();
            }
        });
        assert!(matches!(
            fixture.open_at(&directory),
            Err(OpenError::Damaged(_))
        ));
    }
}

#[test]
fn an_earlier_database_under_a_later_watermark_is_refused() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    vault.put(NOTE, "coin", 1, b"unspent", &mut rng(3)).unwrap();
    drop(vault);
    let earlier = fixture.parent.path().join("earlier");
    copy(&fixture.directory(), &earlier);
    let vault = fixture.open().unwrap();
    vault.put(NOTE, "coin", 1, b"spent", &mut rng(4)).unwrap();
    drop(vault);
    std::fs::remove_dir_all(fixture.directory().join("db")).unwrap();
    copy(&earlier.join("db"), &fixture.directory().join("db"));
    assert!(matches!(
        fixture.open(),
        Err(OpenError::Damaged(Damage::Rollback))
    ));
}

#[test]
fn records_of_another_vault_under_the_same_key_file_are_refused() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    vault.put(NOTE, "a", 1, b"1", &mut rng(3)).unwrap();
    drop(vault);
    let other = fixture.parent.path().join("other");
    let slots = [vault::NewSlot::KeyFile(&fixture.key)];
    let vault = Vault::create(&other, &slots, &mut rng(50)).unwrap();
    vault.put(NOTE, "a", 1, b"1", &mut rng(3)).unwrap();
    drop(vault);
    std::fs::remove_dir_all(fixture.directory().join("db")).unwrap();
    copy(&other.join("db"), &fixture.directory().join("db"));
    assert!(matches!(fixture.open(), Err(OpenError::Damaged(_))));
}

#[test]
fn a_missing_database_is_refused() {
    let fixture = Fixture::new();
    drop(fixture.create());
    std::fs::remove_dir_all(fixture.directory().join("db")).unwrap();
    assert!(matches!(fixture.open(), Err(OpenError::Damaged(_))));
    assert!(matches!(fixture.open(), Err(OpenError::Damaged(_))));
}
