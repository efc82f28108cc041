use clap::Parser;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(folder: &Path, more: &[&str]) -> Arguments {
    let folder = folder.to_str().unwrap();
    let fixed = [
        "setup",
        "--dir",
        folder,
        "--id",
        "http://127.0.0.1:7301",
        "--name",
        "KYCコンソーシアム",
    ];
    let member = [
        "--member",
        "consortium.example",
        "--development-loopback-http",
    ];
    Program::parse_from(fixed.iter().chain(&member).chain(more)).arguments
}

#[test]
fn a_setup_writes_a_configuration_that_is_read_and_an_entry_for_the_genesis_file() {
    let folder = tempfile::tempdir().unwrap();
    let told = set_up(
        &arguments(folder.path(), &[]),
        &mut ChaCha20Rng::seed_from_u64(1),
    )
    .unwrap();
    assert!(told.starts_with("reviewer: "));

    let config = Config::load(&folder.path().join("issuer.toml")).unwrap();
    assert_eq!(config.service.listen.port(), 7301);
    assert!(config.offers_shown_to_staff);
    let entry = std::fs::read(folder.path().join("issuer.json")).unwrap();
    let entry: Issuer = serde_json::from_slice(&entry).unwrap();
    assert_eq!(entry.id.as_str(), "http://127.0.0.1:7301");
    assert_eq!(entry.jwks.keys.len(), 2);
    let reviewers = ReviewersKey::load(&config.staff).unwrap();
    assert_eq!(reviewers.public_key(), *entry.application_key.as_bytes());
}

#[test]
fn a_second_setup_in_one_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    set_up(&arguments(folder.path(), &[]), &mut rng).unwrap();
    assert!(set_up(&arguments(folder.path(), &[]), &mut rng).is_err());
}

#[test]
fn passphrases_come_from_a_file_one_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let passphrases = folder.path().join("passphrases");
    std::fs::write(
        &passphrases,
        "correct horse battery\nstaple correct horse\n",
    )
    .unwrap();
    let more = [
        "--staff",
        "sato",
        "--staff",
        "suzuki",
        "--staff-passphrase-file",
        passphrases.to_str().unwrap(),
    ];
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let told = set_up(&arguments(folder.path(), &more), &mut rng).unwrap();
    assert!(told.is_empty());

    let short = folder.path().join("short");
    std::fs::write(&passphrases, "short\n").unwrap();
    let refused = set_up(&arguments(&short, &more[..2]), &mut rng);
    assert!(refused.is_ok(), "generated passphrases need no file");
    let other = folder.path().join("other");
    assert!(set_up(&arguments(&other, &more), &mut rng).is_err());
}
