//! Everyone who acts in the demo.

use super::SecondAccount;
use crate::canary::{Canaries, Searched};
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

/// An account that was opened.
pub(super) struct Account {
    /// The case that its credentials came from.
    pub(super) case: String,
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
