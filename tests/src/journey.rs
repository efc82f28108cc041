//! What people do, one function for each act: the demo tells it as a story, the scenarios take it apart.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::sandbox::http::text;
use crate::sandbox::staff::{Offer, REVIEWED_CHECKS, Staff};
use crate::sandbox::{Party, Site, Wallet};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// What a person applies for at a company.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// `general` or `specific`.
    pub account: &'static str,
    /// Where the person is liable to tax.
    pub tax_residence: &'static str,
}

/// A specific account of someone who pays tax in Japan.
pub const SPECIFIC_ACCOUNT: Terms = Terms {
    account: "specific",
    tax_residence: "JP",
};

/// Makes the wallet and lets it trust the network.
pub async fn make_wallet(site: &Site, wallet: &Wallet) -> anyhow::Result<Value> {
    let made = wallet.run(&["init"]).await?;
    let genesis = path_text(&site.genesis)?;
    wallet.run(&["trust", genesis, "--development"]).await?;
    Ok(made)
}

/// Applies to the consortium with the form and the picture of the licence; gives the case.
pub async fn apply(site: &Site, wallet: &Wallet) -> anyhow::Result<String> {
    let papers = site
        .folder
        .join("papers")
        .join(wallet.folder.file_name().unwrap_or_default());
    let (form, licence) = wallet.write_papers(&papers)?;
    let arguments = [
        "apply",
        "--form",
        path_text(&form)?,
        "--document",
        path_text(&licence)?,
        "--yes",
    ];
    let applied = wallet.run(&arguments).await?;
    Ok(text(&applied, "case")?.to_owned())
}

/// The reviewers read the application and pass their three checks.
pub async fn review(reviewer: &Staff, case: &str) -> anyhow::Result<()> {
    reviewer.read_case(case).await?;
    for check in REVIEWED_CHECKS {
        reviewer.pass_check(case, check).await?;
    }
    Ok(())
}

/// Redeems the offer with the code from the letter.
pub async fn receive(wallet: &Wallet, offer: &Offer) -> anyhow::Result<Value> {
    wallet.receive(None, &offer.tx_code).await
}

/// From nothing to a credential: wallet, application, checks, letter.
pub async fn become_holder(
    site: &Site,
    wallet: &Wallet,
    reviewer: &Staff,
) -> anyhow::Result<String> {
    make_wallet(site, wallet).await?;
    let case = apply(site, wallet).await?;
    review(reviewer, &case).await?;
    let offer = reviewer.make_offer(&case).await?;
    receive(wallet, &offer).await?;
    Ok(case)
}

/// One command: asks the company for an account and presents what it asks for. Gives the application.
pub async fn open_account(
    wallet: &Wallet,
    company: &Party,
    terms: Terms,
) -> anyhow::Result<String> {
    let said = try_open_account(wallet, company, terms).await?;
    Ok(text(&said, "application")?.to_owned())
}

/// As [`open_account`], with everything the wallet said. A credential that was received a moment ago may have to wait for
/// the issuer's next batch on the registry; the wallet says so, and is asked again.
pub async fn try_open_account(
    wallet: &Wallet,
    company: &Party,
    terms: Terms,
) -> anyhow::Result<Value> {
    let url = company.url.as_str().trim_end_matches('/');
    let arguments = [
        "open",
        url,
        "--account",
        terms.account,
        "--tax-residence",
        terms.tax_residence,
        "--yes",
    ];
    let deadline = Instant::now() + PATIENCE;
    loop {
        match wallet.run(&arguments).await {
            Err(error)
                if error.to_string().contains("not anchored") && Instant::now() < deadline =>
            {
                sleep(POLL).await
            }
            opened => return opened,
        }
    }
}

/// The company's staff read the application and open the account.
pub async fn decide(clerk: &Staff, application: &str) -> anyhow::Result<Value> {
    let read = clerk.read_application(application).await?;
    clerk.decide(application, "opened").await?;
    Ok(read)
}

/// Asks the wallet until an application stands as expected.
pub async fn wait_for_state(
    wallet: &Wallet,
    application: &str,
    expected: &str,
) -> anyhow::Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let accounts = wallet.run(&["accounts"]).await?;
        let entries = accounts
            .get("accounts")
            .and_then(Value::as_array)
            .context("the wallet lists no accounts")?;
        let mine = entries
            .iter()
            .find(|entry| entry.get("application").and_then(Value::as_str) == Some(application));
        let mine =
            mine.with_context(|| format!("the wallet does not know application {application}"))?;
        if mine.get("state").and_then(Value::as_str) == Some(expected) {
            return Ok(mine.clone());
        }
        if Instant::now() > deadline {
            bail!("application {application} is not {expected} after {PATIENCE:?}: {mine}");
        }
        sleep(POLL).await;
    }
}

fn path_text(path: &std::path::Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Repeats an act until the company refuses it: a revocation reaches companies with the next status list, not at once. Any
/// other failure is not a refusal.
pub async fn until_refused<F>(act: impl Fn() -> F) -> anyhow::Result<String>
where
    F: Future<Output = anyhow::Result<Value>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match act().await {
            Err(error) if error.to_string().contains("refuses with status 4") => {
                return Ok(format!("{error:#}"));
            }
            Err(error) => return Err(error.context("it failed instead of being refused")),
            Ok(_taken) if Instant::now() < deadline => sleep(POLL).await,
            Ok(taken) => bail!("it is still taken after {PATIENCE:?}: {taken}"),
        }
    }
}
