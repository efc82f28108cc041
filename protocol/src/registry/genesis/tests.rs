use super::*;
use crate::registry::ContentDigest;
use crate::registry::checkpoint::{UnverifiedCheckpoint, VerifiedCheckpoint};
use crate::registry::vectors::{file, list, read, text};

const ISSUER: &str = "https://issuer.consortium.example";

fn changed(from: &str, to: &str) -> Result<Genesis, GenesisError> {
    let file = file("genesis.json");
    assert!(file.contains(from), "{from}");
    Genesis::parse(file.replacen(from, to, 1).as_bytes())
}

fn last_checkpoint() -> VerifiedCheckpoint {
    let vectors = read("checkpoints");
    let note = text(list(&vectors, "checkpoints").last().unwrap(), "note").to_owned();
    let genesis = Genesis::parse(file("genesis.json").as_bytes()).unwrap();
    let checkpoint = UnverifiedCheckpoint::parse(note.as_bytes()).unwrap();
    checkpoint.verify(genesis.committees()).unwrap()
}

#[test]
fn the_genesis_file_of_the_vectors_is_read_and_written() {
    let text = file("genesis.json");
    let genesis = Genesis::parse(text.as_bytes()).unwrap();
    assert_eq!(genesis.network(), NetworkId::of_genesis(text.as_bytes()));
    assert_eq!(genesis.parties().members().len(), 4);
    let parties = genesis.parties();
    let issuer = parties.issuer("https://issuer.consortium.example").unwrap();
    assert_eq!(issuer.member, "consortium.example");
    assert!(parties.verifier("https://a.securities.example").is_some());
    assert!(parties.verifier("https://A.securities.example").is_none());
    assert!(parties.verifier("https://a.securities.example/").is_none());

    let written = Genesis::to_json(
        genesis.name(),
        genesis.epochs(),
        parties.members().to_vec(),
        parties.issuers().to_vec(),
        parties.verifiers().to_vec(),
        parties.process_definitions().to_vec(),
    );
    let again = Genesis::parse(written.as_bytes()).unwrap();
    assert_eq!(again.parties(), parties);
}

#[test]
fn files_in_another_shape_or_spelling_are_refused() {
    let cases = [
        ("genesis/1", "genesis/2"),
        (
            "\"name\": \"Vectors\"",
            "\"name\": \"Vectors\", \"more\": 1",
        ),
        ("\"validator\": true", "\"validator\": 1"),
        ("\"role\": \"notary\"", "\"role\": \"Notary\""),
        ("\"version\": 1", "\"version\": 1.0"),
        ("\"version\": 1", "\"version\": \"1\""),
        ("\"terminal\": true", "\"terminal\": true, \"then\": []"),
        ("\"code\": 1,", "\"code\": 1, \"terminal\": false,"),
        ("\"code\": 1,", "\"code\": -1,"),
        ("\"epoch_blocks\": 50", "\"epoch_blocks\": 9"),
        ("\"epoch_blocks\": 50", "\"epoch_blocks\": 100001"),
        (
            "\"validator\": true",
            "\"validator\": true, \"suspended\": false",
        ),
        ("http://127.0.0.1:7100", "ftp://127.0.0.1:7100"),
        ("http://127.0.0.1:7100", "http://user@127.0.0.1:7100"),
        ("http://127.0.0.1:7100", "http://127.0.0.1:7100/?q"),
        ("http://127.0.0.1:7100", "http://127.0.0.1:7100/#f"),
        ("\"verified_claims\"", "1.5"),
    ];
    for (from, to) in cases {
        assert_eq!(changed(from, to), Err(GenesisError::Shape), "{to}");
    }
    let duplicate = changed(
        "\"name\": \"Vectors\"",
        "\"name\": \"Vectors\", \"n\\u0061me\": \"Other\"",
    );
    assert_eq!(
        duplicate,
        Err(GenesisError::Json(JsonError::DuplicateMember))
    );
}

#[test]
fn parties_that_do_not_fit_together_are_refused() {
    let cases = [
        (
            "\"name\": \"notary.example\"",
            "\"name\": \"consortium.example\"",
        ),
        (
            "\"name\": \"notary.example\"",
            "\"name\": \"Notary.example\"",
        ),
        (
            "\"name\": \"notary.example\"",
            "\"name\": \"notary example\"",
        ),
        (
            "\"name\": \"notary.example\"",
            "\"name\": \"notary+example\"",
        ),
        (
            "\"member\": \"consortium.example\"",
            "\"member\": \"stranger.example\"",
        ),
        (
            "\"member\": \"a.securities.example\"",
            "\"member\": \"stranger.example\"",
        ),
        ("127.0.0.1:7201", "127.0.0.1:7200"),
        (
            "\"validator\": true",
            "\"validator\": true, \"suspended\": true",
        ),
        ("127.0.0.1:7201", "127.0.0.1"),
        ("127.0.0.1:7201", "127.0.0.1:72011"),
        ("\"kty\": \"OKP\"", "\"kty\": \"oct\""),
        ("A証券株式会社", "A証券\\u001b[31m"),
        ("\"name\": \"Vectors\"", "\"name\": \"\""),
    ];
    for (from, to) in cases {
        let refused = changed(from, to);
        let expected = matches!(
            refused,
            Err(GenesisError::Invalid(_) | GenesisError::Repeated(_))
        );
        assert!(expected, "{to}: {refused:?}");
    }
    let file = file("genesis.json");
    let observers = file.replace("\"validator\": true", "\"validator\": false");
    assert!(Genesis::parse(observers.as_bytes()).is_err());
}

#[test]
fn process_definitions_that_cannot_be_followed_are_refused() {
    let cases = [
        ("\"version\": 1", "\"version\": 2"),
        ("\"activation_height\": 0", "\"activation_height\": 1"),
        ("\"code\": 3", "\"code\": 2"),
        ("\"name\": \"residence\"", "\"name\": \"opened\""),
        ("\"terminal\": true", "\"terminal\": false"),
    ];
    for (from, to) in cases {
        assert!(changed(from, to).is_err(), "{to}");
    }
    let steps = |steps: &[(u16, &[u16], bool)]| {
        let step = |(code, after, terminal): &(u16, &[u16], bool)| Step {
            code: *code,
            name: format!("step {code}"),
            after: after.to_vec(),
            terminal: *terminal,
        };
        process::check(&[ProcessDefinition {
            version: 1,
            activation_height: 0,
            steps: steps.iter().map(step).collect(),
        }])
    };
    assert_eq!(steps(&[(1, &[], false), (2, &[1], true)]), Ok(()));
    assert!(steps(&[(1, &[], false), (2, &[], true)]).is_err());
    assert!(steps(&[(1, &[], false), (2, &[3], false), (3, &[1], true)]).is_err());
    assert!(steps(&[(1, &[], false), (2, &[2], true)]).is_err());
    assert!(steps(&[(1, &[], false), (2, &[9], true)]).is_err());
    assert!(steps(&[(1, &[], false), (2, &[1, 1], true)]).is_err());
    assert!(steps(&[(1, &[], false), (2, &[1], true), (3, &[2], true)]).is_err());
    assert!(steps(&[(2, &[], false), (3, &[2], true)]).is_err());
    assert!(steps(&[(1, &[], false), (2, &[1], false)]).is_err());
    assert!(steps(&[(1, &[], true)]).is_err());
}

#[test]
fn the_active_process_definition_follows_the_height() {
    let definition = |version, activation_height| {
        format!(
            r#"{{"version":{version},"activation_height":{activation_height},"steps":[
            {{"code":1,"name":"opened","after":[]}},{{"code":2,"name":"closed","after":[1],"terminal":true}}]}}"#
        )
    };
    let file = file("genesis.json");
    let (head, _old) = file.split_once("\"process_definitions\"").unwrap();
    let with = |definitions: &[String]| {
        let file = format!(
            "{head}\"process_definitions\":[{}]}}",
            definitions.join(",")
        );
        Genesis::parse(file.as_bytes())
    };
    let genesis = with(&[definition(1, 0), definition(2, 50), definition(3, 90)]).unwrap();
    for (height, version) in [(0, 1), (49, 1), (50, 2), (89, 2), (90, 3), (u64::MAX, 3)] {
        let active = genesis.parties().process_definition_at(height);
        assert_eq!(active.version, version);
    }
    assert!(with(&[definition(1, 0), definition(2, 0)]).is_err());
    assert!(with(&[definition(1, 0), definition(3, 50)]).is_err());
    assert!(with(&[definition(1, 5)]).is_err());
    assert!(with(&[]).is_err());
}

#[test]
fn the_trusted_parties_document_is_that_of_the_vectors() {
    let vectors = read("trusted-parties");
    let document = text(&vectors, "document");
    let trusted = TrustedParties::verify(document, &last_checkpoint()).unwrap();
    let genesis = Genesis::parse(file("genesis.json").as_bytes()).unwrap();
    assert_eq!(trusted.parties(), genesis.parties());
    let entry = trusted
        .status_list(ISSUER, text(&vectors, "status_list_uri"))
        .unwrap();
    assert_eq!(entry.digest, ContentDigest::of(b"a status list token"));
    assert!(
        trusted
            .status_list(ISSUER, "https://issuer.consortium.example/status/1")
            .is_none()
    );

    let standing = Standing {
        height: last_checkpoint().checkpoint().height,
        parties: genesis.parties(),
        scheduled: &[],
        status_lists: trusted.status_lists(),
    };
    let written = TrustedParties::document(&genesis, &standing);
    assert_eq!(written, document);
}

#[test]
fn a_trusted_parties_document_that_the_members_did_not_sign_is_refused() {
    let vectors = read("trusted-parties");
    let document = text(&vectors, "document").replace("a.securities", "x.securities");
    let refused = TrustedParties::verify(&document, &last_checkpoint());
    assert_eq!(refused, Err(TrustedPartiesError::Digest));
}
