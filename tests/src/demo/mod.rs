//! `cargo demo`: both journeys, told while they happen, and the proofs at the end.

pub mod narrator;
mod proofs;
pub mod report;
mod stage;

use std::path::Path;

use narrator::{Facts, Narrator, Voice, facts_of, spoken};
use report::{Part, Report};

use crate::canary::Canaries;
use crate::journey::{self, SPECIFIC_ACCOUNT};
use crate::load;
use crate::sandbox::staff::Staff;
use crate::sandbox::{COMPANY_A, COMPANY_B, Party, Programs, Sandbox, Site, Wallet};
pub use stage::Stage;
use stage::{Accounts, Consortium, SecondAccount};

/// The person of the demo.
const PERSON_SEED: u64 = 3;
/// Records of the load step.
const LOAD_RECORDS: usize = 300;

/// Plays everything in an empty folder. The sandbox is given back, still up, however the story ended.
pub async fn play(folder: &Path, programs: &Programs, voice: Voice) -> (Report, Option<Stage>) {
    let mut narrator = Narrator::new(voice);
    narrator.say("\n  手形  Tegata: checked once, honoured at every gate");
    let mut stage = None;
    let played = tell(&mut narrator, folder, programs, &mut stage).await;
    if let Err(error) = &played {
        narrator.say(&format!("\n  The demo ended early: {error:#}"));
    }
    (narrator.finish(played.err().as_ref()), stage)
}

async fn tell(
    narrator: &mut Narrator,
    folder: &Path,
    programs: &Programs,
    kept: &mut Option<Stage>,
) -> anyhow::Result<()> {
    let stage = kept.insert(raise_consortium(narrator, folder, programs).await?);
    let first = first_account(narrator, stage).await?;
    // At this moment B has not heard of the applicant, and the case is closed.
    let canaries = Canaries::new(
        &stage.wallet.person.secrets(),
        &[stage.wallet.person.licence_png()?],
    );
    let untouched = canaries.search(&stage.sandbox.site.company(COMPANY_B.short)?.folder)?;
    let second = second_account(narrator, stage).await?;
    let loaded = load_with_a_power_cut(narrator, stage).await?;
    let accounts = Accounts {
        first,
        second,
        canaries,
        company_b_before: untouched,
        load: loaded,
    };
    narrator.chapter("証", "Proofs: each is a check that can fail");
    proofs::all(narrator, stage, &accounts).await;
    Ok(())
}

async fn raise_consortium(
    narrator: &mut Narrator,
    folder: &Path,
    programs: &Programs,
) -> anyhow::Result<Stage> {
    narrator.chapter("序", "The consortium, on this machine");
    let mut sandbox = narrator
        .step(
            Part::Consortium,
            "setup",
            "keys, certificates, genesis file: everyone runs `setup`",
            async { Ok((Sandbox::set_up(folder, programs).await?, Facts::none())) },
        )
        .await?;
    narrator
        .step(
            Part::Consortium,
            "registry",
            "four registry nodes agree under Byzantine consensus",
            async {
                sandbox.start_nodes().await?;
                Ok(((), Facts::none().and("nodes", sandbox.nodes.len())))
            },
        )
        .await?;
    let (a, b) = (COMPANY_A.name, COMPANY_B.name);
    let title = format!("the issuer, {a} (A) and {b} (B)");
    narrator
        .step(Part::Consortium, "roles", &title, async {
            sandbox.start_roles().await?;
            Ok(((), Facts::none()))
        })
        .await?;
    narrator
        .step(
            Part::Consortium,
            "staff",
            "staff log in: one reviewer, one clerk at each company",
            async {
                Ok((
                    Stage::new(sandbox, programs, PERSON_SEED).await?,
                    Facts::none(),
                ))
            },
        )
        .await
}

async fn first_account(
    narrator: &mut Narrator,
    stage: &mut Stage,
) -> anyhow::Result<stage::Account> {
    let person = stage.wallet.person.full_name();
    narrator.chapter(
        "一",
        &format!("First account: {person} at {}", COMPANY_A.name),
    );
    let (case, evidence_while_open) = be_checked(narrator, stage).await?;
    let company = stage.sandbox.site.company(COMPANY_A.short)?;
    let part = Part::FirstAccount;
    open_account(narrator, part, &stage.wallet, company, &stage.clerk_a).await?;
    narrator.say(&format!(
        "\n        First account open after {}.",
        spoken(narrator.part_ms(part))
    ));
    Ok(stage::Account {
        case,
        evidence_while_open,
    })
}

/// Wallet, application, checks, letter, credentials. Gives the case, and how much evidence the issuer held of it.
async fn be_checked(narrator: &mut Narrator, stage: &Stage) -> anyhow::Result<(String, usize)> {
    let part = Part::FirstAccount;
    let Stage {
        sandbox,
        wallet,
        reviewer,
        ..
    } = stage;
    let title = "a wallet is made and trusts the network's genesis file";
    let act = async {
        journey::make_wallet(&sandbox.site, wallet).await?;
        Ok(((), Facts::none()))
    };
    narrator.step(part, "wallet", title, act).await?;
    let title = "form and licence go to the reviewers, sealed to their key";
    let act = async {
        let case = journey::apply(&sandbox.site, wallet).await?;
        let facts = Facts::none().and("case", case.as_str());
        Ok((case, facts))
    };
    let case = narrator.step(part, "apply", title, act).await?;
    let evidence = evidence_files(&sandbox.site, &case)?;
    let title = "reviewers pass document, name and anti-social-forces checks";
    let act = async {
        journey::review(reviewer, &case).await?;
        Ok(((), Facts::none()))
    };
    narrator.step(part, "review", title, act).await?;
    let title = "the offer is made; its code goes into a letter (転送不要)";
    let act = async { Ok((reviewer.make_offer(&case).await?, Facts::none())) };
    let offer = narrator.step(part, "offer", title, act).await?;
    let title = "the code confirms the residence; the wallet receives credentials";
    let act = async {
        let received = journey::receive(wallet, &offer).await?;
        Ok(((), facts_of(&received)))
    };
    narrator.step(part, "receive", title, act).await?;
    Ok((case, evidence))
}

/// How many files the issuer holds whose name begins with a case.
fn evidence_files(site: &Site, case: &str) -> anyhow::Result<usize> {
    let mut count = 0;
    let mut folders = vec![site.issuer.folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with(case) {
                count += 1;
            }
        }
    }
    Ok(count)
}

/// One command of the wallet, one decision of the company, and the wallet sees it.
async fn open_account(
    narrator: &mut Narrator,
    part: Part,
    wallet: &Wallet,
    company: &Party,
    clerk: &Staff,
) -> anyhow::Result<()> {
    let name = company.short.to_uppercase();
    let title = format!("tegata open: consent recorded, data sent to {name} alone");
    let act = async {
        let application = journey::open_account(wallet, company, SPECIFIC_ACCOUNT).await?;
        let facts = Facts::none().and("application", application.as_str());
        Ok((application, facts))
    };
    let application = narrator.step(part, "open", &title, act).await?;
    let title = format!("the clerk at {name} reads what was verified, and opens the account");
    let act = async {
        journey::decide(clerk, &application).await?;
        Ok(((), Facts::none()))
    };
    narrator.step(part, "decide", &title, act).await?;
    let title = format!("the wallet sees it: from {name} and on the registry");
    let act = async {
        let account = journey::wait_for_state(wallet, &application, "opened").await?;
        Ok(((), facts_of(&account)))
    };
    narrator.step(part, "outcome", &title, act).await
}

async fn second_account(
    narrator: &mut Narrator,
    stage: &mut Stage,
) -> anyhow::Result<SecondAccount> {
    narrator.chapter(
        "二",
        &format!("Second account: the same papers at {}", COMPANY_B.name),
    );
    let part = Part::SecondAccount;
    let site = &stage.sandbox.site;
    let before = Consortium::look(stage).await?;
    open_account(
        narrator,
        part,
        &stage.wallet,
        site.company(COMPANY_B.short)?,
        &stage.clerk_b,
    )
    .await?;
    let after = Consortium::look(stage).await?;
    let (first, second) = (narrator.part_ms(Part::FirstAccount), narrator.part_ms(part));
    narrator.say(&format!(
        "\n        Second account open after {}; the first took {}.",
        spoken(second),
        spoken(first)
    ));
    Ok(SecondAccount { before, after })
}

async fn load_with_a_power_cut(
    narrator: &mut Narrator,
    stage: &mut Stage,
) -> anyhow::Result<load::LoadResult> {
    narrator.chapter("波", "Under load, one node loses power");
    let sandbox = &mut stage.sandbox;
    let title = format!("{LOAD_RECORDS} records; kill -9 of C's node after a third of them");
    let result = narrator
        .step(Part::Load, "load", &title, async {
            let result = load::run(sandbox, LOAD_RECORDS).await?;
            let facts = Facts::none()
                .and("acknowledged", result.acknowledged.len())
                .and("acknowledged_after_kill", result.acknowledged_after_kill)
                .and("records_per_second", result.records_per_second)
                .and("caught_up_ms", result.caught_up_ms);
            Ok((result, facts))
        })
        .await?;
    narrator.say(&format!(
        "\n        {} acknowledged, {} of them without C; {} records/s; C caught up {} after it came back.",
        result.acknowledged.len(),
        result.acknowledged_after_kill,
        result.records_per_second,
        spoken(result.caught_up_ms)
    ));
    Ok(result)
}
