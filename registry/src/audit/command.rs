//! `tegata-registry audit` and `tegata-registry evidence verify`.

use super::{AuditError, Auditor, Node, Report, Round, Source, handovers::Handovers};
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
    /// The node whose log is executed again; the first member's that answers if there is none.
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
    /// How members came to sign since the genesis file; `audit` writes it beside the evidence.
    #[arg(long)]
    pub handovers: Option<PathBuf>,
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
    let reach = Reach::from_development_setting(arguments.development_loopback_http);
    let http = Outbound::new(reach, arguments.certificates.as_deref())?;
    let mut nodes = nodes(arguments, &genesis, &http)?;
    let mut auditor = Auditor::new(genesis.clone());
    let (mut silent, mut passed_over) = (0, 0);
    let is_chosen = arguments.node.is_some() || arguments.folder.is_some();
    loop {
        match auditor.round(&nodes, &mut service::random::os()).await {
            Ok(round) => {
                silent = 0;
                let all_clear = round.report.is_clean();
                if all_clear && !arguments.alone && add(&mut nodes, auditor.members(), &http) {
                    // Members that were admitted since, or moved, are asked as well.
                    continue;
                }
                tell(arguments, &genesis, &nodes, &round).await?;
                if !all_clear {
                    return Ok(false);
                }
            }
            Err(AuditError::Unreachable { .. }) if !is_chosen && passed_over + 1 < nodes.len() => {
                // The member may have left.
                passed_over += 1;
                nodes.rotate_left(1);
                continue;
            }
            Err(error @ AuditError::Unreachable { .. })
                if arguments.watch.is_some() && silent < SILENT_ROUNDS_MAX =>
            {
                silent += 1;
                passed_over = 0;
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
    let handovers = match &arguments.handovers {
        Some(path) => {
            Handovers::read(path).with_context(|| format!("reading {}", path.display()))?
        }
        None => Handovers::default(),
    };
    let committees = handovers.follow(&genesis).context("the handovers")?;
    let shown = UnverifiedEvidence::parse(&text)?.verify(&committees)?;
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

/// The audited node first, then the other nodes of the genesis file's members.
fn nodes(
    arguments: &AuditArguments,
    genesis: &Genesis,
    http: &Outbound,
) -> anyhow::Result<Vec<Node>> {
    let mut nodes = Vec::new();
    if let Some(url) = &arguments.node {
        let url: ServiceUrl = url.clone().try_into().context("--node")?;
        nodes.push(node(url.as_str(), url.clone(), http));
    }
    if let Some(folder) = &arguments.folder {
        nodes.push(Node {
            name: folder.display().to_string(),
            source: Source::Folder(folder.clone()),
        });
    }
    if !arguments.alone || nodes.is_empty() {
        let members = genesis.parties().members().iter();
        let members = members.map(|member| (member.name.clone(), member.url.clone()));
        add(&mut nodes, members, http);
    }
    if arguments.alone {
        nodes.truncate(1);
    }
    Ok(nodes)
}

fn node(name: &str, url: ServiceUrl, http: &Outbound) -> Node {
    let http = http.clone();
    Node {
        name: name.to_owned(),
        source: Source::Node { http, url },
    }
}

/// Adds the nodes of members that are not there yet, and names those that are; whether there were any.
fn add(
    nodes: &mut Vec<Node>,
    members: impl IntoIterator<Item = (String, ServiceUrl)>,
    http: &Outbound,
) -> bool {
    let before = nodes.len();
    for (name, url) in members {
        let is_there = |known: &&mut Node| matches!(&known.source, Source::Node { url: at, .. } if at.url() == url.url());
        match nodes.iter_mut().find(is_there) {
            Some(known) => known.name = name,
            None => nodes.push(node(&name, url, http)),
        }
    }
    nodes.len() > before
}

async fn tell(
    arguments: &AuditArguments,
    genesis: &Genesis,
    nodes: &[Node],
    round: &Round,
) -> anyhow::Result<()> {
    let written = write_evidence(&arguments.evidence, round)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&round.report)?);
    } else if arguments.watch.is_some() && round.report.is_clean() {
        println!("{}", line(&round.report, service::clock::now()));
    } else {
        print!("{}", round.report);
    }
    if !written.is_empty() {
        let handovers = match nodes.first() {
            Some(audited) => write_handovers(&arguments.evidence, audited, genesis).await,
            None => Err(AuditError::NoNode.into()),
        };
        let given = match handovers {
            Ok(path) => format!(" --handovers {}", path.display()),
            Err(error) => {
                eprintln!("tegata-registry: no handovers to check the evidence with: {error:#}");
                String::new()
            }
        };
        for path in written {
            eprintln!(
                "evidence in {}: tegata-registry evidence --genesis {}{given} {}",
                path.display(),
                arguments.genesis.display(),
                path.display()
            );
        }
    }
    if arguments.watch.is_some() && !round.report.is_clean() {
        for violation in &round.report.violations {
            eprintln!("ALARM {violation}");
        }
    }
    Ok(())
}

/// What others need to check evidence of members that the genesis file does not name.
async fn write_handovers(
    folder: &Path,
    audited: &Node,
    genesis: &Genesis,
) -> anyhow::Result<PathBuf> {
    let handovers = Handovers::of(&audited.source, genesis).await?;
    let path = folder.join("handovers.json");
    std::fs::write(&path, handovers.to_json()?)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
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
