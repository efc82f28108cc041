//! What must stand in no log and on no command line.

use std::collections::BTreeSet;

use tests::canary::Canaries;
use tests::journey::{self, SPECIFIC_ACCOUNT};
use tests::sandbox::{Person, Sandbox};

use crate::harness::{folder, shared};

#[tokio::test]
async fn neg_e08_no_log_names_an_applicant_even_at_trace() -> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("trace"))?;
    let mut sandbox = Sandbox::set_up(&folder, programs).await?;
    let roles = sandbox.companies.iter_mut().chain([&mut sandbox.issuer]);
    for service in roles.chain(&mut sandbox.nodes) {
        service.log_level = Some("trace");
    }
    sandbox.start_nodes().await?;
    sandbox.start_roles().await?;

    let wallet = sandbox.site.wallet(programs, Person::from_seed(77));
    let reviewer = sandbox.site.issuer.log_in(&sandbox.http).await?;
    journey::become_holder(&sandbox.site, &wallet, &reviewer).await?;
    let a = sandbox.site.company("a")?;
    let application = journey::open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    journey::decide(&a.log_in(&sandbox.http).await?, &application).await?;
    sandbox.stop().await?;

    let canaries = Canaries::new(&wallet.person.secrets(), &[wallet.person.licence_png()?]);
    let logs = canaries.search(&folder.join("logs"))?;
    assert_eq!(logs.hits, []);
    assert!(
        logs.bytes > 1_000_000,
        "only {} bytes were logged: that is not TRACE",
        logs.bytes
    );
    assert!(
        !canaries.search(&folder.join("papers"))?.hits.is_empty(),
        "the search finds what is there"
    );
    Ok(())
}

#[tokio::test]
async fn neg_e09_no_log_holds_a_passphrase_or_a_transaction_code() -> anyhow::Result<()> {
    let shared = shared();
    let http = shared.http();
    let reviewer = shared.site.issuer.log_in(&http).await?;
    let wallet = shared.new_wallet();
    journey::make_wallet(&shared.site, &wallet).await?;
    let case = journey::apply(&shared.site, &wallet).await?;
    journey::review(&reviewer, &case).await?;
    let offer = reviewer.make_offer(&case).await?;
    journey::receive(&wallet, &offer).await?;
    let secrets = [
        shared.site.issuer.staff.passphrase.clone(),
        wallet.passphrase.clone(),
        offer.offer.clone(),
    ];
    let hits = Canaries::new(&secrets, &[])
        .search(&shared.site.folder.join("logs"))?
        .hits;
    assert_eq!(hits, []);
    Ok(())
}

#[tokio::test]
async fn neg_e10_no_secret_stands_on_a_command_line_or_in_an_environment() -> anyhow::Result<()> {
    let shared = shared();
    let site = &shared.site;
    let mut secrets = vec![
        site.issuer.staff.passphrase.clone(),
        shared.new_wallet().passphrase,
    ];
    secrets.extend(
        site.companies
            .iter()
            .map(|company| company.staff.passphrase.clone()),
    );
    let names = [
        "tegata",
        "tegata-registry",
        "tegata-issuer",
        "tegata-verifier",
    ];
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let command_line = read("cmdline");
        let program = command_line
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        let program = String::from_utf8_lossy(program).into_owned();
        let Some(name) = names
            .iter()
            .find(|name| program.ends_with(&format!("/{name}")))
        else {
            continue;
        };
        seen.insert(*name);
        for text in [command_line, read("environ")] {
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(
                !secrets.iter().any(|secret| text.contains(secret)),
                "{program} shows a secret"
            );
        }
    }
    assert!(seen.len() >= 3, "the services were looked at: {seen:?}");
    Ok(())
}
