//! Wallets built on other people's libraries, in Node: `tests/interop`. Nothing in them knows Tegata.
//!
//! Without Node, npm or the packages the stories are skipped and say so; with `CI=true` that is a failure.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use tests::sandbox::http::{below, text};
use tests::sandbox::{Party, Person};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::harness::{Shared, shared};

const PATIENCE: Duration = Duration::from_secs(120);

static PACKAGES: OnceCell<Result<(), String>> = OnceCell::const_new();

#[tokio::test]
async fn another_wallet_obtains_a_p256_credential() -> anyhow::Result<()> {
    obtains(json!({"alg": "ES256", "count": 1, "configuration": "jp_kyc", "method": "x5c"})).await
}

#[tokio::test]
async fn another_wallet_obtains_a_batch_bound_to_p256_keys() -> anyhow::Result<()> {
    obtains(json!({"alg": "ES256", "count": 10, "configuration": "jp_kyc", "method": "metadata"}))
        .await
}

#[tokio::test]
async fn another_wallet_obtains_an_ed25519_credential() -> anyhow::Result<()> {
    let wanted = json!({
        "alg": "EdDSA", "count": 1, "configuration": "jp_kyc_ed25519", "method": "x5c",
    });
    obtains(wanted).await
}

#[tokio::test]
async fn another_wallet_obtains_a_batch_bound_to_ed25519_keys() -> anyhow::Result<()> {
    let wanted = json!({
        "alg": "EdDSA", "count": 10, "configuration": "jp_kyc_ed25519", "method": "metadata",
    });
    obtains(wanted).await
}

#[tokio::test]
async fn another_wallet_names_its_keys_by_dids() -> anyhow::Result<()> {
    for alg in ["ES256", "EdDSA"] {
        let wanted = json!({
            "alg": alg, "count": 2, "configuration": "jp_kyc", "method": "x5c", "proof": "did",
        });
        obtains(wanted).await?;
    }
    Ok(())
}

#[tokio::test]
async fn another_wallet_identifies_its_holder_with_a_p256_key() -> anyhow::Result<()> {
    identifies("ES256", "post").await
}

#[tokio::test]
async fn another_wallet_identifies_its_holder_with_an_ed25519_key() -> anyhow::Result<()> {
    identifies("EdDSA", "get").await
}

/// A wallet that has never heard of consent receipts can identify its holder; no account is opened on that alone.
#[tokio::test]
async fn a_presentation_of_another_wallet_opens_no_account_for_want_of_a_receipt()
-> anyhow::Result<()> {
    if !packages_are_there().await? {
        return Ok(());
    }
    let shared = shared();
    let company = shared.site.company("a")?;
    let (person, credentials) = obtain(shared, &one("ES256")).await?;
    let credential = credentials.first().context("no credential")?;
    let begun = begin(shared, company, "account_opening").await?;
    let sent = present(shared, &begun, credential, "post").await?;
    assert_eq!(sent.get("status"), Some(&json!(200)), "{sent}");
    let (application, read) = application_of(shared, company, &person).await?;
    assert_eq!(
        read.pointer("/report/consent_receipt"),
        Some(&json!("missing"))
    );
    let clerk = company.log_in(&shared.http()).await?;
    let refused = clerk.decide(&application, "opened").await;
    let words = refused
        .err()
        .map(|error| format!("{error:#}"))
        .unwrap_or_default();
    assert!(words.contains("consent_receipt_missing"), "{words}");
    Ok(())
}

/// What the company takes from the wallet, it takes once.
#[tokio::test]
async fn a_request_that_another_wallet_answered_is_answered() -> anyhow::Result<()> {
    if !packages_are_there().await? {
        return Ok(());
    }
    let shared = shared();
    let company = shared.site.company("b")?;
    let (_, credentials) = obtain(shared, &one("ES256")).await?;
    let credential = credentials.first().context("no credential")?;
    let begun = begin(shared, company, "identification").await?;
    let sent = present(shared, &begun, credential, "post").await?;
    assert_eq!(sent.get("status"), Some(&json!(200)), "{sent}");
    let again = present(shared, &begun, credential, "post").await;
    let accepted = again.is_ok_and(|again| again.get("status") == Some(&json!(200)));
    assert!(!accepted, "a request was answered twice");
    Ok(())
}

/// Obtains what is wanted; the wallet itself checks signatures, status and that each key has its credential.
async fn obtains(wanted: Value) -> anyhow::Result<()> {
    if !packages_are_there().await? {
        return Ok(());
    }
    let count = wanted.get("count").and_then(Value::as_u64);
    let (person, credentials) = obtain(shared(), &wanted).await?;
    assert_eq!(u64::try_from(credentials.len()).ok(), count);
    for credential in &credentials {
        let claims = credential.get("claims").context("no claims")?;
        assert_eq!(text(claims, "family_name")?, person.family_name.kanji);
        assert_eq!(text(claims, "birthdate")?, person.birthdate);
    }
    Ok(())
}

/// Presents name, birth date and address, and finds them at the company.
async fn identifies(alg: &str, request_uri_method: &str) -> anyhow::Result<()> {
    if !packages_are_there().await? {
        return Ok(());
    }
    let shared = shared();
    let company = shared.site.company("a")?;
    let (person, credentials) = obtain(shared, &one(alg)).await?;
    let credential = credentials.first().context("no credential")?;
    let begun = begin(shared, company, "identification").await?;
    let sent = present(shared, &begun, credential, request_uri_method).await?;
    assert_eq!(sent.get("status"), Some(&json!(200)), "{sent}");
    assert!(text(&sent, "client_id")?.starts_with("x509_hash:"));

    let result = text(&begun, "result_url")?.parse()?;
    let result = shared.http().get_json(&result).await?;
    assert_eq!(text(&result, "state")?, "received");
    let (_, read) = application_of(shared, company, &person).await?;
    let claims = read.get("claims").map(Value::to_string).unwrap_or_default();
    assert!(
        claims.contains(person.street_address.as_str()),
        "the address arrived whole: {claims}"
    );
    assert!(
        !claims.contains(person.occupation),
        "more arrived than was asked for: {claims}"
    );
    Ok(())
}

fn one(alg: &str) -> Value {
    json!({"alg": alg, "count": 1, "configuration": "jp_kyc"})
}

/// A person whom no other story knows, and what another wallet obtained for them.
async fn obtain(shared: &Shared, wanted: &Value) -> anyhow::Result<(Person, Vec<Value>)> {
    let (person, offer) = shared.offer().await?;
    let input = with(
        wanted,
        &json!({
            "offer": offer.offer,
            "tx_code": offer.tx_code,
            "ca_file": shared.site.ca_file,
        }),
    );
    let obtained = run("obtain.mjs", &input).await?;
    let credentials = obtained.get("credentials").and_then(Value::as_array);
    Ok((person, credentials.context("no credentials")?.clone()))
}

async fn begin(shared: &Shared, company: &Party, purpose: &str) -> anyhow::Result<Value> {
    let body = json!({"account_type": "general", "tax_residences": ["JP"], "purpose": purpose});
    let url = below(&company.url, "applications")?;
    shared.http().post_json(&url, &body).await
}

async fn present(
    shared: &Shared,
    begun: &Value,
    credential: &Value,
    request_uri_method: &str,
) -> anyhow::Result<Value> {
    let input = json!({
        "request": text(begun, "request")?,
        "credential": credential,
        "method": request_uri_method,
        "ca_file": shared.site.ca_file,
    });
    run("present.mjs", &input).await
}

/// The application that a person's name came with, as the company's staff see it.
async fn application_of(
    shared: &Shared,
    company: &Party,
    person: &Person,
) -> anyhow::Result<(String, Value)> {
    let clerk = company.log_in(&shared.http()).await?;
    let list = clerk.get("applications").await?;
    let list = list.get("applications").unwrap_or(&list);
    for summary in list.as_array().context("no list of applications")? {
        let id = text(summary, "application")?;
        let read = clerk.read_application(id).await?;
        let claims = read.get("claims").map(Value::to_string).unwrap_or_default();
        if claims.contains(&person.street_address) && claims.contains(&person.birthdate) {
            return Ok((id.to_owned(), read));
        }
    }
    bail!("no application has this person's address")
}

/// Runs a script with JSON on its standard input, and reads the JSON that it prints.
async fn run(script: &str, input: &Value) -> anyhow::Result<Value> {
    let mut child = Command::new("node")
        .arg(scripts().join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting node")?;
    let mut stdin = child.stdin.take().context("the script has no input")?;
    stdin.write_all(input.to_string().as_bytes()).await?;
    drop(stdin);
    let Ok(output) = tokio::time::timeout(PATIENCE, child.wait_with_output()).await else {
        bail!("{script} did not end in {PATIENCE:?}");
    };
    let output = output?;
    ensure!(
        output.status.success(),
        "{script} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{script} printed no JSON"))
}

/// Whether the scripts can run; installs their packages once. Nothing of a package runs at installation.
async fn packages_are_there() -> anyhow::Result<bool> {
    let installed = PACKAGES.get_or_init(|| async {
        let mut install = Command::new("npm");
        install.args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        install
            .current_dir(scripts())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        match tokio::time::timeout(PATIENCE, install.output()).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Ok(Err(error)) => Err(format!("npm does not start: {error}")),
            Err(_) => Err(format!("npm did not end in {PATIENCE:?}")),
        }
    });
    match installed.await {
        Ok(()) => Ok(true),
        Err(reason) if std::env::var("CI").is_ok_and(|value| value == "true") => {
            bail!("the packages of tests/interop cannot be installed: {reason}")
        }
        Err(reason) => {
            println!("skipped, the packages of tests/interop cannot be installed: {reason}");
            Ok(false)
        }
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop")
}

fn with(base: &Value, more: &Value) -> Value {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let all: Map<String, Value> = members(base).into_iter().chain(members(more)).collect();
    Value::Object(all)
}
