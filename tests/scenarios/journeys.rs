//! The paper's two journeys, and a wallet that loses power anywhere on the way.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::holder::waste;
use tests::journey::{
    self, SPECIFIC_ACCOUNT, open_account, try_open_account, until_refused, wait_for_state,
};
use tests::sandbox::Wallet;
use tests::sandbox::http::text;
use tests::sandbox::staff::{Offer, Staff};

use crate::harness::{Shared, shared};

#[tokio::test]
async fn the_second_account_needs_no_reviewer_and_no_typing() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, case) = shared.holder_of_a_wallet().await?;
    let (a, b) = (shared.site.company("a")?, shared.site.company("b")?);
    let first = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    journey::decide(&a.log_in(&shared.http()).await?, &first).await?;
    let second = open_account(&wallet, b, SPECIFIC_ACCOUNT).await?;
    journey::decide(&b.log_in(&shared.http()).await?, &second).await?;
    wait_for_state(&wallet, &first, "opened").await?;
    wait_for_state(&wallet, &second, "opened").await?;
    let reviewer = shared.site.issuer.log_in(&shared.http()).await?;
    assert!(
        reviewer.read_case(&case).await.is_err(),
        "the case was closed before: nobody could have acted on it"
    );
    Ok(())
}

#[tokio::test]
async fn a_revoked_credential_is_refused_at_the_next_presentation() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, case) = shared.holder_of_a_wallet().await?;
    let a = shared.site.company("a")?;
    open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    shared
        .site
        .issuer
        .log_in(&shared.http())
        .await?
        .revoke(&case)
        .await?;
    let b = shared.site.company("b")?;
    until_refused(|| try_open_account(&wallet, b, SPECIFIC_ACCOUNT))
        .await
        .map(drop)
}

/// Someone whose checks have passed, and who has the letter with the code: wallet, case, letter.
async fn applicant_with_letter(
    shared: &Shared,
    reviewer: &Staff,
) -> anyhow::Result<(Wallet, String, Offer)> {
    let wallet = shared.new_wallet();
    journey::make_wallet(&shared.site, &wallet).await?;
    let case = journey::apply(&shared.site, &wallet).await?;
    journey::review(reviewer, &case).await?;
    let letter = reviewer.make_offer(&case).await?;
    Ok((wallet, case, letter))
}

#[tokio::test]
async fn a_wrong_code_from_the_letter_is_refused_and_the_right_one_still_works()
-> anyhow::Result<()> {
    let shared = shared();
    let reviewer = shared.site.issuer.log_in(&shared.http()).await?;
    let (wallet, _case, offer) = applicant_with_letter(shared, &reviewer).await?;
    mistype(&wallet, &offer).await?;
    journey::receive(&wallet, &offer).await.map(drop)
}

/// Types a wrong code, which the issuer refuses.
async fn mistype(wallet: &Wallet, offer: &Offer) -> anyhow::Result<()> {
    let digit = offer.tx_code.chars().next().context("a code has digits")?;
    let other = if digit == '0' { "1" } else { "0" };
    let wrong = Offer {
        tx_code: offer.tx_code.replacen(digit, other, 1),
        offer: offer.offer.clone(),
    };
    let refused = journey::receive(wallet, &wrong).await;
    let error = refused.err().context("a wrong code is refused")?;
    ensure!(is_used_up_or_wrong(&error), "{error:#}");
    Ok(())
}

/// Milliseconds into a command at which the power goes.
const CUTS_MS: [u64; 5] = [5, 60, 150, 300, 600];

#[tokio::test]
async fn a_wallet_that_is_killed_while_it_receives_loses_nothing() -> anyhow::Result<()> {
    let shared = shared();
    let reviewer = shared.site.issuer.log_in(&shared.http()).await?;
    for cut in CUTS_MS {
        let (wallet, case, offer) = applicant_with_letter(shared, &reviewer).await?;
        wallet
            .kill_while_receiving(
                &offer.tx_code,
                Duration::from_millis(cut),
                &log(shared, cut),
            )
            .await?;
        opens(&wallet).await?;
        let received = match journey::receive(&wallet, &offer).await {
            Ok(received) => received,
            // A code works once. Where the answer to it was lost, a new letter is all it takes: nothing is checked again.
            Err(error) if is_used_up_or_wrong(&error) => {
                let letter = reviewer.make_offer(&case).await?;
                let received = journey::receive(&wallet, &letter).await;
                received.with_context(|| format!("cut after {cut} ms, and a new letter"))?
            }
            Err(error) => return Err(error.context(format!("cut after {cut} ms"))),
        };
        let instances = received
            .get("instances")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        assert!(instances >= 10, "cut after {cut} ms: {received}");
        open_account(&wallet, shared.site.company("a")?, SPECIFIC_ACCOUNT).await?;
    }
    Ok(())
}

/// Whether the issuer says that the code is wrong or was exchanged before, or that its credentials were issued before.
fn is_used_up_or_wrong(error: &anyhow::Error) -> bool {
    let said = error.to_string();
    said.contains("does not accept the code") || said.contains("an issuance that was interrupted")
}

#[tokio::test]
async fn a_wallet_whose_code_was_used_up_by_a_lost_answer_goes_on_with_a_new_letter()
-> anyhow::Result<()> {
    let shared = shared();
    let reviewer = shared.site.issuer.log_in(&shared.http()).await?;
    let (wallet, case, letter) = applicant_with_letter(shared, &reviewer).await?;
    // The wallet knows of the offer; then the code is sent, and nobody keeps the answer.
    mistype(&wallet, &letter).await?;
    waste(&shared.http(), &letter).await?;
    let refused = journey::receive(&wallet, &letter).await;
    let error = refused.err().context("a code works once")?;
    ensure!(is_used_up_or_wrong(&error), "{error:#}");
    let letter = reviewer.make_offer(&case).await?;
    let received = journey::receive(&wallet, &letter).await?;
    assert_eq!(received["instances"], 10, "{received}");
    Ok(())
}

#[tokio::test]
async fn a_wallet_that_is_killed_while_it_presents_loses_nothing() -> anyhow::Result<()> {
    let shared = shared();
    let (wallet, _case) = shared.holder_of_a_wallet().await?;
    let a = shared.site.company("a")?;
    let url = a.url.as_str().trim_end_matches('/').to_owned();
    let first = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    for cut in CUTS_MS {
        let arguments = [
            "open",
            &url,
            "--account",
            "specific",
            "--tax-residence",
            "JP",
            "--yes",
        ];
        wallet
            .kill_during(&arguments, Duration::from_millis(cut), &log(shared, cut))
            .await?;
        opens(&wallet).await?;
        // What was acknowledged before is still there.
        wait_for_state(&wallet, &first, "received").await?;
    }
    open_account(&wallet, shared.site.company("b")?, SPECIFIC_ACCOUNT)
        .await
        .map(drop)
}

#[tokio::test]
async fn a_wallet_that_is_killed_while_it_applies_can_apply_again() -> anyhow::Result<()> {
    let shared = shared();
    for cut in CUTS_MS {
        let wallet = shared.new_wallet();
        journey::make_wallet(&shared.site, &wallet).await?;
        let (form, licence) =
            wallet.write_papers(&shared.site.folder.join("papers").join(format!("cut-{cut}")))?;
        let (form, licence) = (form.display().to_string(), licence.display().to_string());
        let arguments = ["apply", "--form", &form, "--document", &licence, "--yes"];
        wallet
            .kill_during(&arguments, Duration::from_millis(cut), &log(shared, cut))
            .await?;
        opens(&wallet).await?;
        let applied = wallet
            .run(&arguments)
            .await
            .with_context(|| format!("cut after {cut} ms"))?;
        text(&applied, "case")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wallet_that_is_killed_while_it_is_made_can_be_made_again() -> anyhow::Result<()> {
    let shared = shared();
    for cut in CUTS_MS {
        let wallet = shared.new_wallet();
        wallet
            .kill_during(&["init"], Duration::from_millis(cut), &log(shared, cut))
            .await?;
        // Either a wallet is there that opens, or it can be made again.
        if wallet.run(&["history"]).await.is_err() {
            wallet
                .run(&["init"])
                .await
                .with_context(|| format!("cut after {cut} ms"))?;
            wallet.run(&["history"]).await.context("the wallet opens")?;
        }
    }
    Ok(())
}

async fn opens(wallet: &Wallet) -> anyhow::Result<()> {
    wallet
        .run(&["list"])
        .await
        .context("the wallet opens")
        .map(drop)
}

/// What a wallet shows a person is no service's log.
fn log(shared: &Shared, cut: u64) -> std::path::PathBuf {
    let folder = shared.site.folder.join("wallets");
    std::fs::create_dir_all(&folder).expect("a folder below target/ can be made");
    folder.join(format!("cut-{cut}.log"))
}
