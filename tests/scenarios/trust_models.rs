//! Both trust models of the working paper: who votes is configuration, and an auditor finds the same of both.

use std::collections::BTreeSet;

use anyhow::ensure;
use tests::journey::{self, SPECIFIC_ACCOUNT, decide, open_account, wait_for_state};
use tests::sandbox::command::run;
use tests::sandbox::http::{Http, below};
use tests::sandbox::{COMPANY_A, COMPANY_B, COMPANY_C, Person, Sandbox, Site, TrustModel};

use crate::harness::{folder, shared};

/// Runs the auditor against a sandbox; it knows the genesis file and one address.
async fn audit(site: &Site) -> anyhow::Result<serde_json::Value> {
    let node = site.neutral_node()?;
    let arguments = [
        "audit".as_ref(),
        "--genesis".as_ref(),
        site.genesis.as_os_str(),
        "--node".as_ref(),
        node.url.as_str().trim_end_matches('/').as_ref(),
        "--development-loopback-http".as_ref(),
        "--json".as_ref(),
        "--evidence".as_ref(),
        site.folder.as_os_str(),
    ];
    let said = run(&shared().programs.registry(), arguments).await?;
    ensure!(said.code == Some(0), "{} {}", said.stdout, said.stderr);
    said.json()
}

#[tokio::test]
async fn where_all_participants_vote_an_auditor_finds_nothing_wrong() -> anyhow::Result<()> {
    let genesis = shared().site.read_genesis()?;
    assert!(
        genesis
            .parties()
            .members()
            .iter()
            .all(|member| member.validator)
    );
    let report = audit(&shared().site).await?;
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(4));
    Ok(())
}

#[tokio::test]
async fn where_consortium_and_notaries_vote_companies_are_witnesses() -> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("consortium-and-notary"))?;
    let model = TrustModel::ConsortiumAndNotary;
    let mut sandbox = Sandbox::start_as(&folder, programs, model).await?;
    let site = sandbox.site.clone();
    let genesis = site.read_genesis()?;
    let voters = genesis
        .parties()
        .members()
        .iter()
        .filter(|member| member.validator);
    let voters: Vec<&str> = voters.map(|member| member.name.as_str()).collect();
    assert_eq!(voters.len(), 4, "four voters stand one fault");
    assert!(
        !voters
            .iter()
            .any(|name| name.ends_with(".securities.example"))
    );

    let wallet = site.wallet(programs, Person::from_seed(92));
    let reviewer = site.issuer.log_in(&sandbox.http).await?;
    journey::become_holder(&site, &wallet, &reviewer).await?;
    let a = site.company("a")?;
    let application = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    decide(&a.log_in(&sandbox.http).await?, &application).await?;
    wait_for_state(&wallet, &application, "opened").await?;

    let report = audit(&site).await?;
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(7));
    let signed = witnesses(&sandbox.http, &site).await?;
    assert!(
        !signed.is_empty(),
        "no company cosigned: the voters alone are no quorum of seven"
    );
    sandbox.stop().await
}

/// The companies that signed the checkpoints that nodes show.
async fn witnesses(http: &Http, site: &Site) -> anyhow::Result<BTreeSet<&'static str>> {
    let mut signed = BTreeSet::new();
    for node in &site.nodes {
        let note = http.get(&below(&node.url, "checkpoint")?).await?;
        let note = String::from_utf8(note.body.to_vec())?;
        for company in [COMPANY_A, COMPANY_B, COMPANY_C] {
            if note.contains(&format!(" {} ", company.member)) {
                signed.insert(company.member);
            }
        }
    }
    Ok(signed)
}
