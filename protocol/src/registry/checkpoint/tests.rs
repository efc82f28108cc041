use super::*;
use crate::identity::{Algorithm, SigningKey};
use crate::registry::BlocksDigest;
use crate::registry::merkle::{self, TreeHash};
use crate::registry::vectors::{flipped, genesis, hex, list, number, read, signing_key, text};

fn cosigning_keys() -> Vec<SigningKey> {
    let vectors = read("checkpoints");
    let seeds = list(&vectors, "cosigning_seeds").iter();
    seeds
        .map(|seed| signing_key(0, &hex(seed.as_str().unwrap())))
        .collect()
}

fn verify(note: &str) -> Result<VerifiedCheckpoint, CheckpointError> {
    UnverifiedCheckpoint::parse(note.as_bytes())?.verify(genesis().committees())
}

/// A checkpoint of the network of the vectors.
fn checkpoint() -> Checkpoint {
    let vectors = read("checkpoints");
    let note = text(list(&vectors, "checkpoints").last().unwrap(), "note").to_owned();
    *verify(&note).unwrap().checkpoint()
}

fn cosign(checkpoint: &Checkpoint, members: &[usize]) -> Vec<NoteSignature> {
    let keys = cosigning_keys();
    let at = |member: usize| Timestamp::from_unix(1_800_000_000 + member as u64);
    let members = members.iter();
    members
        .map(|&member| {
            let cosigned = genesis()
                .cosigners()
                .cosign(checkpoint, &keys[member], at(member));
            cosigned.unwrap()
        })
        .collect()
}

fn signed(checkpoint: &Checkpoint, members: &[usize]) -> String {
    write_checkpoint(checkpoint, &cosign(checkpoint, members)).unwrap()
}

#[test]
fn checkpoints_and_cosignatures_are_those_of_the_vectors() {
    let vectors = read("checkpoints");
    let (genesis, keys) = (genesis(), cosigning_keys());
    for vector in list(&vectors, "checkpoints") {
        let verified = verify(text(vector, "note")).unwrap();
        assert_eq!(verified.size(), number(vector, "size"));
        assert_eq!(verified.as_note(), text(vector, "note"));
        assert_eq!(
            verified.cosigned_at().as_unix(),
            number(vector, "cosigned_at")
        );
        let checkpoint = verified.checkpoint();
        assert_eq!(checkpoint.to_string(), text(vector, "text"));

        let lines = list(vector, "all_cosignatures").iter();
        for ((key, line), later) in keys.iter().zip(lines).zip(0..) {
            let now = Timestamp::from_unix(number(vector, "cosigned_at")).plus_seconds(later);
            let cosignature = genesis.cosigners().cosign(checkpoint, key, now).unwrap();
            assert_eq!(cosignature.to_string(), line.as_str().unwrap());
            let time = genesis.cosigners().verify(checkpoint, &cosignature);
            assert_eq!(time, Ok(now));
        }
    }
}

#[test]
fn every_byte_of_a_checkpoint_flipped_is_refused() {
    let note = signed(&checkpoint(), &[0, 1, 2]);
    for (at, changed) in flipped(note.as_bytes()) {
        let verified = UnverifiedCheckpoint::parse(&changed)
            .and_then(|checkpoint| checkpoint.verify(genesis().committees()));
        assert!(verified.is_err(), "byte {at}");
    }
}

#[test]
fn neg_l05_fewer_members_than_a_quorum_are_refused() {
    let checkpoint = checkpoint();
    assert_eq!(genesis().cosigners().quorum(), 3);
    assert!(verify(&signed(&checkpoint, &[0, 1, 2])).is_ok());
    assert!(verify(&signed(&checkpoint, &[3, 2, 0, 1])).is_ok());
    let refused = verify(&signed(&checkpoint, &[0, 3]));
    let too_few = CheckpointError::NoQuorum {
        signed: 2,
        quorum: 3,
    };
    assert_eq!(refused, Err(too_few));
}

#[test]
fn neg_l05_a_member_that_signs_twice_counts_once() {
    let checkpoint = checkpoint();
    let refused = verify(&signed(&checkpoint, &[0, 1, 1, 1]));
    let too_few = CheckpointError::NoQuorum {
        signed: 2,
        quorum: 3,
    };
    assert_eq!(refused, Err(too_few));
}

#[test]
fn neg_l05_strangers_and_garbage_do_not_count() {
    let checkpoint = checkpoint();
    let stranger = signing_key(0, &[7; 32]);
    let now = Timestamp::from_unix(1);
    assert_eq!(
        genesis().cosigners().cosign(&checkpoint, &stranger, now),
        None
    );
    let of_p256 = SigningKey::from_secret(Algorithm::Es256, &[7; 32]).unwrap();
    assert_eq!(
        genesis().cosigners().cosign(&checkpoint, &of_p256, now),
        None
    );

    let line = NoteSignature::parse("\u{2014} stranger.example AAAAAAAAAAAAAAAA").unwrap();
    let mut signatures = cosign(&checkpoint, &[0, 1]);
    signatures.push(line);
    let note = write_checkpoint(&checkpoint, &signatures).unwrap();
    let too_few = CheckpointError::NoQuorum {
        signed: 2,
        quorum: 3,
    };
    assert_eq!(verify(&note), Err(too_few));
    signatures.extend(cosign(&checkpoint, &[2]));
    assert!(verify(&write_checkpoint(&checkpoint, &signatures).unwrap()).is_ok());
}

#[test]
fn a_cosignature_of_another_checkpoint_is_refused() {
    let checkpoint = checkpoint();
    let grown = Checkpoint {
        size: checkpoint.size + 1,
        ..checkpoint
    };
    let elsewhere = cosign(&grown, &[0]);
    let verified = genesis().cosigners().verify(&checkpoint, &elsewhere[0]);
    assert_eq!(verified, Err(NoteError::Signature));
    let mixed = [cosign(&checkpoint, &[1, 2, 3]), elsewhere].concat();
    let note = write_checkpoint(&checkpoint, &mixed).unwrap();
    assert_eq!(
        verify(&note),
        Err(CheckpointError::Note(NoteError::Signature))
    );
}

#[test]
fn the_digest_of_the_blocks_is_that_of_the_vectors() {
    let vectors = read("checkpoints");
    let mut blocks = BlocksDigest::START;
    let mut size = 0;
    for vector in list(&vectors, "checkpoints") {
        // In the vectors each record is a block of its own.
        while size < number(vector, "size") {
            let time = Timestamp::from_unix(1_795_000_001 + size);
            blocks = blocks.then(size, 10 * (size + 1), time);
            size += 1;
        }
        assert_eq!(
            verify(text(vector, "note")).unwrap().checkpoint().blocks,
            blocks
        );
    }
}

#[test]
fn neg_l08_another_networks_origin_is_refused() {
    let foreign = Checkpoint {
        network: crate::registry::NetworkId::from_bytes([9; 32]),
        ..checkpoint()
    };
    let refused = verify(&signed(&foreign, &[0, 1, 2]));
    assert_eq!(refused, Err(CheckpointError::WrongNetwork));
}

#[test]
fn neg_l08_a_text_that_is_not_exactly_a_checkpoint_is_refused_although_signed() {
    let good = checkpoint().to_string();
    let line = |n: usize| good.split_inclusive('\n').nth(n).unwrap();
    let refused = [
        good.replace("tegata/", "tegata.example/"),
        good.replace("\nheight ", "\nheight 0"),
        good.replace(line(1), "012\n"),
        good.replace(line(1), "+12\n"),
        good.replace(line(1), "-1\n"),
        good.replace(line(1), "18446744073709551616\n"),
        good.replace(line(1), "0\n"),
        good.replace(line(2), "AAAA\n"),
        good.replace(line(3), ""),
        good.replace(line(5), ""),
        good.replace(line(6), ""),
        good.replace(line(6), "blocks AAAA\n"),
        format!("{good}another extension\n"),
        format!("{good}\n"),
        good.replace(line(3), &[line(4), line(3)].concat()),
        good.replace("\nheight", "\n height"),
    ];
    let keys = cosigning_keys();
    for body in refused {
        let signatures: Vec<NoteSignature> = genesis()
            .cosigners()
            .keys()
            .iter()
            .zip(&keys)
            .map(|(known, key)| known.sign(&body, key, Timestamp::from_unix(5)).unwrap())
            .collect();
        let note = write_note(&body, &signatures).unwrap();
        assert_eq!(verify(&note), Err(CheckpointError::Malformed), "{body}");
    }
}

#[test]
fn the_time_of_a_checkpoint_is_the_time_by_which_a_quorum_had_signed() {
    let checkpoint = checkpoint();
    let all = verify(&signed(&checkpoint, &[0, 1, 2, 3])).unwrap();
    assert_eq!(all.cosigned_at().as_unix(), 1_800_000_001);
    let three = verify(&signed(&checkpoint, &[0, 1, 3])).unwrap();
    assert_eq!(three.cosigned_at().as_unix(), 1_800_000_000);
}

#[test]
fn a_time_beyond_the_specification_is_refused() {
    let late = Timestamp::from_unix(u64::MAX);
    let signed = genesis()
        .cosigners()
        .cosign(&checkpoint(), &cosigning_keys()[0], late);
    assert_eq!(signed, None);
}

#[test]
fn the_quorum_is_all_but_the_third_that_may_be_faulty() {
    let network = checkpoint().network;
    for (members, quorum) in [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 3),
        (5, 4),
        (7, 5),
        (10, 7),
        (20, 14),
    ] {
        let names: Vec<String> = (0..members).map(|n| format!("m{n}")).collect();
        let keys = names
            .iter()
            .zip(0..)
            .map(|(name, n)| (name.as_str(), [n; 32]));
        assert_eq!(Cosigners::new(network, keys).unwrap().quorum(), quorum);
    }
}

/// A ledger of random leaves, and another one that differs from the leaf at `fork` on.
fn stored(size: u64, fork: u64) -> Vec<TreeHash> {
    let mut stored: Vec<TreeHash> = Vec::new();
    for index in 0..size {
        let leaf = [index.to_be_bytes(), u64::from(index >= fork).to_be_bytes()].concat();
        let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
        let added = merkle::append(index, TreeHash::of_leaf(&leaf), read).unwrap();
        stored.extend(added.into_iter().map(|(_, hash)| hash));
    }
    stored
}

fn root(stored: &[TreeHash], size: u64) -> TreeHash {
    merkle::root(size, |at| stored.get(usize::try_from(at).unwrap()).copied()).unwrap()
}

fn of(stored: &[TreeHash], size: u64) -> Checkpoint {
    Checkpoint {
        size,
        height: size,
        time: Timestamp::from_unix(1_800_000_000 + size),
        root: root(stored, size),
        ..checkpoint()
    }
}

fn verified(evidence: &UnverifiedEvidence) -> Result<VerifiedEvidence, EvidenceError> {
    let text = evidence.to_json();
    UnverifiedEvidence::parse(text.as_bytes())?.verify(genesis().committees())
}

#[test]
fn n8_evidence_names_those_who_signed_two_ledgers_of_one_size() {
    let (one, other) = (of(&stored(9, 99), 9), of(&stored(9, 5), 9));
    // Two quorums among four meet in at least two members: one more than may be faulty.
    let evidence = UnverifiedEvidence::new(&signed(&one, &[0, 1, 2]), &signed(&other, &[1, 2, 3]));
    let shown = verified(&evidence).unwrap();
    assert_eq!(
        shown.members,
        ["a.securities.example", "b.securities.example"]
    );
    assert_eq!((shown.first, shown.second), (one, other));
    // One member alone is enough to be named; nobody else is.
    let alone = UnverifiedEvidence::new(&signed(&one, &[3, 0]), &signed(&other, &[3]));
    assert_eq!(verified(&alone).unwrap().members, ["notary.example"]);
}

#[test]
fn n8_a_ledger_that_does_not_extend_the_other_is_evidence_with_its_proof() {
    let (honest, forked) = (stored(12, 99), stored(12, 3));
    let (first, second) = (of(&forked, 7), of(&honest, 12));
    let (first, second) = (signed(&first, &[1]), signed(&second, &[0, 1, 2]));
    let bare = UnverifiedEvidence::new(&first, &second);
    assert_eq!(verified(&bare), Err(EvidenceError::NoContradiction));
    let read = |at: u64| honest.get(usize::try_from(at).unwrap()).copied();
    let proof = merkle::prove_consistency(7, 12, read).unwrap();
    let evidence = bare.with_prefix(root(&honest, 7), &proof);
    assert_eq!(
        verified(&evidence).unwrap().members,
        ["a.securities.example"]
    );
}

#[test]
fn n8_nobody_is_accused_of_what_was_not_done() {
    let (honest, forked) = (stored(12, 99), stored(12, 3));
    let second = signed(&of(&honest, 12), &[0, 1, 2]);
    let read = |at: u64| honest.get(usize::try_from(at).unwrap()).copied();
    let proof = merkle::prove_consistency(7, 12, read).unwrap();
    // The same ledger at two sizes, whatever root the accuser names for the smaller one.
    let grown = UnverifiedEvidence::new(&signed(&of(&honest, 7), &[1]), &second);
    for root in [root(&honest, 7), root(&forked, 7)] {
        let accused = verified(&grown.clone().with_prefix(root, &proof));
        assert_eq!(accused, Err(EvidenceError::NoContradiction));
    }
    // The same checkpoint signed again.
    let again = UnverifiedEvidence::new(&second, &signed(&of(&honest, 12), &[1, 2]));
    assert_eq!(verified(&again), Err(EvidenceError::NoContradiction));
    // Different members signed, a signature is forged, or the text is changed.
    let fork = of(&forked, 12);
    let apart = UnverifiedEvidence::new(&second, &signed(&fork, &[3]));
    assert_eq!(verified(&apart), Err(EvidenceError::NobodySignedBoth));
    let good = UnverifiedEvidence::new(&second, &signed(&fork, &[2])).to_json();
    assert!(UnverifiedEvidence::parse(good.as_bytes()).is_ok());
    for (_, text) in crate::registry::vectors::flipped_texts(&good) {
        if let Ok(evidence) = UnverifiedEvidence::parse(text.as_bytes())
            && let Ok(shown) = evidence.verify(genesis().committees())
        {
            // What is outside the signed parts of the notes may change; whom it names may not.
            assert_eq!(shown.members, ["b.securities.example"]);
        }
    }
}

#[test]
fn n8_nobody_is_accused_at_a_height_whose_members_are_not_known() {
    let at = |height, fork| Checkpoint {
        height,
        ..of(&stored(9, fork), 9)
    };
    let settled = genesis().committees().settled_until();
    for (height, known) in [(settled, true), (settled + 1, false)] {
        let [one, other] = [99, 5].map(|fork| signed(&at(height, fork), &[1]));
        let accused = verified(&UnverifiedEvidence::new(&one, &other));
        assert_eq!(accused.is_ok(), known, "{accused:?}");
        if !known {
            assert_eq!(accused, Err(EvidenceError::UnknownMembers(height)));
        }
    }
}

#[test]
fn n8_a_larger_ledger_in_an_earlier_block_is_a_contradiction() {
    let honest = stored(12, 99);
    let (first, second) = (of(&honest, 7), of(&honest, 12));
    assert!(!first.contradicts(&second) && !second.contradicts(&first));
    let earlier = Checkpoint {
        height: 7,
        ..second
    };
    assert!(first.contradicts(&earlier) && earlier.contradicts(&first));
    let older = Checkpoint {
        time: Timestamp::from_unix(1_800_000_006),
        ..second
    };
    assert!(first.contradicts(&older));
}
