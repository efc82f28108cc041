use super::*;
use crate::identity::{Algorithm, SigningKey};
use crate::registry::BlocksDigest;
use crate::registry::vectors::{flipped, genesis, hex, list, number, read, signing_key, text};

fn cosigning_keys() -> Vec<SigningKey> {
    let vectors = read("checkpoints");
    let seeds = list(&vectors, "cosigning_seeds").iter();
    seeds
        .map(|seed| signing_key(0, &hex(seed.as_str().unwrap())))
        .collect()
}

fn verify(note: &str) -> Result<VerifiedCheckpoint, CheckpointError> {
    UnverifiedCheckpoint::parse(note.as_bytes())?.verify(genesis().cosigners())
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
            .and_then(|checkpoint| checkpoint.verify(genesis().cosigners()));
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
