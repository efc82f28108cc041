use super::*;
use crate::registry::vectors::genesis;
use crate::registry::{GenesisError, Member, Parties};

fn parties() -> Parties {
    genesis().parties().clone()
}

fn newcomer() -> Member {
    let mut member = parties().members()[0].clone();
    member.name = "c.securities.example".to_owned();
    member.peer_address = "127.0.0.1:7299".to_owned();
    let key = |seed: u8| {
        let key = crate::registry::vectors::signing_key(0, &[seed; 32]);
        crate::registry::KeyBytes::from_bytes(key.public_key().to_bytes().try_into().unwrap())
    };
    (
        member.consensus_key,
        member.cosigning_key,
        member.governance_key,
    ) = (key(1), key(2), key(3));
    member
}

fn named(name: &str) -> String {
    name.to_owned()
}

fn names(parties: &Parties) -> Vec<&str> {
    let members = parties.members_in_force();
    members.map(|member| member.name.as_str()).collect()
}

#[test]
fn a_change_has_one_spelling() {
    let change = Change::AdmitMember { member: newcomer() };
    let text = change.to_json();
    assert_eq!(Change::parse(text.as_bytes()), Ok(change));
    for other in [
        text.replace("{\"admit_member\":", "{ \"admit_member\":"),
        text.replace("admit_member", "admit_anyone"),
        text.replace(
            "\"validator\":true",
            "\"validator\":true,\"suspended\":false",
        ),
        text.replace("\"validator\":true", "\"validator\":true,\"votes\":2"),
        text.replace("\"validator\":true", "\"validator\":1"),
        format!("{text} "),
        String::new(),
    ] {
        assert_eq!(
            Change::parse(other.as_bytes()),
            Err(ChangeError::Spelling),
            "{other}"
        );
    }
    let long = format!("{text}{}", " ".repeat(CHANGE_BYTES_MAX));
    assert_eq!(Change::parse(long.as_bytes()), Err(ChangeError::Spelling));
}

#[test]
fn members_come_are_suspended_return_and_go() {
    let admit = Change::AdmitMember { member: newcomer() };
    let five = parties().changed(&admit, 100).unwrap();
    assert_eq!(names(&five).len(), 5);
    assert_eq!(five.quorum(), 4);
    assert_eq!(five.changed(&admit, 100), Err(ChangeError::NoEffect));

    let name = named("c.securities.example");
    let suspend = Change::SuspendMember { name: name.clone() };
    let four = five.changed(&suspend, 100).unwrap();
    assert_eq!((names(&four).len(), four.members().len()), (4, 5));
    assert_eq!(four.quorum(), 3);
    assert_eq!(four.changed(&suspend, 100), Err(ChangeError::NoEffect));
    let reinstate = Change::ReinstateMember { name: name.clone() };
    assert_eq!(four.changed(&reinstate, 100).unwrap(), five);
    assert_eq!(five.changed(&reinstate, 100), Err(ChangeError::NoEffect));

    let remove = Change::RemoveMember { name };
    assert_eq!(four.changed(&remove, 100).unwrap(), parties());
    assert_eq!(parties().changed(&remove, 100), Err(ChangeError::Unknown));
}

#[test]
fn a_member_is_updated_but_not_suspended_or_renamed_by_an_update() {
    let mut member = parties().members()[1].clone();
    let unchanged = Change::UpdateMember {
        member: member.clone(),
    };
    assert_eq!(parties().changed(&unchanged, 1), Err(ChangeError::NoEffect));
    member.cosigning_key = newcomer().cosigning_key;
    let rotate = Change::UpdateMember {
        member: member.clone(),
    };
    let rotated = parties().changed(&rotate, 1).unwrap();
    assert_eq!(rotated.members()[1], member);
    member.suspended = true;
    let suspend = Change::UpdateMember {
        member: member.clone(),
    };
    assert_eq!(parties().changed(&suspend, 1), Err(ChangeError::NoEffect));
    let stranger = Change::UpdateMember { member: newcomer() };
    assert_eq!(parties().changed(&stranger, 1), Err(ChangeError::Unknown));
}

#[test]
fn a_change_after_which_the_parties_do_not_fit_is_refused() {
    // The consortium has an issuer, company A a verifier.
    for name in ["consortium.example", "a.securities.example"] {
        let remove = Change::RemoveMember { name: named(name) };
        let refused = parties().changed(&remove, 1);
        assert!(
            matches!(refused, Err(ChangeError::Parties(GenesisError::Invalid(_)))),
            "{refused:?}"
        );
    }
    let mut member = newcomer();
    member.governance_key = parties().members()[0].governance_key;
    let refused = parties().changed(&Change::AdmitMember { member }, 1);
    assert!(matches!(
        refused,
        Err(ChangeError::Parties(GenesisError::Repeated(_)))
    ));
    let mut last = parties();
    for name in [
        "consortium.example",
        "a.securities.example",
        "b.securities.example",
    ] {
        let suspend = Change::SuspendMember { name: named(name) };
        last = last.changed(&suspend, 1).unwrap();
    }
    let suspend = Change::SuspendMember {
        name: named("notary.example"),
    };
    assert!(
        last.changed(&suspend, 1).is_err(),
        "nobody would be left to vote"
    );
}

#[test]
fn an_issuer_that_changes_its_record_key_stays_the_same_issuer() {
    let mut issuer = parties().issuers()[0].clone();
    let first = issuer.record_key;
    issuer.record_key = newcomer().consensus_key;
    let register = Change::RegisterIssuer {
        issuer: issuer.clone(),
    };
    let rotated = parties().changed(&register, 1).unwrap();
    let known = &rotated.issuers()[0];
    assert_eq!(known.former_record_keys, [first]);
    assert_eq!(known.first_record_key(), first);
    for key in [first, issuer.record_key] {
        let author = crate::registry::record::Author::Ed25519(*key.as_bytes());
        assert!(known.is_author(&author));
    }
    assert_eq!(rotated.changed(&register, 1), Err(ChangeError::NoEffect));

    // The old key is not taken again, neither by the issuer nor by another one.
    issuer.record_key = first;
    let back = Change::RegisterIssuer {
        issuer: issuer.clone(),
    };
    let taken = Err(ChangeError::Parties(GenesisError::Repeated("record keys")));
    assert_eq!(rotated.changed(&back, 1), taken);
    issuer.id = named("https://other.example").try_into().unwrap();
    let other = Change::RegisterIssuer { issuer };
    assert_eq!(rotated.changed(&other, 1), taken);
}

#[test]
fn a_retired_issuer_stays_readable_and_can_be_registered_again() {
    let id = named("https://issuer.consortium.example");
    let retire = Change::RetireIssuer { id: id.clone() };
    let retired = parties().changed(&retire, 1).unwrap();
    assert!(retired.issuer(&id).unwrap().retired);
    assert_eq!(retired.changed(&retire, 1), Err(ChangeError::NoEffect));
    let register = Change::RegisterIssuer {
        issuer: parties().issuers()[0].clone(),
    };
    assert_eq!(retired.changed(&register, 1).unwrap(), parties());
    let mut forged = parties().issuers()[0].clone();
    forged.former_record_keys = vec![newcomer().consensus_key];
    let forged = Change::RegisterIssuer { issuer: forged };
    assert_eq!(parties().changed(&forged, 1), Err(ChangeError::NoEffect));
    let unknown = Change::RetireIssuer { id: named("x") };
    assert_eq!(parties().changed(&unknown, 1), Err(ChangeError::Unknown));
}

#[test]
fn a_member_leaves_when_its_issuers_have_retired() {
    let name = named("consortium.example");
    let remove = Change::RemoveMember { name };
    assert!(parties().changed(&remove, 1).is_err(), "its issuer issues");
    let id = named("https://issuer.consortium.example");
    let retired = parties().changed(&Change::RetireIssuer { id: id.clone() }, 1);
    let left = retired.unwrap().changed(&remove, 1).unwrap();
    assert!(left.issuer(&id).unwrap().retired, "what it issued is read");
    let issuer = parties().issuers()[0].clone();
    let again = Change::RegisterIssuer { issuer };
    assert!(left.changed(&again, 1).is_err(), "it belongs to nobody now");
}

#[test]
fn verifiers_are_registered_replaced_and_retired() {
    let mut verifier = parties().verifiers()[0].clone();
    verifier.purposes[0].claims.pop();
    let register = Change::RegisterVerifier {
        verifier: verifier.clone(),
    };
    let replaced = parties().changed(&register, 1).unwrap();
    assert_eq!(replaced.verifiers(), [verifier.clone()]);
    let id = verifier.id.as_str().to_owned();
    let retire = Change::RetireVerifier { id };
    assert_eq!(replaced.changed(&retire, 1).unwrap().verifiers(), []);
}

#[test]
fn a_definition_is_never_active_in_the_past_and_versions_follow_one_another() {
    let mut definition = parties().process_definitions()[0].clone();
    (definition.version, definition.activation_height) = (2, 30);
    let publish = Change::PublishDefinition {
        definition: definition.clone(),
    };
    let soon = parties().changed(&publish, 20).unwrap();
    assert_eq!(soon.process_definitions()[1].activation_height, 30);
    let late = parties().changed(&publish, 40).unwrap();
    assert_eq!(late.process_definitions()[1].activation_height, 40);
    assert!(soon.changed(&publish, 50).is_err(), "version 2 is taken");
    definition.version = 4;
    let gap = Change::PublishDefinition { definition };
    assert!(soon.changed(&gap, 50).is_err());
}
