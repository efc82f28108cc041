//! N6: receipts verify for ever, offline, by this build and by a second reader that shares no code with it. The corpus in
//! `specs/vectors/registry/receipts-v1` is never changed; new formats get a new folder beside it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests end at the first surprise"
)]

use base64::{Engine as _, prelude::BASE64_STANDARD};
use protocol::Timestamp;
use protocol::registry::checkpoint::{UnverifiedCheckpoint, VerifiedCheckpoint};
use protocol::registry::merkle::{Frontier, TreeHash};
use protocol::registry::receipt::{verify_receipt, write_receipt};
use protocol::registry::{BlocksDigest, Genesis};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const RECORDS: usize = 1000;
/// What the corpus is, whatever code reads it.
const ROOT: &str = "giGcFip5/uKO2v1I4uc3yJrGIM//zzezcZDbvanj+8o=";
const BLOCKS: &str = "d9b7706c8dc4d36c9cd9a4f01ba4037c007344be02ebf3928af49cd8909979ac";

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors/registry")
}

struct Corpus {
    genesis: Genesis,
    checkpoints: Vec<Value>,
    receipts: Vec<Value>,
}

fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(vectors().join("receipts-v1").join(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn corpus() -> Corpus {
    let genesis = std::fs::read(vectors().join("receipts-v1/genesis.json")).unwrap();
    Corpus {
        genesis: Genesis::parse(&genesis).unwrap(),
        checkpoints: lines("checkpoints.jsonl"),
        receipts: lines("receipts.jsonl"),
    }
}

fn hashes(values: &Value) -> Vec<TreeHash> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|hash| TreeHash::from_base64(hash.as_str().unwrap()).unwrap())
        .collect()
}

impl Corpus {
    fn note(&self, number: &Value) -> &str {
        let number = usize::try_from(number.as_u64().unwrap()).unwrap();
        self.checkpoints[number]["note"].as_str().unwrap()
    }

    fn record(&self, index: usize) -> Vec<u8> {
        BASE64_STANDARD
            .decode(self.receipts[index]["record"].as_str().unwrap())
            .unwrap()
    }

    fn receipt(&self, index: usize) -> String {
        let receipt = &self.receipts[index];
        let path = hashes(&receipt["path"]);
        write_receipt(index as u64, &path, self.note(&receipt["checkpoint"]))
    }

    fn checkpoints(&self) -> impl Iterator<Item = (VerifiedCheckpoint, Vec<TreeHash>)> {
        self.checkpoints.iter().map(|checkpoint| {
            let note = checkpoint["note"].as_str().unwrap();
            let parsed = UnverifiedCheckpoint::parse(note.as_bytes()).unwrap();
            let verified = parsed.verify(self.genesis.committees()).unwrap();
            assert_eq!(verified.as_note(), note);
            (verified, hashes(&checkpoint["to_last"]))
        })
    }
}

#[test]
fn n6_every_receipt_of_the_corpus_verifies_offline() {
    let corpus = corpus();
    assert_eq!(corpus.receipts.len(), RECORDS);
    for index in 0..RECORDS {
        let record = corpus.record(index);
        let receipt = corpus.receipt(index);
        let entry = verify_receipt(&receipt, &record, corpus.genesis.committees()).unwrap();
        assert_eq!(
            (entry.index(), entry.record().as_bytes()),
            (index as u64, record.as_slice())
        );
    }
}

#[test]
fn n6_the_latest_checkpoint_of_the_corpus_extends_all_others() {
    let corpus = corpus();
    let checkpoints: Vec<(VerifiedCheckpoint, Vec<TreeHash>)> = corpus.checkpoints().collect();
    let (last, _) = checkpoints.last().unwrap();
    assert_eq!(last.size(), RECORDS as u64);
    for (checkpoint, proof) in &checkpoints {
        last.verify_extends(checkpoint, proof).unwrap();
        assert!(
            checkpoint.checkpoint() == last.checkpoint()
                || last.verify_extends(checkpoint, &[]).is_err()
        );
    }
}

#[test]
fn n6_hashes_and_encodings_are_what_they_were() {
    let corpus = corpus();
    let mut tree = Frontier::default();
    let mut blocks = BlocksDigest::START;
    let mut checkpoints = corpus.checkpoints();
    let mut next = checkpoints.next();
    let mut first = 0;
    for index in 0..RECORDS {
        tree.push(TreeHash::of_leaf(&corpus.record(index)));
        if let Some((checkpoint, _)) =
            next.take_if(|(checkpoint, _)| checkpoint.size() == tree.size())
        {
            let checkpoint = checkpoint.checkpoint();
            blocks = blocks.then(first, checkpoint.height, checkpoint.time);
            assert_eq!((checkpoint.root, checkpoint.blocks), (tree.root(), blocks));
            assert!(checkpoint.time > Timestamp::from_unix(0));
            first = tree.size();
            next = checkpoints.next();
        }
    }
    assert_eq!(tree.root().to_string(), ROOT);
    assert_eq!(blocks.to_string(), BLOCKS);
}

/// Runs the second reader in a folder of its own; whether it accepts everything, and what it said.
fn second_reader(name: &str, genesis: &[u8], entries: &[(Vec<u8>, String)]) -> (bool, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("genesis.json"), genesis).unwrap();
    let mut command = Command::new("python3");
    command
        .arg(vectors().join("verify.py"))
        .arg(folder.join("genesis.json"));
    for (number, (record, receipt)) in entries.iter().enumerate() {
        let paths = ["record", "receipt"].map(|kind| folder.join(format!("{number}.{kind}")));
        std::fs::write(&paths[0], record).unwrap();
        std::fs::write(&paths[1], receipt).unwrap();
        command.args(paths);
    }
    let answer = command.output().unwrap();
    let said = [answer.stdout, answer.stderr].concat();
    (answer.status.success(), String::from_utf8(said).unwrap())
}

fn genesis_file() -> Vec<u8> {
    std::fs::read(vectors().join("receipts-v1/genesis.json")).unwrap()
}

#[test]
fn n6_a_second_reader_accepts_every_receipt_of_the_corpus() {
    let corpus = corpus();
    let entries: Vec<(Vec<u8>, String)> = (0..RECORDS)
        .map(|index| (corpus.record(index), corpus.receipt(index)))
        .collect();
    let (accepted, said) = second_reader("corpus", &genesis_file(), &entries);
    assert!(accepted, "{said}");
    assert_eq!(said.lines().count(), RECORDS);
    assert!(
        said.lines()
            .all(|line| line.starts_with("case event ") || line.starts_with("credential batch "))
    );
}

#[test]
fn n6_both_readers_pass_over_the_signature_of_somebody_unknown() {
    let corpus = corpus();
    // Its key id is that of an empty key.
    let blob = "If6X4wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    let receipt = format!("{}\u{2014} stranger.example {blob}\n", corpus.receipt(7));
    let record = corpus.record(7);
    assert!(verify_receipt(&receipt, &record, corpus.genesis.committees()).is_ok());
    let (accepted, said) = second_reader("unknown", &genesis_file(), &[(record, receipt)]);
    assert!(accepted, "{said}");
}

/// A change to a receipt and its record that makes them false.
type Change = (&'static str, fn(&mut Vec<u8>, &mut String));

fn without_line(text: &mut String, number: usize) {
    let kept = text
        .split_inclusive('\n')
        .enumerate()
        .filter(|(at, _)| *at != number);
    *text = kept.map(|(_, line)| line).collect();
}

fn line(text: &str, number: usize) -> String {
    text.split_inclusive('\n').nth(number).unwrap().to_owned()
}

/// The first line of the path, of the checkpoint, and of its signatures.
fn places(receipt: &str) -> (usize, usize, usize) {
    let lines: Vec<&str> = receipt.split('\n').collect();
    let note = lines.iter().position(|line| line.is_empty()).unwrap() + 1;
    let signatures = note
        + lines[note..]
            .iter()
            .position(|line| line.is_empty())
            .unwrap()
        + 1;
    (2, note, signatures)
}

const CHANGES: [Change; 20] = [
    ("a byte of the record", |record, _| record[60] ^= 1),
    ("a byte of the signature", |record, _| {
        *record.last_mut().unwrap() ^= 1
    }),
    ("a byte after the record", |record, _| record.push(0)),
    ("a record cut short", |record, _| {
        record.truncate(record.len() - 1)
    }),
    ("a number in a longer spelling", |record, _| {
        drop(record.splice(1..2, [0x18, 0x01]))
    }),
    ("another index", |_, receipt| {
        *receipt = receipt.replace("index 700\n", "index 701\n")
    }),
    ("an index outside", |_, receipt| {
        *receipt = receipt.replace("index 700\n", "index 2000\n")
    }),
    ("an index in another spelling", |_, receipt| {
        *receipt = receipt.replace("index 700\n", "index 0700\n")
    }),
    ("a path without its first hash", |_, receipt| {
        without_line(receipt, 2)
    }),
    ("a path with its first hash twice", |_, receipt| {
        let (path, ..) = places(receipt);
        let first = line(receipt, path);
        *receipt = receipt.replacen(&first, &[first.as_str(), &first].concat(), 1);
    }),
    ("another hash", |_, receipt| {
        let first = line(receipt, 2);
        let other = if first.starts_with('A') { "B" } else { "A" };
        *receipt = receipt.replacen(&first, &[other, &first[1..]].concat(), 1);
    }),
    ("another header", |_, receipt| {
        *receipt = receipt.replace("tlog-proof@v1", "tlog-proof@v2")
    }),
    ("a larger size", |_, receipt| {
        *receipt = receipt.replace("\n720\n", "\n721\n")
    }),
    ("another height", |_, receipt| {
        *receipt = receipt.replace("\nheight ", "\nheight 1")
    }),
    ("no digest of the blocks", |_, receipt| {
        let (_, note, _) = places(receipt);
        without_line(receipt, note + 6);
    }),
    ("two of four signatures", |_, receipt| {
        let (.., signatures) = places(receipt);
        without_line(receipt, signatures);
    }),
    ("one signature twice", |_, receipt| {
        let (.., signatures) = places(receipt);
        without_line(receipt, signatures);
        let twice = line(receipt, signatures);
        receipt.push_str(&twice);
    }),
    ("a changed signature", |_, receipt| {
        let changed = if receipt.ends_with("A==\n") {
            "Q==\n"
        } else {
            "A==\n"
        };
        receipt.truncate(receipt.len() - 4);
        receipt.push_str(changed);
    }),
    ("a signature under another name", |_, receipt| {
        let (.., signatures) = places(receipt);
        let by = line(receipt, signatures);
        let name = by.split(' ').nth(1).unwrap().to_owned();
        *receipt = receipt.replace(&name, "x.example");
    }),
    ("carriage returns", |_, receipt| {
        *receipt = receipt.replace('\n', "\r\n")
    }),
];

#[test]
fn neg_l06_neg_l08_both_readers_refuse_receipts_that_were_changed() {
    let corpus = corpus();
    let genesis = genesis_file();
    let good = (corpus.record(700), corpus.receipt(700));
    assert!(good.1.contains("\n720\n"));
    assert!(second_reader("good", &genesis, std::slice::from_ref(&good)).0);
    for (number, (what, change)) in CHANGES.iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed.0, &mut changed.1);
        assert_ne!(changed, good, "{what} changes nothing");
        let verified = verify_receipt(&changed.1, &changed.0, corpus.genesis.committees());
        assert!(verified.is_err(), "this build accepts {what}");
        let (accepted, said) = second_reader(&format!("changed-{number}"), &genesis, &[changed]);
        assert!(!accepted, "the second reader accepts {what}: {said}");
    }
    // Another network's genesis file, with the same members.
    let other = String::from_utf8(genesis)
        .unwrap()
        .replace("\"Vectors\"", "\"Others\"");
    let elsewhere = Genesis::parse(other.as_bytes()).unwrap();
    assert!(verify_receipt(&good.1, &good.0, elsewhere.committees()).is_err());
    assert!(!second_reader("elsewhere", other.as_bytes(), &[good]).0);
}
