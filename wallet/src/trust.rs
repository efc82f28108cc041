//! `tegata trust`: which consortium the wallet belongs to.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::display::inert;
use crate::failure::{Advise, FailureKind};
use crate::network::{Network, NetworkError, Setting};
use crate::report::Report;
use crate::session::{Session, SessionError};

/// Why the network is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The network is not acceptable.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The wallet cannot be written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for TrustError {
    fn advice(&self) -> String {
        match self {
            Self::File { .. } => "check the name of the file".into(),
            Self::Network(error) => error.advice(),
            Self::Session(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::File { .. } => FailureKind::Usage,
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
        }
    }
}

/// Trusts the network of a genesis file and shows who is in it.
pub fn trust(session: &mut Session, file: &Path, setting: Setting) -> Result<Report, TrustError> {
    let genesis = std::fs::read_to_string(file).map_err(|source| TrustError::File {
        path: file.to_owned(),
        source,
    })?;
    let (network, changes) = Network::trust(&session.vault, &genesis, setting)?;
    session
        .vault
        .commit(&changes, &mut session.rng)
        .map_err(SessionError::Write)?;
    Ok(report(&network))
}

fn report(network: &Network) -> Report {
    let parties = network.parties();
    let mut lines = vec![
        format!(
            "The wallet trusts the network {}.",
            inert(network.genesis().name())
        ),
        format!("Network id: {}", network.id()),
        "Compare this id with the one that the consortium publishes.".to_owned(),
        String::new(),
        "Members:".to_owned(),
    ];
    for member in parties.members() {
        let role = if member.validator {
            "validator"
        } else {
            "observer"
        };
        lines.push(format!("  {} ({role}) {}", inert(&member.name), member.url));
    }
    lines.push("Issuers:".to_owned());
    for issuer in parties.issuers() {
        lines.push(format!("  {} {}", inert(&issuer.name), issuer.id));
    }
    lines.push("Companies:".to_owned());
    for verifier in parties.verifiers() {
        lines.push(format!("  {} {}", inert(&verifier.name), verifier.url));
    }
    if network.setting() == Setting::Development {
        lines.push(String::new());
        lines.push("Development: plain http on this machine is allowed. Never use this wallet for real data.".to_owned());
    }
    let names = |names: Vec<&str>| json!(names);
    let json = json!({
        "network": network.id(),
        "name": network.genesis().name(),
        "members": names(parties.members().iter().map(|member| member.name.as_str()).collect()),
        "issuers": names(parties.issuers().iter().map(|issuer| issuer.id.as_str()).collect()),
        "verifiers": names(parties.verifiers().iter().map(|verifier| verifier.id.as_str()).collect()),
    });
    Report::new(&lines, json)
}
