use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::recovery::RecoveryCode;
use crate::unlock::{KeyFile, Passphrase};

struct Fixture {
    header: Header,
    passphrase: Passphrase,
    code: RecoveryCode,
    key_file: KeyFile,
    master: Key,
}

fn fixture() -> Fixture {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let passphrase = Passphrase::new("a passphrase of tests").unwrap();
    let code = RecoveryCode::generate(&mut rng);
    let directory = tempfile::tempdir().unwrap();
    let key_file = KeyFile::create(&directory.path().join("key"), &mut rng).unwrap();
    let (master, sensitive) = (Key::generate(&mut rng), Key::generate(&mut rng));
    let slots = [
        NewSlot::Passphrase(&passphrase, KdfCost::dangerous_cheap()),
        NewSlot::RecoveryCode(&code),
        NewSlot::KeyFile(&key_file),
    ];
    let header = Header::new(&master, &sensitive, &slots, &mut rng);
    Fixture {
        header,
        passphrase,
        code,
        key_file,
        master,
    }
}

/// What a hostile writer of the file does after a change: the checksum needs no key.
fn with_fresh_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 32);
    let checksum: [u8; 32] = Sha256::digest(&bytes).into();
    bytes.extend_from_slice(&checksum);
    bytes
}

#[test]
fn every_kind_of_secret_opens_its_slot() {
    let fixture = fixture();
    let header = Header::parse(&fixture.header.to_bytes()).unwrap();
    for unlock in [
        Unlock::Passphrase(&fixture.passphrase),
        Unlock::RecoveryCode(&fixture.code),
        Unlock::KeyFile(&fixture.key_file),
    ] {
        let master = header.master(&unlock).unwrap().unwrap();
        assert_eq!(master.bytes(), fixture.master.bytes());
        let sensitive = header.sensitive(&unlock).unwrap();
        assert_ne!(sensitive.bytes(), fixture.master.bytes());
    }
}

#[test]
fn another_secret_opens_nothing() {
    let fixture = fixture();
    let other = Passphrase::new("another passphrase").unwrap();
    assert!(
        fixture
            .header
            .master(&Unlock::Passphrase(&other))
            .unwrap()
            .is_none()
    );
    let code = RecoveryCode::generate(&mut ChaCha20Rng::seed_from_u64(8));
    assert!(
        fixture
            .header
            .sensitive(&Unlock::RecoveryCode(&code))
            .is_none()
    );
}

#[test]
fn every_flipped_byte_is_refused_before_a_derivation_runs() {
    let bytes = fixture().header.to_bytes();
    assert!(Header::parse(&bytes).is_ok());
    for position in 0..bytes.len() {
        for mask in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[position] ^= mask;
            assert!(Header::parse(&damaged).is_err(), "byte {position}");
        }
    }
}

#[test]
fn every_flipped_byte_under_a_fresh_checksum_is_refused() {
    let fixture = fixture();
    let bytes = fixture.header.to_bytes();
    for position in 0..bytes.len() - 32 {
        let mut altered = bytes.clone();
        altered[position] ^= 1;
        let Ok(header) = Header::parse(&with_fresh_checksum(altered)) else {
            continue;
        };
        // The recovery code is tried so that altered costs of the passphrase slot are not run, only noticed.
        let opened = header.master(&Unlock::RecoveryCode(&fixture.code));
        assert!(!matches!(opened, Ok(Some(_))), "byte {position}");
    }
}

#[test]
fn truncated_and_extended_headers_are_refused() {
    let bytes = fixture().header.to_bytes();
    for length in 0..bytes.len() {
        assert!(Header::parse(&bytes[..length]).is_err());
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(Header::parse(&longer).is_err());
    assert!(Header::parse(&with_fresh_checksum(longer)).is_err());
}

#[test]
fn a_removed_slot_is_noticed() {
    let fixture = fixture();
    let mut header = fixture.header.clone();
    header.slots.pop();
    let header = Header::parse(&header.to_bytes()).unwrap();
    assert!(matches!(
        header.master(&Unlock::RecoveryCode(&fixture.code)),
        Err(HeaderError::Altered)
    ));
}

#[test]
fn a_cost_out_of_bounds_is_refused_without_running_it() {
    let bytes = fixture().header.to_bytes();
    let cost = 8 + 2 + 16 + 1 + 1;
    for (offset, value) in [
        (0, 64 * 1024 * 1024_u32),
        (0, u32::MAX),
        (0, 0),
        (4, 11),
        (4, 0),
        (8, 9),
        (8, u32::MAX),
    ] {
        let mut altered = bytes.clone();
        altered[cost + offset..cost + offset + 4].copy_from_slice(&value.to_be_bytes());
        let parsed = Header::parse(&with_fresh_checksum(altered));
        assert!(matches!(parsed, Err(HeaderError::Cost)));
    }
}

#[test]
fn a_later_format_is_named() {
    let mut bytes = fixture().header.to_bytes();
    bytes[9] = 2;
    let parsed = Header::parse(&with_fresh_checksum(bytes));
    assert!(matches!(parsed, Err(HeaderError::Format(2))));
}
