//! Everyone who acts in the demo.

use serde_json::Value;

use crate::canary::{Canaries, Searched};
use crate::ledger;
use crate::load::LoadResult;
use crate::sandbox::staff::Staff;
use crate::sandbox::{COMPANY_A, COMPANY_B, Person, Programs, Sandbox, Wallet};

/// The sandbox, the person and the staff.
pub struct Stage {
    /// The consortium.
    pub sandbox: Sandbox,
    /// The person's wallet.
    pub wallet: Wallet,
    pub(super) reviewer: Staff,
    pub(super) clerk_a: Staff,
    pub(super) clerk_b: Staff,
}

/// What the journeys left to be proved.
pub(super) struct Accounts {
    pub(super) first: Account,
    pub(super) second: SecondAccount,
    pub(super) canaries: Canaries,
    /// What was found at company B after the first account and before the second.
    pub(super) company_b_before: Searched,
    pub(super) load: LoadResult,
}

/// The consortium before and after the second account.
pub(super) struct SecondAccount {
    pub(super) before: Consortium,
    pub(super) after: Consortium,
}

/// The consortium at one moment, as its staff and the ledger show it.
pub(super) struct Consortium {
    /// Cases, as the reviewers see them.
    pub(super) cases: Value,
    /// Requests that the service has answered to staff, by its log; looking is not counted.
    pub(super) staff_requests: usize,
    /// Records on the ledger.
    pub(super) records: u64,
}

impl Consortium {
    /// Looks at the service's log and the ledger first, so that looking does not show.
    pub(super) async fn look(stage: &Stage) -> anyhow::Result<Self> {
        let site = &stage.sandbox.site;
        let log = std::fs::read_to_string(site.folder.join("logs/tegata-issuer-consortium.log"))?;
        let asked = |line: &&str| line.contains("\"route\":\"/staff/");
        let looked = |line: &&str| {
            line.contains("\"method\":\"GET\"") && line.contains("\"route\":\"/staff/cases\"")
        };
        let staff_requests = log
            .lines()
            .filter(asked)
            .filter(|line| !looked(line))
            .count();
        let genesis = site.read_genesis()?;
        let records =
            ledger::size(&stage.sandbox.http, &site.neutral_node()?.url, &genesis).await?;
        Ok(Self {
            cases: stage.reviewer.get("cases").await?,
            staff_requests,
            records,
        })
    }
}

/// An account that was opened.
pub(super) struct Account {
    /// The case that its credentials came from.
    pub(super) case: String,
    /// Files of evidence that the issuer held while the case was open.
    pub(super) evidence_while_open: usize,
}

impl Stage {
    /// Logs everyone in.
    pub(super) async fn new(
        sandbox: Sandbox,
        programs: &Programs,
        person_seed: u64,
    ) -> anyhow::Result<Self> {
        let (site, http) = (&sandbox.site, &sandbox.http);
        let reviewer = site.issuer.log_in(http).await?;
        let clerk_a = site.company(COMPANY_A.short)?.log_in(http).await?;
        let clerk_b = site.company(COMPANY_B.short)?.log_in(http).await?;
        let wallet = site.wallet(programs, Person::from_seed(person_seed));
        Ok(Self {
            sandbox,
            wallet,
            reviewer,
            clerk_a,
            clerk_b,
        })
    }
}
