//! Verification items 2-A to 2-C: what a company needs.

use serde_json::Value;
use tests::journey::{SPECIFIC_ACCOUNT, open_account};

use crate::harness::shared;

#[tokio::test]
async fn item_2a_a_company_confirms_the_consortiums_judgements_on_the_registry()
-> anyhow::Result<()> {
    let shared = shared();
    let (wallet, case) = shared.holder_of_a_wallet().await?;
    let a = shared.site.company("a")?;
    let application = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    let read = a
        .log_in(&shared.http())
        .await?
        .read_application(&application)
        .await?;

    let history = read
        .get("history")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let steps: Vec<_> = history
        .iter()
        .filter_map(|event| event.get("step")?.as_str())
        .collect();
    for step in [
        "opened",
        "identity_document",
        "name_identification",
        "asf_collation",
        "residence",
        "closed",
    ] {
        assert!(steps.contains(&step), "{step} is missing in {steps:?}");
    }
    let report = read.get("report").map(Value::to_string).unwrap_or_default();
    assert!(
        report.contains(&case),
        "the report names the case whose events were opened: {report}"
    );
    for known in ["reviewer", "completed_at", "passed"] {
        assert!(
            read.to_string().contains(known),
            "who, what and when: {known} is missing"
        );
    }
    Ok(())
}

#[tokio::test]
async fn item_2b_what_was_made_for_one_company_is_refused_by_another() -> anyhow::Result<()> {
    let shared = shared();
    let mut holder = shared.holder(1).await?;
    let (a, b) = (shared.site.company("a")?, shared.site.company("b")?);
    let instance = holder.take_instance()?;
    let to_a = holder.begin(a, "account_opening").await?;
    let presentation = holder
        .prepare(&to_a, &instance, shared.site.neutral_node()?)
        .await?;
    let taken = holder.send(&to_a, &presentation).await?;
    assert!(taken.is_accepted(), "{taken:?}");

    let to_b = holder.begin(b, "account_opening").await?;
    let replayed = holder.send(&to_b, &presentation).await?;
    assert!(!replayed.is_accepted(), "B took what was made for A");
    let again = holder.send(&to_a, &presentation).await?;
    assert!(!again.is_accepted(), "A took the same presentation twice");
    Ok(())
}

#[tokio::test]
async fn item_2c_a_document_image_that_was_altered_on_the_way_is_refused() -> anyhow::Result<()> {
    let shared = shared();
    let mut holder = shared.holder(2).await?;
    let a = shared.site.company("a")?;
    for altered in [true, false] {
        let instance = holder.take_instance()?;
        let request = holder.begin(a, "account_opening").await?;
        let mut presentation = holder
            .prepare(&request, &instance, shared.site.neutral_node()?)
            .await?;
        if altered {
            presentation.alter_image()?;
        }
        let answered = holder.send(&request, &presentation).await?;
        assert_eq!(
            answered.is_accepted(),
            !altered,
            "altered: {altered}, {answered:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn item_2c_a_claim_that_was_altered_on_the_way_is_refused() -> anyhow::Result<()> {
    let shared = shared();
    let mut holder = shared.holder(1).await?;
    let a = shared.site.company("a")?;
    let instance = holder.take_instance()?;
    let request = holder.begin(a, "account_opening").await?;
    let honest = holder
        .prepare(&request, &instance, shared.site.neutral_node()?)
        .await?;
    let mut altered = honest.clone();
    altered.alter_disclosure()?;
    let refused = holder.send(&request, &altered).await?;
    assert!(!refused.is_accepted(), "A took an altered claim");
    Ok(())
}
