mod handovers;

use super::{rounds::Forged, *};
use crate::fixture::{NOW, Network, key, peer};
use protocol::registry::{BlocksDigest, checkpoint::write_checkpoint, merkle::TreeHash};
use tempfile::TempDir;

/// Four members, each with its own store.
struct Members {
    network: Network,
    cosigning: Vec<Cosigning>,
    _directories: Vec<TempDir>,
}

fn members() -> Members {
    let network = Network::of(4);
    let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let cosigning = (0..4).zip(&directories);
    Members {
        cosigning: cosigning
            .map(|(member, directory)| network.cosigning(member, directory.path()))
            .collect(),
        network,
        _directories: directories,
    }
}

fn checkpoint(network: &Network, size: u64) -> Checkpoint {
    Checkpoint {
        network: network.genesis.network(),
        size,
        root: TreeHash::of_leaf(&size.to_be_bytes()),
        height: size,
        time: NOW,
        trusted_parties: ContentDigest::of(b"{}"),
        blocks: BlocksDigest::START,
    }
}

impl Members {
    /// A member commits the block of a size; the answer is what it tells.
    fn commit(&self, member: usize, size: u64) -> Bytes {
        let checkpoint = checkpoint(&self.network, size);
        self.cosigning[member]
            .committed(&checkpoint, "{}".into(), Pace::Live, NOW)
            .unwrap()
    }

    fn tell(&self, from: u8, to: usize, note: &Bytes) -> Option<Bytes> {
        self.cosigning[to].receive(peer(from), note, Instant::now())
    }

    fn latest_size(&self, member: usize) -> Option<u64> {
        Some(self.cosigning[member].latest()?.checkpoint.size())
    }
}

#[test]
fn three_of_four_signatures_make_a_checkpoint_and_two_do_not() {
    let members = members();
    let notes: Vec<Bytes> = (0..4).map(|member| members.commit(member, 1)).collect();
    members.tell(1, 0, &notes[1]);
    assert_eq!(members.latest_size(0), None);
    members.tell(1, 0, &notes[1]);
    assert_eq!(
        members.latest_size(0),
        None,
        "one member's signature counts once"
    );
    members.tell(2, 0, &notes[2]);
    assert_eq!(members.latest_size(0), Some(1));
}

#[test]
fn a_signature_that_comes_before_the_block_counts_once_the_block_is_there() {
    let members = members();
    let notes: Vec<Bytes> = (1..4).map(|member| members.commit(member, 1)).collect();
    for (from, note) in (1..4).zip(&notes) {
        members.tell(from, 0, note);
    }
    assert_eq!(members.latest_size(0), None);
    assert_eq!(members.cosigning[0].dangerous_largest_size(), 1);
    members.commit(0, 1);
    assert_eq!(members.latest_size(0), Some(1));
}

impl Members {
    /// Everyone but the first member tells it a signature on a checkpoint that is not its own.
    fn all_others_sign(&self, checkpoint: &Checkpoint) {
        for from in 1..4_u8 {
            let cosigners = self.network.genesis.cosigners();
            let signature = cosigners.cosign(checkpoint, &key(from), NOW).unwrap();
            let note = write_checkpoint(checkpoint, &[signature]).unwrap();
            self.tell(from, 0, &note.into());
        }
    }
}

#[test]
fn neg_l07_signatures_on_another_ledger_of_the_same_size_do_not_count() {
    let members = members();
    members.commit(0, 1);
    let forked = Checkpoint {
        root: TreeHash::of_leaf(b"fork"),
        ..checkpoint(&members.network, 1)
    };
    members.all_others_sign(&forked);
    assert_eq!(members.latest_size(0), None);
    let notes: Vec<Bytes> = (1..3).map(|member| members.commit(member, 1)).collect();
    members.tell(1, 0, &notes[0]);
    members.tell(2, 0, &notes[1]);
    assert_eq!(members.latest_size(0), Some(1));
}

#[test]
fn neg_l08_forged_and_malformed_notes_do_not_count() {
    let members = members();
    members.commit(0, 1);
    let note = String::from_utf8(members.commit(1, 1).to_vec()).unwrap();
    let other = String::from_utf8(members.commit(2, 1).to_vec()).unwrap();
    members.tell(2, 0, &other.into());
    let network = members.network.genesis.network().to_string();
    for forged in [
        note.replace("member1.example", "member3.example"),
        note.replace(&network, &"0".repeat(64)),
        note.replace('\n', "\r\n"),
        note.trim_end().to_owned(),
        String::new(),
        "\n\n".to_owned(),
    ] {
        members.tell(1, 0, &forged.into());
        assert_eq!(members.latest_size(0), None);
    }
    let later = Instant::now() + std::time::Duration::from_secs(2);
    members.cosigning[0].receive(peer(1), &note.into(), later);
    assert_eq!(members.latest_size(0), Some(1));
}

/// What a member tells in the name of all others, whose signatures are those of another checkpoint.
fn forged(members: &Members, claimed: &Checkpoint) -> Bytes {
    let other = checkpoint(&members.network, 99);
    let cosigners = members.network.genesis.cosigners();
    let signatures = (0..4).map(|by| cosigners.cosign(&other, &key(by), NOW).unwrap());
    let signatures: Vec<_> = signatures.collect();
    write_checkpoint(claimed, &signatures).unwrap().into()
}

fn parsed(members: &Members, note: &Bytes) -> Note {
    Note::parse(note, members.network.genesis.network()).unwrap()
}

#[test]
fn neg_l09_a_note_that_nobody_signed_is_neither_evidence_nor_a_hint() {
    let members = members();
    let committees = members.network.genesis.committees();
    let mut rounds = Rounds::default();
    rounds.open(&checkpoint(&members.network, 1), "{}".into());
    let fork = Checkpoint {
        root: TreeHash::of_leaf(b"fork"),
        ..checkpoint(&members.network, 1)
    };
    let note = parsed(&members, &forged(&members, &fork));
    assert_eq!(rounds.receive(peer(1), &note, committees), Err(Forged));
    assert!(rounds.at(1).unwrap().accused().is_empty());
    let huge = Checkpoint {
        size: u64::MAX,
        ..checkpoint(&members.network, 7)
    };
    let note = parsed(&members, &forged(&members, &huge));
    assert_eq!(rounds.receive(peer(1), &note, committees), Err(Forged));
    assert_eq!(rounds.dangerous_largest_size(committees), 0);

    // Signed by a member, it is evidence, but what one member alone claims is no hint.
    let cosigners = members.network.genesis.cosigners();
    let sign = |checkpoint: &Checkpoint, by: u8| {
        let signature = cosigners.cosign(checkpoint, &key(by), NOW).unwrap();
        parsed(
            &members,
            &write_checkpoint(checkpoint, &[signature]).unwrap().into(),
        )
    };
    for _ in 0..2 {
        assert_eq!(rounds.receive(peer(1), &sign(&fork, 1), committees), Ok(()));
    }
    assert_eq!(rounds.at(1).unwrap().accused().len(), 1);
    assert_eq!(rounds.receive(peer(1), &sign(&huge, 1), committees), Ok(()));
    assert_eq!(rounds.dangerous_largest_size(committees), 0);
    let ahead = checkpoint(&members.network, 5);
    assert_eq!(
        rounds.receive(peer(2), &sign(&ahead, 2), committees),
        Ok(())
    );
    assert_eq!(rounds.dangerous_largest_size(committees), 5);
}

#[test]
fn neg_l09_of_a_note_one_signature_of_each_key_is_looked_at() {
    let members = members();
    let cosigners = members.network.genesis.cosigners();
    let committed = checkpoint(&members.network, 1);
    let signatures = (0..100).map(|seconds| {
        let at = NOW.plus_seconds(seconds);
        cosigners.cosign(&committed, &key(1), at).unwrap()
    });
    let signatures: Vec<_> = signatures.collect();
    let note = write_checkpoint(&committed, &signatures).unwrap().into();
    assert_eq!(parsed(&members, &note).signatures, signatures[..1]);
}

#[test]
fn neg_l09_whoever_tells_a_forged_signature_is_not_heard_for_a_second() {
    let members = members();
    let committed = checkpoint(&members.network, 1);
    members.commit(0, 1);
    let notes: Vec<Bytes> = (1..4).map(|member| members.commit(member, 1)).collect();
    let now = Instant::now();
    let tell = |from: u8, note: &Bytes, at: Instant| {
        members.cosigning[0].receive(peer(from), note, at);
    };
    tell(1, &forged(&members, &committed), now);
    tell(1, &notes[0], now);
    tell(2, &notes[1], now);
    assert_eq!(members.latest_size(0), None, "the liar is not heard");
    tell(1, &notes[0], now + std::time::Duration::from_secs(1));
    assert_eq!(members.latest_size(0), Some(1));
}

#[test]
fn a_member_that_is_behind_is_answered_with_the_latest_checkpoint_but_not_endlessly() {
    let members = members();
    let first: Vec<Bytes> = (0..4).map(|member| members.commit(member, 1)).collect();
    for size in [1, 2] {
        for member in 1..3 {
            let note = members.commit(member, size);
            members.commit(0, size);
            members.tell(u8::try_from(member).unwrap(), 0, &note);
        }
    }
    assert_eq!(members.latest_size(0), Some(2));
    let reply = members.tell(3, 0, &first[3]).unwrap();
    assert_eq!(members.tell(3, 0, &first[3]), None);
    members.commit(3, 2);
    assert_eq!(
        members.tell(0, 3, &reply),
        None,
        "a full note needs no answer"
    );
    assert_eq!(members.latest_size(3), Some(2));
}

#[test]
fn the_latest_checkpoint_survives_a_restart() {
    let network = Network::of(1);
    let directory = tempfile::tempdir().unwrap();
    let before = {
        let cosigning = network.cosigning(0, directory.path());
        cosigning.committed(&checkpoint(&network, 1), "{}".into(), Pace::Live, NOW);
        let latest = cosigning.latest().unwrap();
        assert_eq!(latest.checkpoint.size(), 1);
        cosigning.remember();
        latest
    };
    assert_eq!(
        network.cosigning(0, directory.path()).latest().unwrap(),
        before
    );
}

#[test]
fn an_idle_ledger_is_signed_again_every_five_minutes() {
    let network = Network::of(1);
    let directory = tempfile::tempdir().unwrap();
    let cosigning = network.cosigning(0, directory.path());
    cosigning.committed(&checkpoint(&network, 1), "{}".into(), Pace::Live, NOW);
    assert_eq!(cosigning.tick(NOW), None);
    let later = NOW.plus_seconds(REFRESH_SECONDS);
    assert!(cosigning.tick(later).is_some());
    let latest = cosigning.latest().unwrap();
    assert_eq!(latest.checkpoint.cosigned_at(), later);
    assert_eq!(cosigning.tick(later), None);
}

#[test]
fn a_node_without_a_quorum_repeats_its_signature() {
    let members = members();
    members.commit(0, 1);
    assert!(members.cosigning[0].tick(NOW).is_some());
    assert!(members.cosigning[0].tick(NOW).is_some());
}

#[test]
fn a_node_that_catches_up_does_not_sign_what_the_others_signed_long_ago() {
    let members = members();
    let note = members.cosigning[0].committed(
        &checkpoint(&members.network, 1),
        "{}".into(),
        Pace::CatchingUp,
        NOW,
    );
    assert_eq!(note, None);
}

#[test]
fn who_signed_what_last_is_known_even_of_a_member_that_comes_too_late_for_the_quorum() {
    let members = members();
    let notes: Vec<Bytes> = (0..4).map(|member| members.commit(member, 1)).collect();
    members.tell(1, 0, &notes[1]);
    members.tell(2, 0, &notes[2]);
    let signers = |at: usize| {
        let recent = members.cosigning[0].recent();
        recent[at].signers.keys().cloned().collect::<Vec<_>>()
    };
    let three = ["member0.example", "member1.example", "member2.example"];
    assert_eq!(signers(0), three);
    members.tell(3, 0, &notes[3]);
    assert_eq!(signers(0).len(), 4, "the last signature is not left out");

    // Blocks 2 and 3 get their quorums without member 3, whose signature on block 2 comes last.
    let late = members.commit(3, 2);
    for size in [2, 3] {
        members.commit(0, size);
        for from in [1, 2] {
            let note = members.commit(from.into(), size);
            members.tell(from, 0, &note);
        }
    }
    assert_eq!(members.latest_size(0), Some(3));
    let later = Instant::now() + std::time::Duration::from_secs(3);
    members.cosigning[0].receive(peer(3), &late, later);
    let last = members.cosigning[0].last_signed();
    assert_eq!(last["member0.example"].height, 3);
    assert_eq!(last["member3.example"].height, 2);
    assert_eq!(last["member3.example"].at, NOW);
}

#[test]
fn nobody_signs_for_another_member_in_what_people_watch() {
    let members = members();
    let note = members.commit(1, 1);
    let text = String::from_utf8(note.to_vec()).unwrap();
    let forged = text.replace("member1.example", "member2.example");
    members.tell(1, 0, &Bytes::from(forged));
    assert!(members.cosigning[0].last_signed().is_empty());
    let later = Instant::now() + std::time::Duration::from_secs(3);
    members.cosigning[0].receive(peer(1), &note, later);
    assert_eq!(members.cosigning[0].last_signed().len(), 1);
}

#[test]
fn of_checkpoints_that_follow_each_other_fast_one_is_remembered() {
    let members = members();
    for size in 1..=40 {
        let at = Checkpoint {
            time: NOW.plus_seconds(size),
            ..checkpoint(&members.network, size)
        };
        for (member, cosigning) in members.cosigning.iter().enumerate().take(3) {
            let note = cosigning
                .committed(&at, "{}".into(), Pace::Live, NOW)
                .unwrap();
            members.tell(u8::try_from(member).unwrap(), 0, &note);
        }
    }
    let heights: Vec<u64> = members.cosigning[0]
        .recent()
        .iter()
        .map(|signed| signed.checkpoint.height)
        .collect();
    assert_eq!(heights.first(), Some(&40));
    assert!((4..=6).contains(&heights.len()), "{heights:?}");
}

#[test]
fn a_node_signs_with_the_key_that_the_committee_of_the_height_knows() {
    let network = Network::of(1);
    let directory = tempfile::tempdir().unwrap();
    let committees = network.genesis.committees().clone();
    let store = network.store(directory.path());
    let cosigning = Cosigning::new(committees, vec![key(77), key(0)], store).unwrap();
    cosigning.committed(&checkpoint(&network, 1), "{}".into(), Pace::Live, NOW);
    assert_eq!(cosigning.latest().unwrap().checkpoint.size(), 1);
}
