//! What the demo claims, each as a check that can fail.

use anyhow::{Context, bail, ensure};
use protocol::registry::Genesis;

use super::narrator::Narrator;
use super::stage::{Accounts, Stage};
use crate::canary::{Canaries, Searched};
use crate::holder::Holder;
use crate::journey::{self, SPECIFIC_ACCOUNT, try_open_account};
use crate::ledger;
use crate::load;
use crate::sandbox::{COMPANY_A, COMPANY_B, Person, Sandbox};

/// The person whose presentations are replayed and altered.
const OTHER_PERSON_SEED: u64 = 8;
/// The person whose credential is revoked.
const REVOKED_PERSON_SEED: u64 = 12;

/// Carries out all checks. Each is told; none stops the others.
pub(super) async fn all(narrator: &mut Narrator, stage: &Stage, accounts: &Accounts) {
    who_knows_the_person(narrator, stage, accounts).await;
    what_the_ledger_says(narrator, stage, accounts).await;
    refusals(narrator, stage).await;
    let offline = receipts_offline(&stage.sandbox);
    narrator
        .proof(
            "receipts_offline",
            "every receipt verifies offline with the genesis file alone",
            offline,
        )
        .await;
}

/// Searching disks.
async fn who_knows_the_person(narrator: &mut Narrator, stage: &Stage, accounts: &Accounts) {
    let sandbox = &stage.sandbox;
    let canaries = &accounts.canaries;
    let check = async { search_finds(sandbox, canaries) };
    narrator
        .proof(
            "search_finds",
            "the search finds the applicant where it must: in the own papers",
            check,
        )
        .await;
    let nodes = sandbox.nodes.iter().map(|node| node.folder.clone());
    let check = async { nothing_in(canaries, nodes) };
    narrator
        .proof(
            "registry_knows_nobody",
            "no registry node holds any personal data of the applicant",
            check,
        )
        .await;
    let check = async { describe(&accounts.company_b_before) };
    narrator
        .proof(
            "other_company_knew_nothing",
            "B held nothing while the account was opened at A",
            check,
        )
        .await;
    let check = async { issuer_has_forgotten(sandbox, accounts) };
    narrator
        .proof(
            "issuer_has_forgotten",
            "the consortium holds nothing after the case is closed",
            check,
        )
        .await;
    let check = async { nothing_in(canaries, [sandbox.site.folder.join("logs")]) };
    narrator
        .proof(
            "logs_are_silent",
            "no log of any service names the applicant",
            check,
        )
        .await;
}

/// Reading the log as an outsider.
async fn what_the_ledger_says(narrator: &mut Narrator, stage: &Stage, accounts: &Accounts) {
    let sandbox = &stage.sandbox;
    let check = case_is_closed(stage, &accounts.first.case);
    narrator
        .proof(
            "case_is_closed",
            "the log says: case closed, evidence erased",
            check,
        )
        .await;
    let check = second_without_reviewer(stage, accounts);
    narrator
        .proof(
            "second_without_reviewer",
            "account two took no reviewer's act and no typed data",
            check,
        )
        .await;
    let check = company_blind(stage);
    narrator
        .proof(
            "no_company_on_the_ledger",
            "no company's name or key stands on the application records",
            check,
        )
        .await;
    let check = nothing_lost(sandbox, accounts);
    narrator
        .proof(
            "nothing_lost",
            "no acknowledged record is missing after kill -9",
            check,
        )
        .await;
}

/// What must be refused, by companies that take the same thing unspoiled.
async fn refusals(narrator: &mut Narrator, stage: &Stage) {
    let sandbox = &stage.sandbox;
    let person = Person::from_seed(OTHER_PERSON_SEED);
    let mut holder = None;
    let check = async {
        let obtained = Holder::obtain(
            &sandbox.http,
            &sandbox.site,
            &stage.reviewer,
            &person,
            10,
            3,
        )
        .await?;
        replay(sandbox, holder.insert(obtained)).await
    };
    narrator
        .proof(
            "replay_refused",
            "a presentation made for A is taken by A and refused by B",
            check,
        )
        .await;
    let check = async { altered_image(sandbox, holder.as_mut().context("no other holder")?).await };
    narrator
        .proof(
            "altered_image_refused",
            "an altered document image is refused, the unaltered one taken",
            check,
        )
        .await;
    let check = revoked(stage);
    narrator
        .proof(
            "revoked_refused",
            "a revoked credential is refused at the next presentation",
            check,
        )
        .await;
}

fn search_finds(sandbox: &Sandbox, canaries: &Canaries) -> anyhow::Result<String> {
    let searched = canaries.search(&sandbox.site.folder.join("papers"))?;
    let secrets: std::collections::BTreeSet<_> =
        searched.hits.iter().map(|hit| hit.secret).collect();
    ensure!(
        secrets.len() > 5,
        "only {} of the person's secrets were found in the person's own papers",
        secrets.len()
    );
    Ok(format!(
        "{} secrets found in {} files of the person",
        secrets.len(),
        searched.files
    ))
}

fn issuer_has_forgotten(sandbox: &Sandbox, accounts: &Accounts) -> anyhow::Result<String> {
    let held = accounts.first.evidence_while_open;
    ensure!(
        held > 0,
        "the issuer held no evidence while the case was open either"
    );
    let left = super::evidence_files(&sandbox.site, &accounts.first.case)?;
    ensure!(left == 0, "{left} files of evidence are left");
    let searched = nothing_in(&accounts.canaries, [sandbox.issuer.folder.clone()])?;
    Ok(format!(
        "{held} files of evidence while the case was open, none now; {searched}"
    ))
}

fn nothing_in(
    canaries: &Canaries,
    folders: impl IntoIterator<Item = std::path::PathBuf>,
) -> anyhow::Result<String> {
    let mut all = Searched::default();
    for folder in folders {
        let searched = canaries.search(&folder)?;
        ensure!(searched.files > 0, "{} is empty", folder.display());
        all.files += searched.files;
        all.bytes += searched.bytes;
        all.hits.extend(searched.hits);
    }
    describe(&all)
}

fn describe(searched: &Searched) -> anyhow::Result<String> {
    if let Some(hit) = searched.hits.first() {
        bail!(
            "{} hits; the first: secret {} as {:?} in {}",
            searched.hits.len(),
            hit.secret,
            hit.spelling,
            hit.file.display()
        );
    }
    Ok(format!(
        "{} files, {} KiB searched: nothing",
        searched.files,
        searched.bytes / 1_024
    ))
}

async fn case_is_closed(stage: &Stage, case: &str) -> anyhow::Result<String> {
    use protocol::registry::record::Body;
    let entries = verified_log(&stage.sandbox).await?;
    let mut codes = Vec::new();
    let mut erased = false;
    for entry in &entries {
        match entry.record().body() {
            Body::CaseEvent(event) if event.case.to_string() == case => codes.push(event.code),
            Body::Erasure(erasure) if erasure.case.to_string() == case => erased = true,
            Body::CaseEvent(_)
            | Body::Erasure(_)
            | Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Proposal(_)
            | Body::Approval(_)
            | Body::CaseEventGroup(_) => {}
        }
    }
    ensure!(
        codes.first() == Some(&1) && codes.last() == Some(&6),
        "the case's events are {codes:?}"
    );
    ensure!(erased, "no erasure receipt");
    Ok(format!("events {codes:?}, then the erasure receipt"))
}

/// Between the two looks: no case changed, no staff asked anything, and no case event was recorded.
async fn second_without_reviewer(stage: &Stage, accounts: &Accounts) -> anyhow::Result<String> {
    use protocol::registry::record::Body;
    let (before, after) = (&accounts.second.before, &accounts.second.after);
    ensure!(
        before.cases == after.cases,
        "the consortium's cases changed"
    );
    let requests = after.staff_requests - before.staff_requests;
    ensure!(
        before.staff_requests > 0,
        "the log shows none of the reviewers' acts for the first account either"
    );
    ensure!(
        requests == 0,
        "the consortium's staff made {requests} requests"
    );
    let between = before.records..after.records;
    ensure!(!between.is_empty(), "the second account left no record");
    for entry in verified_log(&stage.sandbox)
        .await?
        .iter()
        .filter(|entry| between.contains(&entry.index()))
    {
        let by_reviewer = matches!(entry.record().body(), Body::CaseEvent(_) | Body::Erasure(_));
        ensure!(!by_reviewer, "record {} is a case event", entry.index());
    }
    Ok(format!(
        "staff requests at the consortium: {} before, none since; no case event among {} new records",
        before.staff_requests,
        between.end - between.start
    ))
}

/// Designations and outcomes are signed by one-time keys; no member's or company's key or name is in them.
async fn company_blind(stage: &Stage) -> anyhow::Result<String> {
    use protocol::registry::record::{Author, Body};
    let genesis = stage.sandbox.site.read_genesis()?;
    let known = ledger::names_and_keys(&genesis);
    let mut authors = std::collections::BTreeSet::new();
    let (mut designations, mut outcomes) = (0, 0);
    for entry in verified_log(&stage.sandbox).await? {
        match entry.record().body() {
            Body::Designation(_) => designations += 1,
            Body::Outcome(_) => outcomes += 1,
            Body::CaseEvent(_)
            | Body::Erasure(_)
            | Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::Proposal(_)
            | Body::Approval(_)
            | Body::CaseEventGroup(_) => continue,
        }
        ensure!(
            !ledger::names_anyone(entry.record(), &known),
            "record {} names a member or a company",
            entry.index()
        );
        let author = match entry.record().author() {
            Author::Ed25519(key) => key.to_vec(),
            Author::P256(key) => key.to_vec(),
        };
        authors.insert(author);
    }
    ensure!(
        designations >= 2 && outcomes >= 4,
        "{designations} designations and {outcomes} outcomes for two accounts"
    );
    Ok(format!(
        "{designations} designations and {outcomes} outcomes by {} one-time keys",
        authors.len()
    ))
}

/// Once more, at the end, on every node.
async fn nothing_lost(sandbox: &Sandbox, accounts: &Accounts) -> anyhow::Result<String> {
    let load = &accounts.load;
    ensure!(
        load.acknowledged_after_kill > 0,
        "nothing was acknowledged after the node was killed"
    );
    load::check_none_missing(sandbox, &load.acknowledged).await?;
    Ok(format!(
        "{} records on each of {} nodes; {} were acknowledged while one was dead",
        load.acknowledged.len(),
        sandbox.nodes.len(),
        load.acknowledged_after_kill
    ))
}

async fn replay(sandbox: &Sandbox, holder: &mut Holder) -> anyhow::Result<String> {
    let (a, b) = (
        sandbox.site.company(COMPANY_A.short)?,
        sandbox.site.company(COMPANY_B.short)?,
    );
    let instance = holder.take_instance()?;
    let to_a = holder.begin(a, "account_opening").await?;
    let presentation = holder
        .prepare(&to_a, &instance, sandbox.site.neutral_node()?)
        .await?;
    let taken = holder.send(&to_a, &presentation).await?;
    ensure!(
        taken.is_accepted(),
        "A refused what was made for it: {} {}",
        taken.status,
        taken.body
    );
    let to_b = holder.begin(b, "account_opening").await?;
    let replayed = holder.send(&to_b, &presentation).await?;
    ensure!(
        !replayed.is_accepted(),
        "B took a presentation that was made for A"
    );
    Ok(format!(
        "A answered {}, B answered {}",
        taken.status, replayed.status
    ))
}

async fn altered_image(sandbox: &Sandbox, holder: &mut Holder) -> anyhow::Result<String> {
    let a = sandbox.site.company(COMPANY_A.short)?;
    let mut statuses = Vec::new();
    for altered in [true, false] {
        let instance = holder.take_instance()?;
        let request = holder.begin(a, "account_opening").await?;
        let mut presentation = holder
            .prepare(&request, &instance, sandbox.site.neutral_node()?)
            .await?;
        if altered {
            presentation.alter_image()?;
        }
        let answered = holder.send(&request, &presentation).await?;
        ensure!(
            answered.is_accepted() != altered,
            "altered: {altered}; A answered {} {}",
            answered.status,
            answered.body
        );
        statuses.push(answered.status.to_string());
    }
    Ok(format!(
        "one bit altered, then unaltered: {}",
        statuses.join(", then ")
    ))
}

/// A third person opens an account at A, is revoked, and tries B. The person of the story keeps a good credential.
async fn revoked(stage: &Stage) -> anyhow::Result<String> {
    let site = &stage.sandbox.site;
    let wallet = stage
        .wallet
        .of_another(site, Person::from_seed(REVOKED_PERSON_SEED));
    let case = journey::become_holder(site, &wallet, &stage.reviewer).await?;
    try_open_account(&wallet, site.company(COMPANY_A.short)?, SPECIFIC_ACCOUNT).await?;
    stage.reviewer.revoke(&case).await?;
    let company = site.company(COMPANY_B.short)?;
    let refused =
        journey::until_refused(|| try_open_account(&wallet, company, SPECIFIC_ACCOUNT)).await?;
    Ok(format!("taken by A before; then {refused}"))
}

async fn receipts_offline(sandbox: &Sandbox) -> anyhow::Result<String> {
    let genesis = std::fs::read(&sandbox.site.genesis)?;
    let node = sandbox.site.neutral_node()?;
    let entries = ledger::fetch_log(&sandbox.http, &node.url, &Genesis::parse(&genesis)?).await?;
    ensure!(!entries.is_empty(), "the ledger is empty");
    // From here on, nothing but the genesis file and what was fetched.
    let verified = ledger::verify_offline(&genesis, &entries)?;
    let mut forged = entries.clone();
    let record = forged
        .last_mut()
        .and_then(|entry| entry.record.last_mut())
        .context("the ledger is empty")?;
    *record ^= 1;
    ensure!(
        ledger::verify_offline(&genesis, &forged).is_err(),
        "a forged record verified"
    );
    Ok(format!(
        "{} receipts; one altered bit in a record, and its receipt fails",
        verified.len()
    ))
}

async fn verified_log(
    sandbox: &Sandbox,
) -> anyhow::Result<Vec<protocol::registry::receipt::VerifiedEntry>> {
    let genesis = std::fs::read(&sandbox.site.genesis)?;
    let node = sandbox.site.neutral_node()?;
    let entries = ledger::fetch_log(&sandbox.http, &node.url, &Genesis::parse(&genesis)?).await?;
    ledger::verify_offline(&genesis, &entries)
}
