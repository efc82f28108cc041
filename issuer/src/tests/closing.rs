use axum::http::StatusCode;
use protocol::kyc::Process;
use serde_json::json;

use super::{
    Registry, Site,
    wallet::{Wallet, keys, request_credentials},
};
use crate::{
    case::{self, Progress},
    closing,
    registry::{Recorded, first_of_each_lane},
};

/// A case whose wallet has accepted its credentials, with a registry that says nothing any more.
async fn accepted() -> (Site, Wallet) {
    let site = Site::new(&Registry::Confirms);
    let (wallet, access) = Wallet::with_access(&site).await;
    let issued = request_credentials(&site, &access, &keys(3)).await;
    assert_eq!(issued.status, StatusCode::OK);
    let site = site.restart(&Registry::Silent).await;
    let id = &issued.json["notification_id"];
    let body = json!({"notification_id": id, "event": "credential_accepted"});
    assert_eq!(
        site.post("/notification", Some(&access), &body)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    (site, wallet)
}

fn progress(site: &Site, wallet: &Wallet) -> Progress {
    case::load(&site.issuer.vault, wallet.case)
        .unwrap()
        .unwrap()
        .value
        .progress
}

/// Confirms one record of the case.
fn confirm_one(site: &Site) {
    let queued = first_of_each_lane(&site.issuer.vault, |_| false).unwrap();
    let queued = queued
        .iter()
        .find(|queued| matches!(queued.lane, crate::registry::Lane::Case(_)))
        .unwrap();
    let recorded = Recorded {
        index: 99,
        receipt: "receipt".to_owned(),
    };
    crate::confirmation::confirm(&site.issuer, queued, &recorded, service::clock::now()).unwrap();
}

#[tokio::test]
async fn a_case_is_closed_across_a_restart_between_any_two_steps() {
    let (site, wallet) = accepted().await;
    assert!(matches!(progress(&site, &wallet), Progress::Closing(_)));
    assert_eq!(
        site.issuer.evidence.count().unwrap(),
        1,
        "the evidence goes after the event stands"
    );

    let site = site.restart(&Registry::Silent).await;
    assert!(matches!(progress(&site, &wallet), Progress::Closing(_)));
    confirm_one(&site);
    assert!(matches!(progress(&site, &wallet), Progress::Erasing(_)));
    assert_eq!(site.issuer.evidence.count().unwrap(), 0);

    let site = site.restart(&Registry::Silent).await;
    confirm_one(&site);
    assert!(matches!(progress(&site, &wallet), Progress::Closed(_)));
    assert_eq!(wallet.status(&site).await["state"], "closed");
}

#[tokio::test]
async fn a_crash_after_the_receipt_of_the_closed_event_is_made_good_at_the_next_start() {
    let (site, wallet) = accepted().await;
    // The receipt was noted, the evidence not yet destroyed.
    let mut found = case::load(&site.issuer.vault, wallet.case)
        .unwrap()
        .unwrap();
    for event in &mut found.value.events {
        event.recorded = Some(1);
    }
    let id = wallet.case.to_string();
    let changes = crate::store::replace(vault::Changes::new(), case::CASE, &id, &found).unwrap();
    crate::store::commit(&site.issuer.vault, &changes).unwrap();
    let site = site.restart(&Registry::Silent).await;
    assert!(matches!(progress(&site, &wallet), Progress::Erasing(_)));
    assert_eq!(site.issuer.evidence.count().unwrap(), 0);
}

#[tokio::test]
async fn neg_i24_a_closed_case_forgets_what_only_its_applicant_shall_open() {
    let (site, wallet) = accepted().await;
    site.confirm_all();
    let found = case::load(&site.issuer.vault, wallet.case)
        .unwrap()
        .unwrap()
        .value;
    assert!(found.check(Process::IdentityDocument).is_none());
    assert_eq!(found.statuses.len(), 3);
    let staff = site.log_in();
    let read = site
        .get(&format!("/staff/cases/{}", wallet.case), Some(&staff))
        .await;
    assert_eq!(read.status, StatusCode::GONE);
    let offer = format!("/staff/cases/{}/offer", wallet.case);
    assert_eq!(
        site.post(&offer, Some(&staff), &json!({})).await.status,
        StatusCode::GONE
    );
}

#[tokio::test]
async fn an_issued_case_without_a_notification_is_closed_when_its_grant_has_ended() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, access) = Wallet::with_access(&site).await;
    request_credentials(&site, &access, &keys(1)).await;
    let now = service::clock::now();
    closing::sweep(&site.issuer, now).unwrap();
    assert_eq!(wallet.status(&site).await["state"], "issued");
    closing::sweep(&site.issuer, now.plus_seconds(301)).unwrap();
    site.closed(wallet.case).await;
    assert_eq!(wallet.status(&site).await["state"], "closed");
}

#[tokio::test]
async fn a_case_that_nobody_finishes_is_closed_after_its_lifetime() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let lifetime = site.issuer.config.case_lifetime_s;
    closing::sweep(
        &site.issuer,
        service::clock::now().plus_seconds(lifetime + 1),
    )
    .unwrap();
    site.closed(wallet.case).await;
    assert_eq!(wallet.status(&site).await["state"], "rejected");
    assert_eq!(site.issuer.evidence.count().unwrap(), 0);
}

#[tokio::test]
async fn events_that_wait_when_another_definition_is_activated_are_made_anew_by_it() {
    let site = Site::new(&Registry::Silent);
    let wallet = Wallet::apply(&site).await;
    let mut definition = (*site.issuer.definition()).clone();
    definition.version = 2;
    for step in definition.steps.iter_mut().filter(|step| step.code != 1) {
        step.code += 100;
        step.after
            .iter_mut()
            .filter(|code| **code != 1)
            .for_each(|code| *code += 100);
    }
    site.issuer.activate(definition);
    case::renew(&site.issuer, wallet.case).unwrap();
    let queued = first_of_each_lane(&site.issuer.vault, |_| false).unwrap();
    let record = protocol::registry::record::UnverifiedRecord::decode(&queued[0].record).unwrap();
    let record = record.verify(&site.issuer.author.network).unwrap();
    let protocol::registry::record::Body::CaseEvent(event) = record.body() else {
        panic!("not a case event");
    };
    assert_eq!((event.sequence, event.definition), (0, 2));
    site.confirm_all();
    let found = case::load(&site.issuer.vault, wallet.case)
        .unwrap()
        .unwrap()
        .value;
    assert!(found.is_recorded());
}
