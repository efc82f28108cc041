//! Random walks over everything that can be done, with a registry that answers when it likes and crashes in between.
//! After each step the stores must agree with one another.

use std::collections::BTreeSet;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::json;
use vault::Kind;

use super::{
    Registry, Site,
    wallet::{Wallet, keys, request_credentials, token_form},
};
use crate::{
    anchor, case,
    case::Progress,
    closing,
    registry::{Lane, has_queued},
};

/// Waits of the staff and of wallets for the registry end at once: the clock of tokio is paused.
const STEPS: usize = 300;
/// Wallets of one walk: few, so that they get somewhere.
const HOLDERS_MAX: usize = 4;

/// A walker: the site, and what its wallets hold.
struct Walk {
    site: Site,
    staff: String,
    rng: ChaCha20Rng,
    holders: Vec<Holder>,
}

/// What one wallet holds.
struct Holder {
    wallet: Wallet,
    offer: Option<(String, String)>,
    access: Option<String>,
    notification: Option<serde_json::Value>,
}

impl Walk {
    async fn start(seed: u64) -> Self {
        let site = Site::new(&Registry::Silent);
        let staff = site.log_in();
        Self {
            site,
            staff,
            rng: ChaCha20Rng::seed_from_u64(seed),
            holders: Vec::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % bound as u64).unwrap()
    }

    async fn step(mut self) -> Self {
        let choice = self.below(20);
        if self.holders.is_empty() || (choice == 0 && self.holders.len() < HOLDERS_MAX) {
            let wallet = Wallet::apply(&self.site).await;
            self.holders.push(Holder {
                wallet,
                offer: None,
                access: None,
                notification: None,
            });
            return self;
        }
        let chosen = self.below(self.holders.len());
        match choice {
            1..=4 => self.check(chosen).await,
            5 | 6 => self.offer(chosen).await,
            7 | 8 => self.redeem(chosen).await,
            9 | 10 => self.request(chosen).await,
            11 => self.notify(chosen).await,
            12 => drop(anchor::run_round(&self.site.issuer).unwrap()),
            13 => {
                let later = service::clock::now().plus_seconds(self.rng.next_u64() % 600);
                closing::sweep(&self.site.issuer, later).unwrap();
            }
            14 => return self.crash().await,
            _ => self.site.confirm_all(),
        }
        self
    }

    async fn check(&mut self, chosen: usize) {
        let process = [
            "identity_document",
            "name_identification",
            "asf_collation",
            "residence",
        ][self.below(4)];
        let result = if self.below(60) == 0 {
            "failed"
        } else {
            "passed"
        };
        let path = format!(
            "/staff/cases/{}/checks/{process}",
            self.holders[chosen].wallet.case
        );
        let answer = self
            .site
            .post(&path, Some(&self.staff), &json!({"result": result}))
            .await;
        assert!(
            [204, 403, 409, 503].contains(&answer.status.as_u16()),
            "{}",
            answer.status
        );
    }

    async fn offer(&mut self, chosen: usize) {
        let path = format!("/staff/cases/{}/offer", self.holders[chosen].wallet.case);
        let answer = self.site.post(&path, Some(&self.staff), &json!({})).await;
        if answer.status.as_u16() == 201 {
            let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
            self.holders[chosen].offer = Some((text("offer"), text("tx_code")));
        }
    }

    async fn redeem(&mut self, chosen: usize) {
        let Some((link, code)) = self.holders[chosen].offer.clone() else {
            return;
        };
        let guess = if self.below(4) == 0 { "000000" } else { &code };
        let answer = self
            .site
            .post_form("/token", token_form(&link, Some(guess)))
            .await;
        if answer.status.as_u16() == 200 {
            let access = answer.json["access_token"].as_str().unwrap().to_owned();
            self.holders[chosen].access = Some(access);
        }
    }

    async fn request(&mut self, chosen: usize) {
        let Some(access) = self.holders[chosen].access.clone() else {
            return;
        };
        let count = 1 + self.below(4);
        let answer = request_credentials(&self.site, &access, &keys(count)).await;
        assert!(
            [200, 400, 401, 503].contains(&answer.status.as_u16()),
            "{}",
            answer.status
        );
        if answer.status.as_u16() == 200 {
            self.holders[chosen].notification = Some(answer.json["notification_id"].clone());
        }
    }

    async fn notify(&mut self, chosen: usize) {
        let holder = &self.holders[chosen];
        let (Some(access), Some(id)) = (&holder.access, &holder.notification) else {
            return;
        };
        let event =
            ["credential_accepted", "credential_failure"][usize::from(chosen.is_multiple_of(3))];
        let body = json!({"notification_id": id, "event": event});
        let answer = self.site.post("/notification", Some(access), &body).await;
        assert!(
            [204, 400, 401].contains(&answer.status.as_u16()),
            "{}",
            answer.status
        );
    }

    async fn crash(self) -> Self {
        let Self {
            site, rng, holders, ..
        } = self;
        let site = site.restart(&Registry::Silent).await;
        let staff = site.log_in();
        Self {
            site,
            staff,
            rng,
            holders,
        }
    }

    fn assert_invariants(&self) {
        let issuer = &self.site.issuer;
        let mut entries = BTreeSet::new();
        for (id, case) in case::load_all(&issuer.vault).unwrap() {
            assert!(
                case.events
                    .iter()
                    .zip(0..)
                    .all(|(event, sequence)| event.sequence == sequence)
            );
            let erased = matches!(case.progress, Progress::Erasing(_) | Progress::Closed(_));
            assert_eq!(
                issuer.evidence.read(id, &issuer.secret).is_err(),
                erased,
                "{:?}",
                case.progress
            );
            let waits = !case.is_recorded() || matches!(case.progress, Progress::Erasing(_));
            assert_eq!(
                has_queued(&issuer.vault, Lane::Case(id)),
                waits,
                "{:?}",
                case.progress
            );
            if case.is_over() {
                assert!(case.offer.is_none() && case.grants.is_empty());
            }
            for grant in &case.grants {
                assert!(
                    issuer
                        .vault
                        .get(Kind::ordinary("grant"), grant)
                        .unwrap()
                        .is_some()
                );
            }
            for entry in &case.statuses {
                assert!(
                    entries.insert((entry.list, entry.index)),
                    "an entry was given out twice"
                );
            }
        }
        let taken = issuer.vault.list(Kind::ordinary("status-entry"));
        assert_eq!(taken.len(), entries.len());
        assert_eq!(
            issuer.vault.list(Kind::ordinary("anchor")).len(),
            entries.len()
        );
        assert_eq!(
            issuer.vault.list(Kind::ordinary("holder-key")).len(),
            entries.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_stores_agree_after_every_step_of_a_random_walk() {
    for seed in 0..2 {
        let mut walk = Walk::start(seed).await;
        for _ in 0..STEPS {
            walk = walk.step().await;
            walk.assert_invariants();
        }
        // Whatever was going on comes to its end.
        walk.site.confirm_all();
        let lifetime = walk.site.issuer.config.case_lifetime_s;
        closing::sweep(
            &walk.site.issuer,
            service::clock::now().plus_seconds(lifetime + 1),
        )
        .unwrap();
        walk.site.confirm_all();
        walk.assert_invariants();
        assert_eq!(walk.site.issuer.evidence.count().unwrap(), 0, "seed {seed}");
        let issued = walk
            .site
            .issuer
            .vault
            .list(Kind::ordinary("status-entry"))
            .len();
        assert!(issued > 0, "seed {seed} never issued");
    }
}
