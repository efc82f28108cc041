//! Verification items 1-A to 1-C: what the person needs.

use serde_json::Value;
use tests::canary::Canaries;
use tests::journey::{self, SPECIFIC_ACCOUNT, open_account, wait_for_state};
use tests::sandbox::http::text;

use crate::harness::{decline_reason, shared};

#[tokio::test]
async fn item_1a_a_person_sees_every_account_and_application_as_it_stands() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, _case) = shared.holder_of_a_wallet().await?;
    let (a, b) = (shared.site.company("a")?, shared.site.company("b")?);
    let at_a = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    let at_b = open_account(&wallet, b, SPECIFIC_ACCOUNT).await?;

    wait_for_state(&wallet, &at_a, "received").await?;
    journey::decide(&a.log_in(&shared.http()).await?, &at_a).await?;
    b.log_in(&shared.http())
        .await?
        .decide(&at_b, "declined")
        .await?;

    let opened = wait_for_state(&wallet, &at_a, "opened").await?;
    let declined = wait_for_state(&wallet, &at_b, "declined").await?;
    for account in [&opened, &declined] {
        assert_eq!(
            text(account, "registry")?,
            "confirmed",
            "the wallet checked it against the registry"
        );
    }
    assert_eq!(
        (text(&opened, "company")?, text(&declined, "company")?),
        (a.id.as_str(), b.id.as_str())
    );
    Ok(())
}

#[tokio::test]
async fn item_1b_personal_data_reaches_only_the_chosen_company() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, _case) = shared.holder_of_a_wallet().await?;
    let a = shared.site.company("a")?;
    let application = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    let read = a
        .log_in(&shared.http())
        .await?
        .read_application(&application)
        .await?;
    assert!(
        read.to_string().contains(wallet.person.family_name.kanji),
        "A reads what was disclosed to it"
    );

    let canaries = Canaries::new(&wallet.person.secrets(), &[wallet.person.licence_png()?]);
    let b = shared.site.company("b")?;
    for node in &shared.site.nodes {
        assert_eq!(
            canaries.search(&node.folder)?.hits,
            [],
            "node of {}",
            node.member
        );
    }
    assert_eq!(canaries.search(&b.folder)?.hits, [], "company B");
    assert_eq!(
        canaries.search(&shared.site.issuer.folder)?.hits,
        [],
        "the issuer, after closing"
    );
    let own = canaries.search(&shared.site.folder.join("papers"))?;
    assert!(!own.hits.is_empty(), "the search finds what is there");
    Ok(())
}

#[tokio::test]
async fn item_1c_without_a_consent_receipt_no_account_is_opened() -> anyhow::Result<()> {
    let shared = shared();
    let mut holder = shared.holder(1).await?;
    let a = shared.site.company("a")?;
    let request = holder.begin(a, "account_opening").await?;
    let instance = holder.take_instance()?;
    let presentation = holder.prepare_as_stranger(&request, &instance)?;
    let answered = holder.send(&request, &presentation).await?;
    assert!(
        answered.is_accepted(),
        "the credential itself is good: {answered:?}"
    );

    let clerk = a.log_in(&shared.http()).await?;
    let applications = clerk.get("applications").await?;
    let without_receipt =
        |application: &&Value| application.to_string().contains("consent_receipt_missing");
    let applications = applications
        .get("applications")
        .unwrap_or(&applications)
        .clone();
    let application = applications
        .as_array()
        .into_iter()
        .flatten()
        .find(without_receipt)
        .cloned();
    let application = application.expect("the clerk sees that there is no consent receipt");
    let reason = decline_reason(
        clerk
            .decide(text(&application, "application")?, "opened")
            .await,
    );
    assert!(
        reason.contains("422"),
        "policy does not open the account: {reason}"
    );
    Ok(())
}

#[tokio::test]
async fn item_1c_a_consent_for_another_company_is_refused() -> anyhow::Result<()> {
    let shared = shared();
    let mut holder = shared.holder(2).await?;
    let (a, b) = (shared.site.company("a")?, shared.site.company("b")?);
    let node = shared.site.neutral_node()?;
    let instance = holder.take_instance()?;
    let to_a = holder.begin(a, "account_opening").await?;
    let for_a = holder.prepare(&to_a, &instance, node).await?;

    let to_b = holder.begin(b, "account_opening").await?;
    let mut for_b = holder.prepare_as_stranger(&to_b, &instance)?;
    for_b.extension = for_a.extension.clone();
    let refused = holder.send(&to_b, &for_b).await?;
    assert!(
        !refused.is_accepted(),
        "B took a consent that designates A: {refused:?}"
    );

    let taken = holder.send(&to_a, &for_a).await?;
    assert!(
        taken.is_accepted(),
        "A takes the consent that designates it: {taken:?}"
    );
    Ok(())
}
