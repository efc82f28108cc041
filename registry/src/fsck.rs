//! `tegata-registry fsck`: examines the ledger of a node that does not run, and repairs it.

use crate::{
    config::NodeConfig,
    replica,
    store::{
        Grain, Store,
        disk::{Directory, Disk},
        fsck::{Examination, Remedy, examine, repair},
    },
};
use anyhow::Context as _;
use std::{path::PathBuf, sync::Arc};

/// What is examined.
#[derive(clap::Args)]
pub struct FsckArguments {
    /// The configuration, node.toml.
    #[arg(long)]
    pub config: PathBuf,
    /// Do what the findings ask for.
    #[arg(long)]
    pub repair: bool,
}

/// Examines and perhaps repairs; whether nothing is wrong now.
///
/// # Errors
///
/// Fails if the node runs, or its disk cannot be read.
pub fn run(arguments: &FsckArguments) -> anyhow::Result<bool> {
    let config = NodeConfig::load(&arguments.config).context("reading the configuration")?;
    let genesis = config.read_genesis().context("reading the genesis file")?;
    let genesis = Arc::new(genesis);
    let directory = config.ledger_directory();
    anyhow::ensure!(
        directory.is_dir(),
        "{} is no directory",
        directory.display()
    );
    let disk = Directory::open(&directory).context("opening the ledger; does the node run?")?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let mut rng = service::random::os();
    let examination = examine(&disk, &genesis, &mut rng).context("reading the ledger")?;
    tell(&examination);
    let is_clean = |examination: &Examination| {
        let mut findings = examination.findings.iter();
        findings.all(|finding| finding.remedy == Remedy::Start)
    };
    if is_clean(&examination) || !arguments.repair {
        return Ok(is_clean(&examination));
    }
    repair(&*disk, &examination).context("repairing the ledger")?;
    let store = Store::on(&disk, genesis.network(), Grain::NODE).context("opening the ledger")?;
    replica::derive(&genesis, &store).context("deriving what the ledger lacked")?;
    println!("repaired");
    let examination = examine(&disk, &genesis, &mut rng).context("reading the ledger")?;
    tell(&examination);
    Ok(is_clean(&examination))
}

fn tell(examination: &Examination) {
    for finding in &examination.findings {
        match finding.index {
            Some(index) => println!("entry {index}: {}", finding.what),
            None => println!("{}", finding.what),
        }
        println!("    {}", finding.remedy);
    }
    let tip = &examination.tip;
    println!(
        "{} entries up to height {} are right, root {}",
        tip.size, tip.height, tip.root
    );
}
