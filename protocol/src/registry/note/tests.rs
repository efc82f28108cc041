use super::*;
use crate::Timestamp;
use crate::registry::vectors::{base64, flipped, list, read, signing_key, text};

/// The example of the specification.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn keys() -> Vec<NoteKey> {
    let vectors = read("notes");
    let keys = list(&vectors, "keys").iter();
    keys.map(|key| NoteKey::parse(text(key, "vkey")).unwrap())
        .collect()
}

#[test]
fn the_example_of_the_specification_verifies() {
    let keys = [NoteKey::parse(EXAMPLE_KEY).unwrap()];
    assert_eq!(keys[0].to_string(), EXAMPLE_KEY);
    let note = UnverifiedNote::parse(EXAMPLE.as_bytes()).unwrap();
    let verified = note.verify(&keys).unwrap();
    assert_eq!(verified.text(), "This is an example message.\n");
    assert_eq!(verified.signers().len(), 1);
}

#[test]
fn notes_are_those_of_the_vectors() {
    let vectors = read("notes");
    let keys = keys();
    let signatures: Vec<NoteSignature> = list(&vectors, "keys")
        .iter()
        .zip(&keys)
        .map(|(vector, key)| {
            assert_eq!(key.to_string(), text(vector, "vkey"));
            let secret = signing_key(0, &base64(text(vector, "seed")));
            key.sign(text(&vectors, "text"), &secret, Timestamp::from_unix(0))
                .unwrap()
        })
        .collect();
    let written = write_note(text(&vectors, "text"), &signatures).unwrap();
    assert_eq!(written, text(&vectors, "note"));

    let note = UnverifiedNote::parse(written.as_bytes()).unwrap();
    let verified = note.verify(&keys).unwrap();
    assert_eq!(verified.text(), text(&vectors, "text"));
    let signers: Vec<&NoteKey> = verified.signers().iter().map(|signer| signer.key).collect();
    assert_eq!(signers, [&keys[0], &keys[1]]);
}

#[test]
fn every_byte_flipped_is_refused_where_one_key_is_known() {
    let keys = [NoteKey::parse(EXAMPLE_KEY).unwrap()];
    for (at, changed) in flipped(EXAMPLE.as_bytes()) {
        let verified =
            UnverifiedNote::parse(&changed).and_then(|note| note.verify(&keys).map(drop));
        assert!(verified.is_err(), "byte {at}");
    }
}

#[test]
fn neg_l08_unknown_signatures_are_ignored_but_never_enough() {
    let note = UnverifiedNote::parse(text(&read("notes"), "note").as_bytes()).unwrap();
    let keys = keys();
    assert_eq!(note.clone().verify(&keys[..1]).unwrap().signers().len(), 1);
    let stranger = [NoteKey::parse(EXAMPLE_KEY).unwrap()];
    assert_eq!(note.verify(&stranger), Err(NoteError::Unsigned));
}

#[test]
fn neg_l08_a_key_of_the_same_name_or_the_same_id_is_another_key() {
    let known = NoteKey::parse(EXAMPLE_KEY).unwrap();
    let namesake = NoteKey::new(known.name(), KeyKind::Ed25519, [9; 32]).unwrap();
    let typed = base64("6TJ5GubnqECkYWTJBHhkJtXngh3YspoA1hyucq/dTaQ=");
    let same_key = typed.try_into().unwrap();
    let cosigner = NoteKey::new(known.name(), KeyKind::CosignatureV1, same_key);
    let note = UnverifiedNote::parse(EXAMPLE.as_bytes()).unwrap();
    let others = [namesake, cosigner.unwrap()];
    assert_eq!(note.verify(&others), Err(NoteError::Unsigned));
}

#[test]
fn neg_l08_a_wrong_signature_of_a_known_key_spoils_the_note() {
    let (first, second) = (&keys()[0], &keys()[1]);
    let vectors = read("notes");
    let secret = signing_key(0, &base64(text(&list(&vectors, "keys")[0], "seed")));
    let good = first
        .sign("text\n", &secret, Timestamp::from_unix(0))
        .unwrap();
    let elsewhere = NoteSignature {
        name: second.name().to_owned(),
        key_id: second.id(),
        signature: good.signature.clone(),
    };
    let note = write_note("text\n", &[good, elsewhere]).unwrap();
    let note = UnverifiedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(note.verify(&keys()), Err(NoteError::Signature));
}

#[test]
fn neg_l08_texts_that_are_no_notes_are_refused() {
    let line = &EXAMPLE[EXAMPLE.find('\u{2014}').unwrap()..];
    let refused = [
        String::new(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        format!("text{line}"),
        format!("text\n{line}"),
        format!("text\r\n\r\n{line}"),
        format!("te\u{7}xt\n\n{line}"),
        format!("text\n\n{}", line.trim_end()),
        format!("text\n\n{line}\n"),
        format!("text\n\n{line}trailing\n"),
        format!("text\n\n{}", line.replace('\u{2014}', "-")),
        format!("text\n\n{}", line.replace("example.com", "exam+ple")),
        format!("text\n\n{}", line.replace("example.com", "exam\u{a0}ple")),
        format!("text\n\n{}", line.replace("example.com/foo ", " ")),
        format!("text\n\n{}", line.replace("aQM=", "aQN=")),
        format!("text\n\n{}", line.replace("aQM=", "aQM")),
        "text\n\n\u{2014} name AAAAAA==\n".to_owned(),
    ];
    for note in refused {
        let parsed = UnverifiedNote::parse(note.as_bytes());
        assert_eq!(parsed, Err(NoteError::Malformed), "{note:?}");
    }
    let bytes = [b"\xff\n\n", line.as_bytes()].concat();
    assert_eq!(UnverifiedNote::parse(&bytes), Err(NoteError::Malformed));
    assert!(UnverifiedNote::parse(format!("text\n\n{line}").as_bytes()).is_ok());
}

#[test]
fn notes_beyond_the_bounds_are_refused() {
    let line = &EXAMPLE[EXAMPLE.find('\u{2014}').unwrap()..];
    let at_limit = format!("text\n\n{}", line.repeat(SIGNATURES_MAX));
    assert!(UnverifiedNote::parse(at_limit.as_bytes()).is_ok());
    let above = format!("{at_limit}{line}");
    let refused = UnverifiedNote::parse(above.as_bytes());
    assert_eq!(refused, Err(NoteError::TooLarge));
    let long = format!("{}\n\n{line}", "x".repeat(NOTE_BYTES_MAX));
    let refused = UnverifiedNote::parse(long.as_bytes());
    assert_eq!(refused, Err(NoteError::TooLarge));
}

#[test]
fn a_text_that_would_come_apart_elsewhere_is_not_written() {
    let signature = UnverifiedNote::parse(EXAMPLE.as_bytes())
        .unwrap()
        .signatures;
    for text in ["no newline", "", "bell\u{7}\n"] {
        assert_eq!(write_note(text, &signature), Err(NoteError::Malformed));
    }
    assert_eq!(write_note("text\n", &[]), Err(NoteError::Malformed));
    assert!(write_note("text\n", &signature).is_ok());
}

#[test]
fn verifier_keys_that_do_not_fit_together_are_refused() {
    for vkey in [
        "",
        "name",
        "name+530d903a",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+BekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv",
        "example.com/foo+530d903a+",
    ] {
        assert_eq!(NoteKey::parse(vkey), Err(NoteError::Malformed), "{vkey}");
    }
}
