//! Verification items 3-A to 3-D: what all participants need from the ledger.

use anyhow::Context;
use protocol::registry::checkpoint::UnverifiedCheckpoint;
use protocol::registry::merkle::TreeHash;
use protocol::registry::record::{Body, CaseEvent, Record};
use protocol::registry::{CaseId, Commitment, OPENED};
use serde_json::Value;
use tests::journey::{SPECIFIC_ACCOUNT, decide, open_account, wait_for_state};
use tests::ledger;
use tests::sandbox::http::below;

use crate::harness::{eventually, shared};

fn event(case: CaseId, sequence: u32, code: u16, definition: u32) -> Body {
    Body::CaseEvent(CaseEvent {
        case,
        sequence,
        code,
        definition,
        commitment: Commitment::from_bytes([7; 32]),
    })
}

#[tokio::test]
async fn item_3a_every_node_refuses_a_step_out_of_order() -> anyhow::Result<()> {
    let shared = shared();
    let (http, genesis) = (shared.http(), shared.site.read_genesis()?);
    let key = shared.site.issuer_record_key()?;
    for node in &shared.site.nodes {
        let case = CaseId::random(&mut service::random::os());
        let submit = async |body| {
            let record = Record::sign(genesis.network(), body, &key);
            let request = http
                .posting(&below(&node.url, "records")?)
                .header("content-type", "application/cbor");
            let request = request
                .timeout(std::time::Duration::from_secs(30))
                .body(record.as_bytes().to_vec());
            anyhow::Ok(http.send(request).await?.status.as_u16())
        };
        assert_eq!(
            submit(event(case, 0, OPENED, 1)).await?,
            200,
            "{}",
            node.member
        );
        // Residence needs the three checks before it; closing needs the next sequence; version 9 was never activated.
        for refused in [
            event(case, 1, 5, 1),
            event(case, 7, 2, 1),
            event(case, 1, 2, 9),
            event(case, 1, OPENED, 1),
        ] {
            let status = submit(refused.clone()).await?;
            assert!(
                (400..500).contains(&status),
                "{} answered {status} to {refused:?}",
                node.member
            );
        }
        assert_eq!(submit(event(case, 1, 2, 1)).await?, 200, "{}", node.member);
    }
    Ok(())
}

#[tokio::test]
async fn item_3a_no_record_of_an_application_names_the_company() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, _case) = shared.holder_of_a_wallet().await?;
    let a = shared.site.company("a")?;
    let application = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    decide(&a.log_in(&shared.http()).await?, &application).await?;
    wait_for_state(&wallet, &application, "opened").await?;

    let (http, genesis) = (shared.http(), shared.site.read_genesis()?);
    let entries = ledger::fetch_log(&http, &shared.site.neutral_node()?.url, &genesis).await?;
    let entries = ledger::verify_offline(&std::fs::read(&shared.site.genesis)?, &entries)?;
    let mine = entries.iter().filter(|entry| match entry.record().body() {
        Body::Designation(designation) => designation.application.to_string() == application,
        Body::Outcome(outcome) => outcome.application.to_string() == application,
        Body::CaseEvent(_)
        | Body::Erasure(_)
        | Body::CredentialBatch(_)
        | Body::StatusListVersion(_)
        | Body::Proposal(_)
        | Body::Approval(_)
        | Body::CaseEventGroup(_) => false,
    });
    let mine: Vec<_> = mine.collect();
    assert_eq!(mine.len(), 3, "a designation and two outcomes");
    let known = ledger::names_and_keys(&genesis);
    for entry in mine {
        assert!(
            !ledger::names_anyone(entry.record(), &known),
            "record {} names someone",
            entry.index()
        );
    }
    Ok(())
}

#[tokio::test]
async fn item_3b_a_history_that_was_modified_is_not_believed() -> anyhow::Result<()> {
    let shared = shared();
    let (http, genesis) = (shared.http(), shared.site.read_genesis()?);
    shared.holder(1).await?;
    let node = &shared.site.neutral_node()?.url;
    let file = std::fs::read(&shared.site.genesis)?;
    let honest = ledger::fetch_log(&http, node, &genesis).await?;
    ledger::verify_offline(&file, &honest)?;

    let mut without_one = honest.clone();
    without_one.remove(0);
    assert!(
        ledger::verify_offline(&file, &without_one).is_err(),
        "a record was left out"
    );
    let mut swapped = honest.clone();
    let (first, second) = (swapped.first().cloned(), swapped.get(1).cloned());
    let (first, second) = (
        first.context("two entries")?,
        second.context("two entries")?,
    );
    swapped.splice(0..2, [second, first]);
    assert!(
        ledger::verify_offline(&file, &swapped).is_err(),
        "two records changed places"
    );
    let mut altered = honest;
    let byte = altered
        .first_mut()
        .and_then(|entry| entry.record.last_mut())
        .context("a record")?;
    *byte ^= 1;
    assert!(
        ledger::verify_offline(&file, &altered).is_err(),
        "a record was altered"
    );
    Ok(())
}

#[tokio::test]
async fn item_3b_every_checkpoint_extends_the_one_before() -> anyhow::Result<()> {
    let shared = shared();
    let (http, genesis) = (shared.http(), shared.site.read_genesis()?);
    let node = &shared.site.neutral_node()?.url;
    shared.holder(1).await?;
    let checkpoint = async || {
        let note = http.get(&below(node, "checkpoint")?).await?.body;
        anyhow::Ok(UnverifiedCheckpoint::parse(&note)?.verify(genesis.committees())?)
    };
    let older = checkpoint().await?;
    shared.holder(1).await?;
    let answer = http
        .get_json(&below(node, &format!("consistency?from={}", older.size()))?)
        .await?;
    let newer = answer
        .get("checkpoint")
        .and_then(Value::as_str)
        .context("a checkpoint")?;
    let newer = UnverifiedCheckpoint::parse(newer.as_bytes())?.verify(genesis.committees())?;
    assert!(newer.size() > older.size());
    let hashes = answer
        .get("hashes")
        .and_then(Value::as_array)
        .context("hashes")?;
    let hashes: Option<Vec<_>> = hashes
        .iter()
        .map(|hash| TreeHash::from_base64(hash.as_str()?))
        .collect();
    let hashes = hashes.context("hashes in base64")?;
    newer.verify_extends(&older, &hashes)?;
    let mut forged = hashes.clone();
    if let Some(first) = forged.first_mut() {
        *first = TreeHash::from_bytes([9; 32]);
        assert!(
            newer.verify_extends(&older, &forged).is_err(),
            "a forged proof"
        );
    }
    Ok(())
}

#[tokio::test]
async fn item_3c_past_judgements_travel_with_the_personal_data() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, case) = shared.holder_of_a_wallet().await?;
    let b = shared.site.company("b")?;
    let application = open_account(&wallet, b, SPECIFIC_ACCOUNT).await?;
    let read = b
        .log_in(&shared.http())
        .await?
        .read_application(&application)
        .await?;
    let claims = read.get("claims").context("disclosed claims")?;
    let checks = claims
        .pointer("/verified_claims/verification/checks")
        .and_then(Value::as_array);
    let checks = checks.context("checks beside the claims")?;
    assert_eq!(checks.len(), 4, "four common checks");
    for check in checks {
        assert_eq!(
            check.get("case").and_then(Value::as_str),
            Some(case.as_str()),
            "tied to one case"
        );
        assert_eq!(check.get("result").and_then(Value::as_str), Some("passed"));
    }
    let name = claims
        .pointer("/verified_claims/claims/family_name")
        .and_then(Value::as_str);
    assert_eq!(name, Some(wallet.person.family_name.kanji));
    Ok(())
}

#[tokio::test]
async fn item_3d_a_company_learns_that_a_credential_it_relied_on_was_revoked() -> anyhow::Result<()>
{
    let shared = shared();
    let (wallet, case) = shared.holder_of_a_wallet().await?;
    let a = shared.site.company("a")?;
    let application = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    let clerk = a.log_in(&shared.http()).await?;
    decide(&clerk, &application).await?;
    let is_a_task =
        async || anyhow::Ok(clerk.get("tasks").await?.to_string().contains(&application));
    assert!(!is_a_task().await?, "nothing is wrong yet");
    shared
        .site
        .issuer
        .log_in(&shared.http())
        .await?
        .revoke(&case)
        .await?;
    eventually(is_a_task)
        .await
        .context("the revocation became a task of the company's staff")
}
