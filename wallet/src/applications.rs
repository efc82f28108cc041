//! `tegata applications`: how the applications to the consortium stand.

use protocol::json::{self, Limits};
use protocol::kyc::{CaseState, CaseStatus, CheckState, open_offer};
use serde_json::{Value, json};
use vault::Changes;
use zeroize::Zeroizing;

use crate::case::{Case, CaseStage};
use crate::display::inert;
use crate::failure::{Advise, FailureKind};
use crate::http::{Http, HttpError};
use crate::network::{Network, NetworkError, below};
use crate::report::Report;
use crate::session::{Session, SessionError};

const STATUS_BYTES_MAX: usize = 64 * 1024;

/// Why the applications cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationsError {
    /// The issuer is not known.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No client.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The issuer's answer makes no sense.
    #[error("the issuer's answer cannot be read")]
    Answer,
    /// The offer is not sealed to the key of the application.
    #[error("the offer does not open with the key of the application")]
    Offer,
}

impl Advise for ApplicationsError {
    fn advice(&self) -> String {
        match self {
            Self::Network(error) => error.advice(),
            Self::Http(error) => error.advice(),
            Self::Session(error) => error.advice(),
            Self::Answer | Self::Offer => "ask the consortium about the case".into(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::Http(_) | Self::Answer | Self::Offer => FailureKind::Refused,
        }
    }
}

/// Asks the issuers, and shows what they say. Where one does not answer, what it said last is shown.
pub async fn applications(session: &mut Session) -> Result<Report, ApplicationsError> {
    let network = Network::load(&session.vault)?;
    let http = Http::new()?;
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    for mut case in Case::all(&session.vault)? {
        let name = network
            .issuer(Some(&case.issuer))
            .map_or_else(|_| inert(&case.issuer), |issuer| inert(&issuer.name));
        let CaseStage::Sent { case: id, .. } = case.stage else {
            lines.push(format!(
                "{name}: applied {}; whether it arrived is unknown. Apply again if nothing comes.",
                case.applied_at
            ));
            entries.push(json!({"issuer": case.issuer, "state": "unknown"}));
            continue;
        };
        let status = match status(session, &network, &http, &mut case).await {
            Ok(status) => Some(status),
            Err(ApplicationsError::Http(error)) => {
                lines.push(format!("{name}: {error}; what it said last:"));
                None
            }
            Err(error) => return Err(error),
        };
        let state = last_state(&case);
        lines.push(format!(
            "{name}: case {id}, applied {}: {}",
            case.applied_at,
            words(state)
        ));
        let checks = status.as_ref().map(|status| &status.checks);
        for check in checks.into_iter().flatten() {
            let mark = match check.state {
                CheckState::Completed => "done",
                CheckState::Pending => "open",
            };
            lines.push(format!("  {} {mark}", check.process.name()));
        }
        entries.push(json!({
            "issuer": case.issuer,
            "case": id,
            "state": state,
            "checks": checks,
            "live": status.is_some(),
        }));
    }
    if lines.is_empty() {
        lines.push("No applications. `tegata apply` makes one.".to_owned());
    }
    Ok(Report::new(&lines, json!({"applications": entries})))
}

/// Asks the issuer about a case and keeps the state.
async fn status(
    session: &mut Session,
    network: &Network,
    http: &Http,
    case: &mut Case,
) -> Result<CaseStatus, ApplicationsError> {
    let issuer = network.issuer(Some(&case.issuer))?;
    let CaseStage::Sent {
        case: id,
        token,
        state,
    } = &mut case.stage
    else {
        return Err(ApplicationsError::Answer);
    };
    let url = below(issuer.id.url(), &format!("applications/{id}"));
    let answer = http.get(&url, "application/json", Some(token)).await?;
    let limits = Limits::DEFAULT.with_bytes(STATUS_BYTES_MAX);
    let status: CaseStatus =
        json::parse_as(&answer.body, &limits).map_err(|_| ApplicationsError::Answer)?;
    if *state != status.state {
        *state = status.state;
        let changes = case.put(Changes::new())?;
        session
            .vault
            .commit(&changes, &mut session.rng)
            .map_err(SessionError::Write)?;
    }
    Ok(status)
}

/// The offers that issuers hold ready for applications of this wallet, each with the claims that it must lead to.
pub async fn ready_offers(
    session: &mut Session,
    network: &Network,
    http: &Http,
) -> Result<Vec<ReadyOffer>, ApplicationsError> {
    let mut offers = Vec::new();
    for mut case in Case::all(&session.vault)? {
        let CaseStage::Sent { case: id, .. } = case.stage else {
            continue;
        };
        if matches!(last_state(&case), CaseState::Closed | CaseState::Rejected) {
            continue;
        }
        let status = status(session, network, http, &mut case).await?;
        if let Some(sealed) = status.offer {
            let key = case.reply_key().ok_or(ApplicationsError::Offer)?;
            let link = open_offer(&sealed, &key, id).map_err(|_| ApplicationsError::Offer)?;
            offers.push(ReadyOffer {
                link,
                issuer: case.issuer,
            });
        }
    }
    Ok(offers)
}

/// An offer that an issuer sealed to this wallet.
pub struct ReadyOffer {
    /// The link, which holds the pre-authorised code.
    pub link: Zeroizing<String>,
    /// From whom.
    pub issuer: String,
}

/// What the wallet applied with at this issuer: the claims that a credential of it may have.
pub fn expected_claims(session: &Session, issuer: &str) -> Result<Vec<Value>, SessionError> {
    let cases = Case::all(&session.vault)?;
    let of_issuer = cases.into_iter().filter(|case| case.issuer == issuer);
    Ok(of_issuer.map(|case| case.expected_claims).collect())
}

fn last_state(case: &Case) -> CaseState {
    match &case.stage {
        CaseStage::Sending => CaseState::Received,
        CaseStage::Sent { state, .. } => *state,
    }
}

fn words(state: CaseState) -> &'static str {
    match state {
        CaseState::Received => "received",
        CaseState::UnderReview => "under review",
        CaseState::OfferReady => {
            "ready: wait for the letter with the code, then run `tegata receive`"
        }
        CaseState::Issued => "issued",
        CaseState::Closed => "closed; the consortium has destroyed your documents",
        CaseState::Rejected => "rejected; the consortium has destroyed your documents",
    }
}
