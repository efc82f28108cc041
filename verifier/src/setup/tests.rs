use clap::Parser;
use protocol::registry::Purpose;
use service::random;

use super::*;
use crate::presentation::query::query;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: SetupArguments,
}

fn arguments(folder: &Path, more: &[&str]) -> SetupArguments {
    let folder = folder.to_str().unwrap();
    let fixed = [
        "setup",
        "--dir",
        folder,
        "--id",
        "https://a.securities.example",
        "--name",
        "A証券株式会社",
        "--member",
        "a.securities.example",
        "--url",
        "http://127.0.0.1:7443",
        "--development-loopback-http",
    ];
    Line::parse_from(fixed.iter().chain(more)).arguments
}

#[test]
fn what_setup_writes_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let told = set_up(&arguments(folder.path(), &[]), &mut random::os()).unwrap();
    assert!(told.starts_with("staff: "));
    let config = Config::load(&folder.path().join("verifier.toml")).unwrap();
    assert_eq!(config.service.listen.port(), 7443);
    let entry = fs::read_to_string(folder.path().join("verifier.json")).unwrap();
    let entry: Registration = serde_json::from_str(&entry).unwrap();
    assert_eq!(entry.id.as_str(), "https://a.securities.example");
    let key = KeyFile::load(config.vault_key.path()).unwrap();
    Vault::open(&config.data.join("vault"), &vault::Unlock::KeyFile(&key)).unwrap();
    service::staff::Staff::load(&config.staff).unwrap();
    let pem = config.signing.key.read().unwrap();
    let key = SigningKey::from_pkcs8_pem(std::str::from_utf8(&pem).unwrap()).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Es256);
}

#[test]
fn setup_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    set_up(&arguments(folder.path(), &[]), &mut random::os()).unwrap();
    assert!(set_up(&arguments(folder.path(), &[]), &mut random::os()).is_err());
}

#[test]
fn the_registered_purposes_make_queries() {
    let purposes = purposes::purposes().unwrap();
    assert_eq!(purposes.len(), 2);
    for purpose in &purposes {
        query(purpose).unwrap();
    }
    let identification: Vec<&Purpose> = purposes
        .iter()
        .filter(|purpose| purpose.id == "identification")
        .collect();
    assert_eq!(identification[0].claims.len(), 4);
}
