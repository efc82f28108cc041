//! `cargo scale -- --records N`: what a ledger of N records costs one node on the disk, in memory and in time, without
//! consensus and without checking signatures: `specs/benchmarks.md`.
//!
//! Each part runs in a process of its own, so that its memory is its own too.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use protocol::{
    Timestamp,
    identity::{Algorithm, SigningKey},
    registry::{
        CaseId, Commitment, Epochs, Genesis, Issuer, KeyBytes, KeySet, Member, MemberRole,
        ProcessDefinition, Step,
        checkpoint::{UnverifiedCheckpoint, write_checkpoint},
        merkle,
        record::{Body, CaseEvent, Record},
    },
};
use registry::{
    replica::Replica,
    state::{BlockContext, State},
    store::{CosignedNote, Store},
    sync::{Bundle, Replay},
};
use tests::cluster::usage::of_process;

const BLOCK_RECORDS: usize = 256;
/// Records are signed so many at a time, before the clock runs.
const PART: u64 = 10_240;
/// The next step of a case comes so many records later: what was read last does not help.
const LATER: u64 = 50_000;
/// What the state keeps in memory in a node.
const RECENT_MAX: usize = 8192;
const PROOFS: u64 = 5000;
const BUNDLE_ENTRIES: u64 = 256;
/// Bundles that are made at a time, before the clock runs.
const BUNDLES_AHEAD: u64 = 40;

#[derive(Parser)]
struct Arguments {
    /// How many records.
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Where the ledger is made; an empty or missing directory.
    #[arg(long, default_value = "target/scale")]
    dir: PathBuf,
    /// One part only, as this program calls itself.
    #[arg(long, hide = true)]
    part: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let directory = &arguments.dir;
    match arguments.part.as_deref() {
        None => all(&arguments),
        Some("write") => write(directory, arguments.records),
        Some("open") => open(directory),
        Some("proofs") => proofs(directory),
        Some("replay") => replay(directory),
        Some(other) => anyhow::bail!("there is no part {other}"),
    }
}

fn all(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        !arguments.dir.join("entries").exists(),
        "there is a ledger in {}",
        arguments.dir.display()
    );
    let this = std::env::current_exe().context("finding this program")?;
    let run = |part: &str| -> anyhow::Result<()> {
        let mut command = Command::new(&this);
        command.arg("--records").arg(arguments.records.to_string());
        command
            .arg("--dir")
            .arg(&arguments.dir)
            .args(["--part", part]);
        ensure!(
            command.status().context("starting a part")?.success(),
            "{part} failed"
        );
        Ok(())
    };
    run("write")?;
    println!("opened after a crash:");
    run("open")?;
    println!("opened after it was closed:");
    run("open")?;
    run("proofs")?;
    run("replay")?;
    for derived in ["offsets", "hashes"] {
        std::fs::remove_file(arguments.dir.join(derived)).context("removing a derived file")?;
    }
    println!("opened with nothing but its entries:");
    run("open")
}

/// Writes blocks as a node does, and ends without closing the store.
fn write(directory: &Path, records: u64) -> anyhow::Result<()> {
    let genesis = genesis()?;
    let store = Store::open(directory, genesis.network())?;
    let mut state = State::new(genesis.clone()).over(Arc::new(store.clone()));
    let mut cases = Cases::default();
    let (mut height, mut payload) = (0, 0);
    println!("records, CPU us a record, wall us a record, resident MiB");
    for part in 0..records.div_ceil(PART) {
        let signed: Vec<Arc<Record>> = (0..PART.min(records - part * PART))
            .map(|_| cases.next(&genesis))
            .collect();
        payload += signed
            .iter()
            .map(|record| record.as_bytes().len())
            .sum::<usize>();
        let (cpu, begun) = (cpu()?, Instant::now());
        for block in signed.chunks(BLOCK_RECORDS) {
            height += 1;
            append(&store, &mut state, height, block)?;
        }
        let last = part + 1 == records.div_ceil(PART);
        if part % 10 == 0 || last {
            let usage = of_process(std::process::id())?;
            let each = |time: Duration| time.as_secs_f64() * 1e6 / signed.len() as f64;
            println!(
                "{:>9} {:>8.1} {:>8.1} {:>8.1}",
                state.size(),
                each(usage.cpu - cpu),
                each(begun.elapsed()),
                usage.resident_bytes as f64 / 1_048_576.0
            );
        }
    }
    remember_checkpoint(&genesis, &store, &state)?;
    let mut bytes = 0;
    for file in std::fs::read_dir(directory)? {
        bytes += file?.metadata()?.len();
    }
    let each = |bytes: f64| bytes / records as f64;
    let (all, payload) = (each(bytes as f64), each(payload as f64));
    println!("{all:.1} bytes a record on the disk, of which the record {payload:.1}");
    Ok(())
}

fn append(
    store: &Store,
    state: &mut State<'static>,
    height: u64,
    block: &[Arc<Record>],
) -> anyhow::Result<()> {
    let context = BlockContext {
        height,
        time: Timestamp::from_unix(1_700_000_000 + height),
    };
    let mut fork = state.fork();
    for record in block {
        fork.apply(record, &context)?;
    }
    let root = store.append(height, context.time, block)?;
    for record in block {
        state.apply(record, &context)?;
    }
    state.settle(RECENT_MAX);
    state.end_block(height);
    ensure!(state.checkpoint().root == root, "the root");
    if store.is_mark_due() {
        store.mark(serde_json::to_value(state.snapshot())?)?;
    }
    Ok(())
}

fn open(directory: &Path) -> anyhow::Result<()> {
    let genesis = genesis()?;
    let (before, begun) = (cpu()?, Instant::now());
    let store = Store::open(directory, genesis.network())?;
    let replica = Replica::open(
        genesis,
        store,
        vec![key(1)?],
        Timestamp::from_unix(1_800_000_000),
    )?;
    let wall = begun.elapsed();
    let usage = of_process(std::process::id())?;
    println!(
        "  {} records in {} ms, {} ms of CPU, {:.1} MiB resident",
        replica.progress().1,
        wall.as_millis(),
        (usage.cpu - before).as_millis(),
        usage.resident_bytes as f64 / 1_048_576.0
    );
    Ok(replica.close()?)
}

fn proofs(directory: &Path) -> anyhow::Result<()> {
    let genesis = genesis()?;
    let store = Store::open(directory, genesis.network())?;
    let size = store.tip().size;
    let (before, begun) = (cpu()?, Instant::now());
    let mut longest = 0;
    for n in 0..PROOFS {
        let index = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
        let path = merkle::prove_inclusion(index, size, |at| store.hash(at))?;
        longest = longest.max(path.len());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / PROOFS as f64;
    println!(
        "a proof: at most {} bytes of hashes, {:.1} us of CPU, {:.1} us",
        longest * 32,
        each(cpu()? - before),
        each(begun.elapsed())
    );
    Ok(())
}

/// Keeps the checkpoint of the ledger with the signature of its one member.
fn remember_checkpoint(
    genesis: &Genesis,
    store: &Store,
    state: &State<'static>,
) -> anyhow::Result<()> {
    let (checkpoint, document) = state.signed();
    let now = Timestamp::from_unix(1_800_000_000);
    let signature = genesis.cosigners().cosign(&checkpoint, &key(1)?, now);
    let signature = signature.context("the member's key")?;
    Ok(store.remember_cosigned(&CosignedNote {
        checkpoint: write_checkpoint(&checkpoint, &[signature])?,
        document: document.to_string(),
    })?)
}

/// What a node that joins spends on the records that a peer tells it; where they come from is not counted.
fn replay(directory: &Path) -> anyhow::Result<()> {
    let genesis = genesis()?;
    let peer = Store::open(directory, genesis.network())?;
    let note = peer.cosigned()?.context("a signed checkpoint")?;
    let signed = UnverifiedCheckpoint::parse(note.checkpoint.as_bytes())?;
    let target = *signed.verify(genesis.committees())?.checkpoint();
    let joining = directory.join("joining");
    let (before, mut waited) = (cpu()?, Duration::ZERO);
    let store = Store::open(&joining, genesis.network())?;
    let mut replay = Replay::begin(&genesis, store, &target)?;
    while let Some((number, _)) = replay.wanted() {
        let fetching = cpu()?;
        let bundles = (number..number + BUNDLES_AHEAD)
            .map(|number| bundle(&peer, number))
            .collect::<anyhow::Result<Vec<Bundle>>>()?;
        waited += cpu()?.saturating_sub(fetching);
        for bundle in bundles.iter().filter(|bundle| !bundle.entries.is_empty()) {
            replay.take(bundle)?;
        }
    }
    replay.finish()?;
    let usage = of_process(std::process::id())?;
    let spent = usage.cpu.saturating_sub(before).saturating_sub(waited);
    println!(
        "a late joiner replays {} records in {} ms of CPU, {:.2} s a million, {:.1} MiB resident",
        target.size,
        spent.as_millis(),
        spent.as_secs_f64() * 1e6 / target.size as f64,
        usage.resident_bytes as f64 / 1_048_576.0
    );
    std::fs::remove_dir_all(&joining).context("removing the second ledger")
}

/// A bundle as a node answers it; empty beyond the ledger's end.
fn bundle(peer: &Store, number: u64) -> anyhow::Result<Bundle> {
    let first = number * BUNDLE_ENTRIES;
    let (mut entries, mut places) = (Vec::new(), Vec::new());
    for index in first..first + BUNDLE_ENTRIES {
        let Some(entry) = peer.entry(index)? else {
            break;
        };
        let length = u16::try_from(entry.record.len())?;
        entries.extend_from_slice(&length.to_be_bytes());
        entries.extend_from_slice(&entry.record);
        places.extend_from_slice(&entry.height.to_be_bytes());
        places.extend_from_slice(&entry.time.as_unix().to_be_bytes());
    }
    Ok(Bundle {
        first,
        entries,
        places,
    })
}

fn cpu() -> anyhow::Result<Duration> {
    Ok(of_process(std::process::id())?.cpu)
}

/// Cases that are opened, and whose later steps come when they are long out of memory.
#[derive(Default)]
struct Cases {
    made: u64,
    opened: u64,
    waiting: VecDeque<(u64, u32, u64)>,
}

impl Cases {
    fn next(&mut self, genesis: &Genesis) -> Arc<Record> {
        let ripe = self
            .waiting
            .front()
            .is_some_and(|(_, _, since)| since + LATER <= self.made);
        let next = if ripe { self.waiting.pop_front() } else { None };
        let (case, sequence) = match next {
            Some((case, sequence, _)) => (case, sequence),
            None => {
                self.opened += 1;
                (self.opened, 0)
            }
        };
        if sequence < 2 {
            self.waiting.push_back((case, sequence + 1, self.made));
        }
        self.made += 1;
        let mut id = [0; 16];
        let spread = case.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes();
        for (to, from) in id.iter_mut().zip(spread) {
            *to = from;
        }
        let body = Body::CaseEvent(CaseEvent {
            case: CaseId::from_bytes(id),
            sequence,
            code: match sequence {
                0 => 1,
                1 => 2,
                _ => 6,
            },
            definition: 1,
            commitment: Commitment::from_bytes([9; 32]),
        });
        Arc::new(Record::sign(
            genesis.network(),
            body,
            &key(9).expect("32 bytes"),
        ))
    }
}

fn key(seed: u8) -> anyhow::Result<SigningKey> {
    Ok(SigningKey::from_secret(Algorithm::EdDsa, &[seed; 32])?)
}

fn public(seed: u8) -> anyhow::Result<KeyBytes> {
    let bytes = key(seed)?.public_key().to_bytes();
    Ok(KeyBytes::from_bytes(
        bytes.try_into().ok().context("a key of 32 bytes")?,
    ))
}

fn genesis() -> anyhow::Result<Arc<Genesis>> {
    let member = Member {
        name: "member.example".to_owned(),
        role: MemberRole::Company,
        url: "http://127.0.0.1:7100".to_owned().try_into()?,
        peer_address: "127.0.0.1:7200".to_owned(),
        consensus_key: public(2)?,
        cosigning_key: public(1)?,
        governance_key: public(3)?,
        validator: true,
        suspended: false,
    };
    let issuer = Issuer {
        id: "https://issuer.example".to_owned().try_into()?,
        name: "Issuer".to_owned(),
        member: "member.example".to_owned(),
        record_key: public(9)?,
        application_key: public(4)?,
        trust_anchors: Vec::new(),
        jwks: KeySet { keys: Vec::new() },
        retired: false,
        former_record_keys: Vec::new(),
    };
    let step = |code: u16, name: &str, after: &[u16]| Step {
        code,
        name: name.to_owned(),
        after: after.to_vec(),
        terminal: code == 6,
    };
    let definition = ProcessDefinition {
        version: 1,
        activation_height: 0,
        steps: vec![
            step(1, "opened", &[]),
            step(2, "identity_document", &[1]),
            step(6, "closed", &[1]),
        ],
    };
    let (epochs, members, issuers) = (Epochs::of_blocks(1000)?, vec![member], vec![issuer]);
    let file = Genesis::to_json(
        "Scale",
        epochs,
        members,
        issuers,
        Vec::new(),
        vec![definition],
    );
    Ok(Arc::new(Genesis::parse(file.as_bytes())?))
}
