//! `tegata accounts`: how the applications to companies stand.
//!
//! A company's word counts only where the registry agrees: it hands out what opens its outcome records, and the wallet compares.

use protocol::application::{ApplicationState, ApplicationStatus, OutcomeOpening};
use protocol::registry::ApplicationResult;
use serde_json::{Value, json};
use vault::Changes;

use crate::account::{Account, Delivery, LastKnown};
use crate::display::inert;
use crate::failure::{Advise, FailureKind};
use crate::http::{Http, HttpError};
use crate::network::{Network, NetworkError, own_address};
use crate::registry::{Registry, RegistryError};
use crate::report::Report;
use crate::session::{Session, SessionError};

const JSON: &str = "application/json";
/// How long an outcome may take from the company to the registry.
const AWAITED_SECONDS_MAX: u64 = 3_600;

/// Why the accounts cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The network cannot be read.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No client.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for AccountsError {
    fn advice(&self) -> String {
        match self {
            Self::Network(error) => error.advice(),
            Self::Http(error) => error.advice(),
            Self::Session(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::Http(_) => FailureKind::Refused,
        }
    }
}

/// Why the state of one application is not known.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("the company gave no access to the application")]
    NoAccess,
    #[error("the company does not say how it stands")]
    Company(#[source] HttpError),
    #[error("the company's answer cannot be read")]
    Answer,
    #[error("the company is not a party of the trusted network")]
    Stranger(#[source] NetworkError),
    #[error("the registry does not say how it stands")]
    Registry(#[source] RegistryError),
    #[error("the company says something that the registry does not hold")]
    Contradiction,
    #[error("the registry does not hold yet what the company says: {}", words(*.0))]
    Awaited(ApplicationState),
}

impl Unknown {
    /// What the registry says of it, in a word.
    const fn of_registry(&self) -> &'static str {
        match self {
            Self::Contradiction => "contradicted",
            Self::Awaited(_) => "awaited",
            Self::NoAccess
            | Self::Company(_)
            | Self::Answer
            | Self::Stranger(_)
            | Self::Registry(_) => "unknown",
        }
    }

    /// Whether the company showed that it has the application.
    const fn company_spoke(&self) -> bool {
        match self {
            Self::Contradiction | Self::Awaited(_) | Self::Registry(_) => true,
            Self::NoAccess | Self::Company(_) | Self::Answer | Self::Stranger(_) => false,
        }
    }
}

/// How far the registry confirms what the company says.
enum Confirmed {
    /// The outcome records are those that the company opens.
    ByRegistry(LastKnown),
    /// The company names a state that leaves no record.
    ByCompanyAlone(ApplicationState),
}

/// Asks every company and the registry.
pub async fn accounts(session: &mut Session) -> Result<Report, AccountsError> {
    let network = Network::load(&session.vault)?;
    let http = Http::new()?;
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    for mut account in Account::all(&session.vault)? {
        let answer = ask(session, &network, &http, &account).await;
        let spoke = Unknown::company_spoke;
        if account.delivery == Delivery::Sent && answer.as_ref().err().is_none_or(spoke) {
            account.delivery = Delivery::Arrived;
            keep(session, &account)?;
        }
        let (state, registry, note) = match answer {
            Ok(Confirmed::ByRegistry(last)) => {
                let state = last.state;
                account.last = Some(last);
                keep(session, &account)?;
                (
                    Some(state),
                    "confirmed",
                    "confirmed by the registry".to_owned(),
                )
            }
            Ok(Confirmed::ByCompanyAlone(state)) => (
                Some(state),
                "none",
                "the registry holds no outcome".to_owned(),
            ),
            Err(error) => {
                let last = account.last.as_ref();
                let at = last
                    .map(|last| format!("; known since {}", last.at))
                    .unwrap_or_default();
                let sent = match account.delivery {
                    Delivery::Sent => "sent, and the company's answer was lost: ",
                    Delivery::Arrived => "",
                };
                (
                    last.map(|last| last.state),
                    error.of_registry(),
                    format!("{sent}{error}{at}"),
                )
            }
        };
        let name = network.verifier(&account.verifier).map_or_else(
            |_| inert(&account.verifier),
            |verifier| inert(&verifier.name),
        );
        let word = state.map_or("unknown", words);
        lines.push(format!("{name}: {word} ({note})"));
        lines.push(format!(
            "  applied {} for {}, application {}",
            account.applied_at,
            inert(&account.purpose),
            account.application
        ));
        entries.push(entry(&account, &name, state, registry));
    }
    if lines.is_empty() {
        lines.push("No accounts. `tegata open URL` opens one.".to_owned());
    }
    Ok(Report::new(&lines, json!({"accounts": entries})))
}

fn keep(session: &mut Session, account: &Account) -> Result<(), SessionError> {
    let changes = account.put(Changes::new())?;
    session
        .vault
        .commit(&changes, &mut session.rng)
        .map_err(SessionError::Write)?;
    Ok(())
}

fn entry(account: &Account, name: &str, state: Option<ApplicationState>, registry: &str) -> Value {
    json!({
        "company": account.verifier,
        "name": name,
        "application": account.application,
        "purpose": account.purpose,
        "applied_at": account.applied_at.to_string(),
        "state": state,
        "registry": registry,
        "designation_index": account.designation,
        "delivery": account.delivery,
    })
}

async fn ask(
    session: &mut Session,
    network: &Network,
    http: &Http,
    account: &Account,
) -> Result<Confirmed, Unknown> {
    let access = account.access.as_ref().ok_or(Unknown::NoAccess)?;
    let verifier = network
        .verifier(&account.verifier)
        .map_err(Unknown::Stranger)?;
    let url = own_address(
        &verifier.name,
        verifier.url.url(),
        access.status_url.as_str(),
    )
    .map_err(Unknown::Stranger)?;
    let answer = http
        .get(&url, JSON, Some(&access.token))
        .await
        .map_err(Unknown::Company)?;
    let status = ApplicationStatus::parse(&answer.body).map_err(|_| Unknown::Answer)?;
    if status.openings.is_empty() {
        return Ok(Confirmed::ByCompanyAlone(status.state));
    }
    let registry = Registry::open(session, network).map_err(Unknown::Registry)?;
    let outcomes = registry
        .outcomes(account.application)
        .await
        .map_err(Unknown::Registry)?;
    let key = account.outcome_key().ok_or(Unknown::Contradiction)?;
    let all_open = outcomes.len() <= status.openings.len()
        && outcomes
            .iter()
            .zip(&status.openings)
            .all(|(entry, opening)| opening.verify(entry, account.application, &key).is_ok());
    let last = status
        .openings
        .last()
        .map(|opening: &OutcomeOpening| opening.result);
    if !all_open || last.map(state_of) != Some(status.state) {
        return Err(Unknown::Contradiction);
    }
    if let Some(missing) = status.openings.get(outcomes.len()) {
        // Outcomes wait for their slot; one that waits for ever was never sent.
        return Err(
            match missing.time.plus_seconds(AWAITED_SECONDS_MAX) < session.clock.now() {
                true => Unknown::Contradiction,
                false => Unknown::Awaited(status.state),
            },
        );
    }
    Ok(Confirmed::ByRegistry(LastKnown {
        state: status.state,
        openings: status.openings,
        at: session.clock.now(),
    }))
}

fn state_of(result: ApplicationResult) -> ApplicationState {
    match result {
        ApplicationResult::Received => ApplicationState::Received,
        ApplicationResult::Opened => ApplicationState::Opened,
        ApplicationResult::Declined => ApplicationState::Declined,
    }
}

fn words(state: ApplicationState) -> &'static str {
    match state {
        ApplicationState::Received => "received, the company is deciding",
        ApplicationState::Opened => "account open",
        ApplicationState::Declined => "declined",
    }
}
