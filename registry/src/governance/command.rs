//! The commands: read, show, ask, sign, send, tell.

use super::{
    arguments::{
        ApproveArguments, ChangeArguments, Connection, Decision, KeyArguments, KeyCommand,
        PartiesArguments, ProposalsArguments, ProposeArguments, ShowArguments,
    },
    change::change,
    failure::{GovernanceError, short},
    forecast::Forecast,
    keys,
    ledger::{Ledger, read_genesis},
    plain::{Page, count, list, plain},
    preview,
    question::{Question, asked, warn},
    view::{Proposed, Standing, View},
};
use protocol::{
    Timestamp,
    identity::SigningKey,
    registry::{
        Member, RecordId, ServiceUrl,
        governance::Change,
        record::{Approval, Body, Proposal, Record},
    },
};
use rand_core::CryptoRng;
use service::client::{Outbound, Reach};

const DAY: u64 = 24 * 60 * 60;

/// Proposes a change.
///
/// # Errors
///
/// Fails if the change cannot be made, the officer declines, or the ledger refuses it.
pub async fn propose(arguments: &ProposeArguments, now: Timestamp) -> Result<(), GovernanceError> {
    let decision = &arguments.decision;
    let ledger = connect(&arguments.connection)?;
    let key = key_of(decision)?;
    // Until midnight: the same command on the same day makes the same record.
    let days = u64::from(arguments.days);
    let expires = Timestamp::from_unix((now.as_unix() / DAY + 1 + days) * DAY - 1);
    let question = async || {
        let view = ledger.view(now, None).await?;
        let proposer = proposer(&view, key.as_ref(), decision)?;
        let question = proposal(&ledger, &view, proposer, arguments, (now, expires))?;
        Ok((question, view))
    };
    let what = "Sign and send this proposal?";
    let Some((asked, view)) = asked(decision, what, question).await? else {
        return Ok(());
    };
    let body = Body::Proposal(Box::new(Proposal {
        activation_height: arguments.from_height.unwrap_or(0),
        expires,
        change: asked.forecast.change,
    }));
    let record = signed(&ledger, body, key.as_ref())?;
    let entry = ledger.submit(&record, &view.committees).await?;
    println!("proposal {} stands at index {}", record.id(), entry.index());
    outcome(&ledger, &record.id().to_string(), now).await
}

fn proposal(
    ledger: &Ledger,
    view: &View,
    proposer: Option<&Member>,
    arguments: &ProposeArguments,
    (now, expires): (Timestamp, Timestamp),
) -> Result<Question, GovernanceError> {
    let wished = arguments.from_height.unwrap_or(0);
    let change = wanted(&arguments.change, view, wished)?;
    if let Some(same) = view.waiting(&change, now) {
        return Err(GovernanceError::Proposed(same.id));
    }
    let forecast = Forecast::of(view, &change, wished).map_err(GovernanceError::Unfit)?;
    let mut page = Page::default();
    preview::heading(&mut page, ledger.genesis(), view);
    page.heading(&format!(
        "PROPOSAL  {}",
        preview::title(&change, &forecast.before)
    ));
    let quorum = view.trusted.parties().quorum();
    let by = match proposer {
        Some(member) => format!(
            "By {}, whose approval it is. {}, until {expires}.",
            plain(&member.name),
            needed(quorum, 1)
        ),
        None => format!("{}, until {expires}.", needed(quorum, 0)),
    };
    page.bullet("", &by);
    preview::forecast(&mut page, view, &forecast);
    if let ChangeArguments::RotateKeys(rotation) = &arguments.change
        && rotation.compromised
    {
        page.heading("Until then");
        for line in preview::compromise(rotation, &format!("height {}", forecast.timing.effect)) {
            page.bullet("*", &line);
        }
    }
    let mut warnings = preview::warnings(view, &forecast, now);
    warnings.extend(about_oneself(&change, proposer));
    Ok(Question::of(page, warnings, forecast, 0))
}

/// Approves a proposal.
///
/// # Errors
///
/// Fails if it does not wait, the officer declines, or the ledger refuses the approval.
pub async fn approve(arguments: &ApproveArguments, now: Timestamp) -> Result<(), GovernanceError> {
    let decision = &arguments.decision;
    let ledger = connect(&arguments.connection)?;
    let key = key_of(decision)?;
    let also: Option<RecordId> = arguments.proposal.parse().ok();
    let question = async || {
        let view = ledger.view(now, also.as_ref()).await?;
        let member = proposer(&view, key.as_ref(), decision)?;
        let proposed = view.proposal(&arguments.proposal)?;
        let question = approval(&ledger, &view, proposed, member, now)?;
        Ok((question, view))
    };
    let what = "Sign and send this approval?";
    let Some((_, view)) = asked(decision, what, question).await? else {
        return Ok(());
    };
    let proposal = view.proposal(&arguments.proposal)?.id;
    let record = signed(&ledger, Body::Approval(Approval { proposal }), key.as_ref())?;
    let entry = ledger.submit(&record, &view.committees).await?;
    println!("approval stands at index {}", entry.index());
    outcome(&ledger, &proposal.to_string(), now).await
}

fn approval(
    ledger: &Ledger,
    view: &View,
    proposed: &Proposed,
    member: Option<&Member>,
    now: Timestamp,
) -> Result<Question, GovernanceError> {
    let (id, parties) = (proposed.id, view.trusted.parties());
    let agreed: Vec<&Member> = proposed.approvers(parties).collect();
    match view.standing(proposed, now) {
        Standing::Waits => {}
        Standing::Overtaken => return Err(GovernanceError::Overtaken(id)),
        Standing::Lapsed => {
            let expired = proposed.proposal.expires.to_string();
            let approvals = format!("{} of {} approvals", agreed.len(), parties.quorum());
            return Err(GovernanceError::Lapsed(id, expired, approvals));
        }
        Standing::Decided(_) | Standing::Holds(_) => return Err(GovernanceError::Adopted(id)),
    }
    if let Some(member) = member.filter(|member| agreed.contains(member)) {
        let name = member.name.clone();
        return Err(if view.is_short_of_a_word(proposed) {
            GovernanceError::Enough(id, name)
        } else {
            GovernanceError::Approved(id, name)
        });
    }
    let change = &proposed.proposal.change;
    let forecast = Forecast::of(view, change, proposed.proposal.activation_height);
    let forecast = forecast.map_err(|error| GovernanceError::Outdated(id, error))?;

    let mut page = Page::default();
    preview::heading(&mut page, ledger.genesis(), view);
    page.heading(&format!(
        "APPROVAL  of proposal {}: {}",
        short(&id),
        preview::title(change, &forecast.before)
    ));
    let decides = agreed.len() + 1 >= parties.quorum();
    if decides && member.is_some() {
        page.bullet("", "This approval DECIDES: the change is adopted with it and cannot be taken back but by another change.");
    }
    preview::approvals(&mut page, parties, proposed);
    page.row("until", proposed.proposal.expires);
    preview::forecast(&mut page, view, &forecast);
    let mut warnings = preview::warnings(view, &forecast, now);
    warnings.extend(about_oneself(change, member));
    Ok(Question::of(page, warnings, forecast, agreed.len()))
}

/// Lists proposals.
///
/// # Errors
///
/// Fails if the node does not show the ledger.
pub async fn proposals(
    arguments: &ProposalsArguments,
    now: Timestamp,
) -> Result<(), GovernanceError> {
    let ledger = connect(&arguments.connection)?;
    let view = ledger.view(now, None).await?;
    let mut page = Page::default();
    preview::heading(&mut page, ledger.genesis(), &view);
    let wanted = |proposed: &&Proposed| match view.standing(proposed, now) {
        Standing::Waits | Standing::Overtaken | Standing::Decided(_) => true,
        Standing::Lapsed | Standing::Holds(_) => arguments.all,
    };
    let listed: Vec<&Proposed> = view.proposals.iter().filter(wanted).collect();
    if listed.is_empty() {
        page.heading("Nothing waits for approvals, and no decided change is still to come.");
    }
    for proposed in listed {
        let parties = view.trusted.parties();
        page.heading(&format!(
            "{}  {}",
            short(&proposed.id),
            preview::title(&proposed.proposal.change, parties)
        ));
        page.bullet("", &preview::standing(&view, proposed, now));
        if proposed.adopted.is_none() {
            let agreed = proposed.approvers(parties);
            page.bullet(
                "",
                &format!("agreed: {}", list(agreed.map(|member| &member.name))),
            );
        }
    }
    print!("{}", page.into_text());
    Ok(())
}

/// Shows a proposal.
///
/// # Errors
///
/// Fails if there is none, or the node does not show the ledger.
pub async fn show(arguments: &ShowArguments, now: Timestamp) -> Result<(), GovernanceError> {
    let ledger = connect(&arguments.connection)?;
    let view = ledger
        .view(now, arguments.proposal.parse().ok().as_ref())
        .await?;
    let proposed = view.proposal(&arguments.proposal)?;
    let (parties, change) = (view.trusted.parties(), &proposed.proposal.change);
    let mut page = Page::default();
    preview::heading(&mut page, ledger.genesis(), &view);
    page.heading(&format!("PROPOSAL  {}", preview::title(change, parties)));
    page.row("id", proposed.id);
    page.row("stands at", format!("index {}", proposed.index));
    page.row("how it stands", preview::standing(&view, proposed, now));
    let mut warnings = Vec::new();
    match view.standing(proposed, now) {
        Standing::Waits => {
            preview::approvals(&mut page, parties, proposed);
            match Forecast::of(&view, change, proposed.proposal.activation_height) {
                Ok(forecast) => {
                    preview::forecast(&mut page, &view, &forecast);
                    warnings = preview::warnings(&view, &forecast, now);
                }
                Err(error) => warnings.push(format!(
                    "It cannot be made any more: {}.",
                    super::failure::reason(&error)
                )),
            }
        }
        Standing::Overtaken | Standing::Lapsed | Standing::Holds(_) => {
            super::describe::content(&mut page, change, parties)
        }
        Standing::Decided(adoption) => {
            super::describe::content(&mut page, change, parties);
            if let Ok(then) = view.parties_at(adoption.effect)
                && change.is_of_membership()
            {
                super::describe::strength(&mut page, parties, &then);
            }
        }
    }
    warn(&mut page, &warnings);
    print!("{}", page.into_text());
    Ok(())
}

/// Shows who takes part.
///
/// # Errors
///
/// Fails if the node does not show the ledger.
pub async fn parties(arguments: &PartiesArguments, now: Timestamp) -> Result<(), GovernanceError> {
    let ledger = connect(&arguments.connection)?;
    let view = ledger.view(now, None).await?;
    let mut page = Page::default();
    preview::heading(&mut page, ledger.genesis(), &view);
    preview::parties(&mut page, &view);
    print!("{}", page.into_text());
    Ok(())
}

/// Makes and shows keys.
///
/// # Errors
///
/// Fails if a file cannot be read or written.
pub fn key(arguments: &KeyArguments, rng: &mut impl CryptoRng) -> Result<(), GovernanceError> {
    match &arguments.command {
        KeyCommand::New { file } => print!("{}", keys::make(file, rng)?),
        KeyCommand::Show { files } => {
            for file in files {
                print!("{}", keys::tell(file)?);
            }
        }
    }
    Ok(())
}

fn connect(connection: &Connection) -> Result<Ledger, GovernanceError> {
    let genesis = read_genesis(&connection.genesis)?;
    let node = match &connection.node {
        Some(url) => ServiceUrl::try_from(url.clone())
            .map_err(|_cause| GovernanceError::Argument("--node", "an http or https address"))?,
        None => {
            let first = genesis.parties().members().first();
            first
                .map(|member| member.url.clone())
                .ok_or(GovernanceError::Argument("--node", "given"))?
        }
    };
    let reach = Reach::from_development_setting(connection.development_loopback_http);
    let http = Outbound::new(reach, connection.certificates.as_deref());
    let http =
        http.map_err(|error| GovernanceError::Unreachable(node.as_str().to_owned(), error.into()))?;
    Ok(Ledger {
        genesis,
        http,
        node,
    })
}

/// The key that decides; without one there can still be a dry run.
fn key_of(decision: &Decision) -> Result<Option<SigningKey>, GovernanceError> {
    if decision.dry_run && !decision.key.exists() {
        return Ok(None);
    }
    keys::read(&decision.key).map(Some)
}

fn proposer<'v>(
    view: &'v View,
    key: Option<&SigningKey>,
    decision: &Decision,
) -> Result<Option<&'v Member>, GovernanceError> {
    key.map(|key| keys::decider(view, key, &decision.key))
        .transpose()
}

/// The change, built from the parties where it can take effect.
fn wanted(
    arguments: &ChangeArguments,
    view: &View,
    wished: u64,
) -> Result<Change, GovernanceError> {
    let next = view.height.saturating_add(1);
    let from = match view.trusted.epochs().effect_of_membership(next, wished) {
        _ if !arguments.is_of_membership() => wished.max(next.saturating_add(1)),
        effect => effect,
    };
    let parties = view.parties_at(from).map_err(GovernanceError::Unfit)?;
    change(arguments, &parties)
}

fn needed(quorum: usize, agreed: usize) -> String {
    match quorum.saturating_sub(agreed) {
        0 => "No other approval is needed: it is decided at once".to_owned(),
        more if agreed > 0 => format!(
            "{} of other members must follow",
            count(more, "approval", "approvals")
        ),
        more => format!("It needs {}", count(more, "approval", "approvals")),
    }
}

fn about_oneself(change: &Change, member: Option<&Member>) -> Option<String> {
    let member = member?;
    let own = match change {
        Change::RemoveMember { name } | Change::SuspendMember { name } => *name == member.name,
        Change::UpdateMember { member: new } => {
            new.name == member.name && new.governance_key != member.governance_key
        }
        Change::AdmitMember { .. }
        | Change::ReinstateMember { .. }
        | Change::RegisterIssuer { .. }
        | Change::RetireIssuer { .. }
        | Change::RegisterVerifier { .. }
        | Change::RetireVerifier { .. }
        | Change::PublishDefinition { .. } => false,
    };
    own.then(|| "It is about this member itself: the key that signs here decides nothing any more when it holds.".to_owned())
}

fn signed(
    ledger: &Ledger,
    body: Body,
    key: Option<&SigningKey>,
) -> Result<Record, GovernanceError> {
    let key = key.ok_or(GovernanceError::Declined)?;
    Ok(Record::sign(ledger.genesis().network(), body, key))
}

/// Tells how a proposal stands after this member's word.
async fn outcome(ledger: &Ledger, id: &str, now: Timestamp) -> Result<(), GovernanceError> {
    let view = ledger.view(now, id.parse().ok().as_ref()).await?;
    let proposed = view.proposal(id)?;
    println!("{}", preview::standing(&view, proposed, now));
    if proposed.adopted.is_none() {
        println!(
            "The other members' officers look at it and approve it with: tegata-registry approve {}",
            short(&proposed.id)
        );
    }
    Ok(())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What is printed when a command fails: what happened, with its causes, and what to do.
#[must_use]
pub fn failure(error: &GovernanceError) -> String {
    format!("error: {}\nhint: {}", causes(error), error.advice())
}
