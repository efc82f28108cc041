//! Stories of an undamaged vault: writing, reading, conditions, restarts, secrets.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Duration;

use support::{Fixture, NOTE, files, rng};
use vault::{
    Changes, CommitError, CreateError, KdfCost, Kind, NewSlot, OpenError, Passphrase, ReadError,
    RecoveryCode, Unlock, Vault,
};

const IMAGE: Kind = Kind::sensitive("image");

#[test]
fn records_survive_a_restart() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    vault.put(NOTE, "b", 3, b"two", &mut rng(3)).unwrap();
    vault.put(NOTE, "a", 3, b"one", &mut rng(4)).unwrap();
    vault.put(NOTE, "a", 4, b"one again", &mut rng(5)).unwrap();
    vault.put(NOTE, "c", 3, b"gone", &mut rng(6)).unwrap();
    vault.delete(NOTE, "c", &mut rng(7)).unwrap();
    let generation = vault.generation();
    drop(vault);

    let vault = fixture.open().unwrap();
    assert_eq!(vault.generation(), generation);
    assert_eq!(vault.list(NOTE), ["a", "b"]);
    let record = vault.get(NOTE, "a").unwrap().unwrap();
    assert_eq!(
        (record.schema(), record.body()),
        (4, b"one again".as_slice())
    );
    assert!(vault.get(NOTE, "c").unwrap().is_none());
}

#[test]
fn large_records_survive_a_restart() {
    let fixture = Fixture::new();
    let image: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let vault = fixture.create();
    vault.put(NOTE, "image", 1, &image, &mut rng(3)).unwrap();
    drop(vault);
    let vault = fixture.open().unwrap();
    assert!(vault.get(NOTE, "image").unwrap().unwrap().body() == image);
}

#[test]
fn a_kind_does_not_list_the_records_of_another() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    for kind in [NOTE, Kind::ordinary("notes"), Kind::ordinary("not")] {
        vault.put(kind, kind.name(), 1, b"", &mut rng(3)).unwrap();
    }
    assert_eq!(vault.list(NOTE), ["note"]);
}

#[test]
fn changes_of_a_transaction_come_together_or_not_at_all() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    let version = vault.put(NOTE, "a", 1, b"1", &mut rng(3)).unwrap();
    let swap = |to: &[u8]| {
        Changes::new()
            .only_if_version(NOTE, "a", version)
            .only_if_absent(NOTE, "b")
            .put(NOTE, "a", 1, to)
            .put(NOTE, "b", 1, to)
    };
    vault.commit(&swap(b"2"), &mut rng(4)).unwrap();
    let second = vault.commit(&swap(b"3"), &mut rng(5));
    assert!(matches!(second, Err(CommitError::Conflict)));
    drop(vault);
    let vault = fixture.open().unwrap();
    for id in ["a", "b"] {
        assert_eq!(vault.get(NOTE, id).unwrap().unwrap().body(), b"2");
    }
}

#[test]
fn of_two_threads_that_spend_a_record_one_succeeds() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    vault.put(NOTE, "coin", 1, b"unspent", &mut rng(3)).unwrap();
    let record = vault.get(NOTE, "coin").unwrap().unwrap();
    let spend = |seed| vault.compare_and_swap(NOTE, "coin", &record, b"spent", &mut rng(seed));
    let outcomes: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (10..18)
            .map(|seed| scope.spawn(move || spend(seed).is_ok()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(outcomes.into_iter().filter(|spent| *spent).count(), 1);
}

#[test]
fn changes_beyond_the_limits_are_refused() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    let long = "i".repeat(129);
    for id in ["", &long] {
        let refused = vault.put(NOTE, id, 1, b"", &mut rng(3));
        assert!(matches!(refused, Err(CommitError::Limit)));
    }
    vault.put(NOTE, &long[1..], 1, b"", &mut rng(3)).unwrap();
    let twice = Changes::new()
        .put(NOTE, "a", 1, b"")
        .put(NOTE, "b", 1, b"")
        .delete(NOTE, "a");
    let refused = vault.commit(&twice, &mut rng(3));
    assert!(matches!(refused, Err(CommitError::Twice)));
    assert_eq!(vault.list(NOTE).len(), 1);
}

#[test]
fn a_sensitive_record_needs_the_secret_again() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    let refused = vault.put(IMAGE, "front", 1, b"png", &mut rng(3));
    assert!(matches!(refused, Err(CommitError::Sensitive)));
    let changes = Changes::new().put(IMAGE, "front", 1, b"png");
    {
        let sensitive = vault.sensitive(&Unlock::KeyFile(&fixture.key)).unwrap();
        sensitive.commit(&changes, &mut rng(4)).unwrap();
    }
    drop(vault);

    let vault = fixture.open().unwrap();
    assert_eq!(vault.list(IMAGE), ["front"]);
    assert!(matches!(
        vault.get(IMAGE, "front"),
        Err(ReadError::Sensitive)
    ));
    assert!(matches!(
        vault.get(Kind::ordinary("image"), "front"),
        Err(ReadError::Sensitive)
    ));
    let other = RecoveryCode::generate(&mut rng(5));
    assert!(vault.sensitive(&Unlock::RecoveryCode(&other)).is_err());
    let sensitive = vault.sensitive(&Unlock::KeyFile(&fixture.key)).unwrap();
    let record = sensitive.get(IMAGE, "front").unwrap().unwrap();
    assert_eq!(record.body(), b"png");
}

#[test]
fn the_passphrase_can_be_changed_with_the_recovery_code() {
    let fixture = Fixture::new();
    let (old, new) = (
        Passphrase::new("the old passphrase").unwrap(),
        Passphrase::new("the new passphrase").unwrap(),
    );
    let code = RecoveryCode::generate(&mut rng(3));
    let cost = KdfCost::dangerous_cheap();
    let slots = [
        NewSlot::Passphrase(&old, cost),
        NewSlot::RecoveryCode(&code),
    ];
    let vault = Vault::create(&fixture.directory(), &slots, &mut rng(4)).unwrap();
    vault.put(NOTE, "a", 1, b"kept", &mut rng(5)).unwrap();
    let written = Unlock::RecoveryCode(&code);
    vault
        .change_passphrase(&written, &new, cost, &mut rng(6))
        .unwrap();
    assert!(vault.sensitive(&Unlock::Passphrase(&new)).is_ok());
    drop(vault);

    let refused = Vault::open(&fixture.directory(), &Unlock::Passphrase(&old));
    assert!(matches!(refused, Err(OpenError::WrongSecret)));
    for unlock in [Unlock::Passphrase(&new), written] {
        let vault = Vault::open(&fixture.directory(), &unlock).unwrap();
        assert_eq!(vault.get(NOTE, "a").unwrap().unwrap().body(), b"kept");
    }
}

#[test]
fn a_vault_is_not_made_over_another() {
    let fixture = Fixture::new();
    drop(fixture.create());
    let again = Vault::create(
        &fixture.directory(),
        &[NewSlot::KeyFile(&fixture.key)],
        &mut rng(9),
    );
    assert!(matches!(again, Err(CreateError::Exists)));
}

#[test]
fn what_a_crash_left_of_a_creation_is_replaced() {
    let fixture = Fixture::new();
    drop(fixture.create());
    std::fs::remove_file(fixture.directory().join("header")).unwrap();
    assert!(matches!(fixture.open(), Err(OpenError::Missing)));
    let vault = fixture.create();
    vault.put(NOTE, "a", 1, b"1", &mut rng(3)).unwrap();
    drop(vault);
    assert_eq!(fixture.open().unwrap().list(NOTE), ["a"]);
}

#[test]
fn an_open_vault_excludes_another_for_a_bounded_time() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    let unlock = Unlock::KeyFile(&fixture.key);
    let wait = Duration::from_millis(20);
    let second = Vault::open_within(&fixture.directory(), &unlock, wait);
    assert!(matches!(second, Err(OpenError::Busy)));
    drop(vault);
    assert!(fixture.open().is_ok());
}

#[test]
fn a_waiting_open_succeeds_when_the_first_closes() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.open().map(drop));
        drop(vault);
        assert!(waiting.join().unwrap().is_ok());
    });
}

#[test]
fn files_are_private_under_a_permissive_umask() {
    let fixture = Fixture::new();
    rustix::process::umask(rustix::fs::Mode::empty());
    let vault = fixture.create();
    vault
        .put(NOTE, "a", 1, &vec![1; 2_000_000], &mut rng(3))
        .unwrap();
    drop(vault);
    drop(fixture.open().unwrap());
    let mode = |path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(fixture.directory()), 0o700);
    for file in files(&fixture.directory()) {
        assert_eq!(mode(file.clone()), 0o600, "{}", file.display());
    }
}

#[test]
fn a_directory_that_others_can_reach_is_refused() {
    let fixture = Fixture::new();
    drop(fixture.create());
    let modes = |mode| std::fs::Permissions::from_mode(mode);
    for mode in [0o750, 0o701, 0o777] {
        std::fs::set_permissions(fixture.directory(), modes(mode)).unwrap();
        assert!(matches!(fixture.open(), Err(OpenError::Permissions(_))));
    }
    std::fs::set_permissions(fixture.directory(), modes(0o700)).unwrap();
    assert!(fixture.open().is_ok());
    let link = fixture.parent.path().join("link");
    symlink(fixture.directory(), &link).unwrap();
    let refused = fixture.open_at(&link);
    assert!(matches!(refused, Err(OpenError::Permissions(_))));
}

#[test]
fn nothing_that_was_stored_can_be_read_in_the_directory() {
    let fixture = Fixture::new();
    let vault = fixture.create();
    let canary = "CANARY-山田太郎";
    vault
        .put(NOTE, "CANARY-id", 1, canary.as_bytes(), &mut rng(3))
        .unwrap();
    drop(vault);
    for file in files(&fixture.directory()) {
        let bytes = std::fs::read(&file).unwrap();
        for needle in [b"CANARY".as_slice(), b"note", "山田".as_bytes()] {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{}", file.display());
        }
    }
}
