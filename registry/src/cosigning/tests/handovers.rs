use super::*;

impl Members {
    /// A member is about to store the block of this size, in which other members are decided.
    fn announce(&self, member: usize, size: u64) {
        let checkpoint = checkpoint(&self.network, size);
        self.cosigning[member].announce(&checkpoint, "{}".into());
    }

    /// The heights of the handovers that a member can show.
    fn handovers(&self, member: usize) -> Vec<u64> {
        let kept = kept_handovers(&self.cosigning[member].store).unwrap();
        assert_eq!(kept.len(), self.cosigning[member].handovers(0).len());
        let notes = kept.values().map(|note| {
            let note = UnverifiedCheckpoint::parse(note.checkpoint.as_bytes()).unwrap();
            let verified = note.verify(self.network.genesis.committees()).unwrap();
            verified.checkpoint().height
        });
        notes.collect()
    }

    /// What a member tells all others each second.
    fn repeat(&self, member: usize) -> Vec<Told> {
        self.cosigning[member].repeat_handovers(NOW)
    }
}

fn note_of(told: &[Told]) -> &Bytes {
    match told {
        [Told::Note(note)] => note,
        other => panic!("not one note: {other:?}"),
    }
}

#[test]
fn a_handover_is_kept_as_soon_as_its_checkpoint_has_a_quorum() {
    let members = members();
    let notes: Vec<Bytes> = (0..3)
        .map(|member| {
            members.announce(member, 1);
            members.commit(member, 1)
        })
        .collect();
    members.tell(1, 0, &notes[1]);
    assert!(members.handovers(0).is_empty());
    members.tell(2, 0, &notes[2]);
    assert_eq!(members.handovers(0), [1]);
    assert_eq!(members.repeat(0), []);
}

#[test]
fn a_handover_gets_its_signatures_although_newer_checkpoints_have_theirs() {
    let members = members();
    for member in 0..3 {
        members.announce(member, 1);
        members.commit(member, 1);
    }
    for from in [1_u8, 2] {
        let note = members.commit(from.into(), 2);
        members.commit(0, 2);
        members.tell(from, 0, &note);
    }
    assert_eq!(members.latest_size(0), Some(2));
    assert!(members.handovers(0).is_empty(), "it was passed over");
    for from in [1_u8, 2] {
        let told = members.repeat(from.into());
        members.tell(from, 0, note_of(&told));
    }
    assert_eq!(
        members.repeat(0),
        [],
        "with its own signature it is complete"
    );
    assert_eq!(members.handovers(0), [1]);
}

#[test]
fn neg_l07_signatures_on_another_checkpoint_complete_no_handover() {
    let members = members();
    members.announce(0, 1);
    members.commit(0, 1);
    members.commit(0, 2);
    let forked = Checkpoint {
        trusted_parties: ContentDigest::of(b"others"),
        ..checkpoint(&members.network, 1)
    };
    members.all_others_sign(&forked);
    members.repeat(0);
    assert!(members.handovers(0).is_empty());
}

#[test]
fn whoever_comes_later_gets_the_signatures_of_those_who_have_them() {
    let members = members();
    for member in 0..3 {
        members.announce(member, 1);
    }
    let notes: Vec<Bytes> = (0..3).map(|member| members.commit(member, 1)).collect();
    members.tell(1, 0, &notes[1]);
    members.tell(2, 0, &notes[2]);
    // A member signs, and is answered with what it lacks.
    members.announce(3, 1);
    let told = members.repeat(3);
    let reply = members.tell(3, 0, note_of(&told)).unwrap();
    members.tell(0, 3, &reply);
    assert_eq!(members.handovers(3), [1]);

    // Who is no member asks.
    let directory = tempfile::tempdir().unwrap();
    let committees = members.network.genesis.committees().clone();
    let store = members.network.store(directory.path());
    let newcomer = Cosigning::new(committees, vec![key(77)], store).unwrap();
    let announced = checkpoint(&members.network, 1);
    newcomer.announce(&announced, "{}".into());
    assert_eq!(newcomer.repeat_handovers(NOW), [Told::Wanted(1)]);
    let asked = Instant::now();
    assert_eq!(members.cosigning[0].wanted(peer(9), 2, asked), None);
    let reply = members.cosigning[0].wanted(peer(9), 1, asked).unwrap();
    let again = members.cosigning[0].wanted(peer(9), 1, asked);
    assert_eq!(again, None, "not endlessly");
    newcomer.receive(peer(0), &reply, asked);
    assert_eq!(newcomer.handovers(1).len(), 1);
}

#[test]
fn a_handover_survives_a_restart() {
    let network = Network::of(1);
    let directory = tempfile::tempdir().unwrap();
    let announced = checkpoint(&network, 1);
    let before = {
        let cosigning = network.cosigning(0, directory.path());
        cosigning.announce(&announced, "{}".into());
        assert!(cosigning.knows_handover(1) && !cosigning.knows_handover(2));
        assert_eq!(cosigning.repeat_handovers(NOW).len(), 1);
        assert_eq!(cosigning.repeat_handovers(NOW), []);
        cosigning.handovers(0)
    };
    let cosigning = network.cosigning(0, directory.path());
    assert_eq!(cosigning.handovers(0), before);
    assert_eq!(before.len(), 1);
    cosigning.announce(&announced, "{}".into());
    assert_eq!(cosigning.repeat_handovers(NOW), []);
}

#[test]
fn readers_are_shown_handovers_page_by_page() {
    let network = Network::of(1);
    let directory = tempfile::tempdir().unwrap();
    let cosigning = network.cosigning(0, directory.path());
    for height in 1..=20 {
        // The third one alone is as long as an answer may be.
        let document = if height == 3 { 1024 * 1024 } else { 10 };
        cosigning.announce(&checkpoint(&network, height), " ".repeat(document).into());
    }
    while !cosigning.repeat_handovers(NOW).is_empty() {}
    let lengths = [0, 3, 4].map(|from| cosigning.handovers(from).len());
    assert_eq!(lengths, [2, 1, 16]);
    assert_eq!(cosigning.handovers(20).len(), 1);
    assert_eq!(cosigning.handovers(21), []);
}
