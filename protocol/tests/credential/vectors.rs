//! Vectors: our own from `specs/vectors/credential`, and those of RFC 9901 and sd-jwt-python where `TEGATA_VECTORS` names
//! the folder that holds them. Payloads are compared exactly.

use std::path::{Path, PathBuf};

use protocol::Timestamp;
use protocol::base64url;
use protocol::credential::sd_jwt::{
    Disclosure, KeyBindingExpectation, UnverifiedSdJwt, UnverifiedSdJwtKb, process,
};
use protocol::identity::PublicKey;
use serde_json::Value;

fn files(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_json::from_str(&text).unwrap();
            (path, value)
        })
        .collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} is text"))
}

/// Runs one vector through the core, with the type that its header names.
fn run(vector: &Value) -> Result<Value, String> {
    let presentation = text(vector, "presentation");
    let key = PublicKey::from_jwk(&vector["issuer_jwk"]).map_err(|error| error.to_string())?;
    let now = Timestamp::from_unix(vector["now"].as_u64().unwrap());
    let typ = header(presentation)["typ"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let binding = &vector["key_binding"];
    if binding.is_null() {
        let unverified = UnverifiedSdJwt::parse(presentation).map_err(|error| chain(&error))?;
        let verified = unverified
            .verify(&typ, &key, now)
            .map_err(|error| chain(&error))?;
        return Ok(verified.claims().clone());
    }
    let mut expected = KeyBindingExpectation::new(text(binding, "aud"), text(binding, "nonce"));
    expected.age_seconds_max = binding["max_age"].as_u64().unwrap();
    let unverified = UnverifiedSdJwtKb::parse(presentation).map_err(|error| chain(&error))?;
    let verified = unverified
        .verify(&typ, &key, &expected, now)
        .map_err(|error| chain(&error))?;
    Ok(verified.sd_jwt().claims().clone())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
}

fn header(presentation: &str) -> Value {
    decoded(presentation.split('.').next().unwrap())
}

/// Only the structure: payload and disclosures, whatever the header says.
fn run_unsigned(vector: &Value) -> Value {
    let mut parts = text(vector, "presentation").split('~');
    let payload = decoded(parts.next().unwrap().split('.').nth(1).unwrap());
    let disclosures: Vec<Disclosure> = parts
        .filter(|part| !part.is_empty() && !part.contains('.'))
        .map(|part| Disclosure::parse(part).unwrap())
        .collect();
    process(&payload, &disclosures).unwrap().claims().clone()
}

#[test]
fn our_own_vectors_are_met() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors/credential");
    let vectors = files(&folder);
    assert!(vectors.len() >= 20, "{} vectors", vectors.len());
    for (path, vector) in vectors {
        let result = run(&vector);
        match vector["expected"]["valid"].as_bool().unwrap() {
            true => assert_eq!(
                result,
                Ok(vector["expected"]["payload"].clone()),
                "{}",
                path.display()
            ),
            false => assert!(result.is_err(), "{} is accepted", path.display()),
        }
    }
}

#[test]
fn the_vectors_of_rfc_9901_and_sd_jwt_python_are_met() {
    let Ok(root) = std::env::var("TEGATA_VECTORS") else {
        println!("skipped: TEGATA_VECTORS is not set");
        return;
    };
    let vectors = files(&Path::new(&root).join("rfc9901"));
    assert!(
        !vectors.is_empty(),
        "TEGATA_VECTORS is set, and there are no vectors in {root}/rfc9901"
    );
    for (path, vector) in vectors {
        let payload = &vector["expected"]["payload"];
        assert_eq!(&run_unsigned(&vector), payload, "{}", path.display());
        assert_eq!(run(&vector).as_ref(), Ok(payload), "{}", path.display());
    }
}
