//! `tegata-registry audit` and `tegata-registry evidence verify`.

use super::{AuditError, Auditor, Node, Report, Round, Source};
use anyhow::Context as _;
use protocol::{
    Timestamp,
    registry::{
        Genesis, ServiceUrl,
        checkpoint::{EVIDENCE_BYTES_MAX, UnverifiedEvidence},
    },
};
use service::client::{Outbound, Reach};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Rounds in which the audited node may be silent before a watch gives up.
const SILENT_ROUNDS_MAX: u32 = 10;

/// What is audited, and how it is told.
#[derive(clap::Args)]
pub struct AuditArguments {
    /// The genesis file: all that is trusted.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The node whose log is executed again; the first member's if there is none.
    #[arg(long, conflicts_with = "folder")]
    pub node: Option<String>,
    /// A folder with a node's checkpoint and tiles, in place of a node.
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// Do not ask the members' nodes for what they show.
    #[arg(long)]
    pub alone: bool,
    /// Certificate authorities of the nodes, PEM; the system's if there are none.
    #[arg(long)]
    pub certificates: Option<PathBuf>,
    /// Plain HTTP on loopback, for one machine.
    #[arg(long)]
    pub development_loopback_http: bool,
    /// The report as JSON, one line a round.
    #[arg(long)]
    pub json: bool,
    /// Audit again after this many seconds, for ever; ends with an alarm when something is wrong.
    #[arg(long)]
    pub watch: Option<u64>,
    /// Where evidence against members is written.
    #[arg(long, default_value = ".")]
    pub evidence: PathBuf,
}

/// A piece of evidence to check.
#[derive(clap::Args)]
pub struct EvidenceArguments {
    /// The genesis file: all that is trusted.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The evidence.
    pub file: PathBuf,
}

/// Audits until there is an answer; whether nothing is wrong.
///
/// # Errors
///
/// Fails if there is nothing to audit: a file or the audited node cannot be read.
pub async fn run(arguments: &AuditArguments) -> anyhow::Result<bool> {
    let genesis = Arc::new(read_genesis(&arguments.genesis)?);
    let nodes = nodes(arguments, &genesis)?;
    let mut auditor = Auditor::new(genesis);
    let mut silent = 0;
    loop {
        match auditor.round(&nodes, &mut service::random::os()).await {
            Ok(round) => {
                silent = 0;
                tell(arguments, &round)?;
                if !round.report.is_clean() {
                    return Ok(false);
                }
            }
            Err(error @ AuditError::Unreachable { .. })
                if arguments.watch.is_some() && silent < SILENT_ROUNDS_MAX =>
            {
                silent += 1;
                eprintln!("tegata-registry: {:#}", anyhow::Error::from(error));
            }
            Err(error) => return Err(error.into()),
        }
        let Some(seconds) = arguments.watch else {
            return Ok(true);
        };
        tokio::time::sleep(Duration::from_secs(seconds.max(1))).await;
    }
}

/// Says which members signed both ledgers of a piece of evidence.
///
/// # Errors
///
/// Fails unless the evidence shows it.
pub fn verify_evidence(arguments: &EvidenceArguments) -> anyhow::Result<String> {
    let genesis = read_genesis(&arguments.genesis)?;
    let file = std::fs::File::open(&arguments.file)
        .with_context(|| format!("reading {}", arguments.file.display()))?;
    let mut text = Vec::new();
    std::io::Read::read_to_end(
        &mut std::io::Read::take(file, EVIDENCE_BYTES_MAX as u64 + 1),
        &mut text,
    )?;
    let shown = UnverifiedEvidence::parse(&text)?.verify(genesis.committees())?;
    let ledgers = [shown.first, shown.second].map(|checkpoint| {
        format!(
            "  {} records, root {}, height {}\n",
            checkpoint.size, checkpoint.root, checkpoint.height
        )
    });
    Ok(format!(
        "signed both of two ledgers that cannot both be true: {}\n{}",
        shown.members.join(", "),
        ledgers.concat()
    ))
}

fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    let file = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Genesis::parse(&file).with_context(|| format!("reading {}", path.display()))
}

/// The audited node first, then the members' other nodes.
fn nodes(arguments: &AuditArguments, genesis: &Genesis) -> anyhow::Result<Vec<Node>> {
    let reach = Reach::from_development_setting(arguments.development_loopback_http);
    let http = Outbound::new(reach, arguments.certificates.as_deref())?;
    let at = |url: ServiceUrl| Source::Node {
        http: http.clone(),
        url,
    };
    let mut nodes = Vec::new();
    let audited: Option<ServiceUrl> = match &arguments.node {
        Some(url) => Some(url.clone().try_into().context("--node")?),
        None => None,
    };
    if let Some(url) = &audited {
        nodes.push(Node {
            name: url.as_str().to_owned(),
            source: at(url.clone()),
        });
    }
    if let Some(folder) = &arguments.folder {
        nodes.push(Node {
            name: folder.display().to_string(),
            source: Source::Folder(folder.clone()),
        });
    }
    for member in genesis.parties().members() {
        if audited
            .as_ref()
            .is_some_and(|url| url.url() == member.url.url())
        {
            if let Some(first) = nodes.first_mut() {
                first.name.clone_from(&member.name);
            }
        } else if !arguments.alone || nodes.is_empty() {
            nodes.push(Node {
                name: member.name.clone(),
                source: at(member.url.clone()),
            });
        }
    }
    Ok(nodes)
}

fn tell(arguments: &AuditArguments, round: &Round) -> anyhow::Result<()> {
    let written = write_evidence(&arguments.evidence, round)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&round.report)?);
    } else if arguments.watch.is_some() && round.report.is_clean() {
        println!("{}", line(&round.report, service::clock::now()));
    } else {
        print!("{}", round.report);
    }
    for path in written {
        eprintln!(
            "evidence in {}: tegata-registry evidence --genesis {} {}",
            path.display(),
            arguments.genesis.display(),
            path.display()
        );
    }
    if arguments.watch.is_some() && !round.report.is_clean() {
        for violation in &round.report.violations {
            eprintln!("ALARM {violation}");
        }
    }
    Ok(())
}

fn line(report: &Report, now: Timestamp) -> String {
    format!(
        "{now} {} records, {} nodes, nothing is wrong",
        report.records,
        report.nodes.len()
    )
}

/// Evidence is named by its digest: the same accusation is written once.
fn write_evidence(folder: &Path, round: &Round) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for evidence in &round.evidence {
        let text = evidence.to_json();
        let digest = protocol::registry::ContentDigest::of(text.as_bytes()).to_string();
        let name = digest.get(..16).unwrap_or(&digest);
        let path = folder.join(format!("evidence-{name}.json"));
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}
