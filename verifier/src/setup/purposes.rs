//! The purposes that a securities company registers, with the claims that each needs.

use std::collections::BTreeMap;

use anyhow::Context;
use protocol::application::{PURPOSE_ACCOUNT_OPENING, PURPOSE_IDENTIFICATION};
use protocol::credential::{ClaimPath, ClaimPathElement};
use protocol::registry::Purpose;

/// Members of `verified_claims.claims` that the law asks of an account opening.
const PERSON: [&str; 10] = [
    "family_name",
    "given_name",
    "family_name#ja-Kana-JP",
    "given_name#ja-Kana-JP",
    "family_name#ja-Latn-JP",
    "given_name#ja-Latn-JP",
    "birthdate",
    "address",
    "nationalities",
    "occupation",
];
/// Members of `verified_claims.verification` that show how the person was checked.
const VERIFICATION: [&str; 2] = ["trust_framework", "time"];
/// Lists there, of which each element is disclosed by itself.
const VERIFICATION_LISTS: [&str; 2] = ["evidence", "checks"];
/// What identifies a person to someone who knows them.
const IDENTIFICATION: [&str; 4] = ["family_name", "given_name", "birthdate", "address"];

/// Account opening and identification.
pub(super) fn purposes() -> anyhow::Result<Vec<Purpose>> {
    let person = |names: &[&str]| {
        names
            .iter()
            .map(|name| path(&["verified_claims", "claims", name]))
            .collect()
    };
    let mut opening: Vec<ClaimPath> = person(&PERSON);
    opening.extend(VERIFICATION.map(|name| path(&["verified_claims", "verification", name])));
    for list in VERIFICATION_LISTS {
        let mut elements = path(&["verified_claims", "verification", list])
            .elements()
            .to_vec();
        elements.push(ClaimPathElement::All);
        opening.push(ClaimPath::new(elements).context("a short path")?);
    }
    Ok(vec![
        purpose(
            PURPOSE_ACCOUNT_OPENING,
            "証券口座の開設",
            "Opening a securities account",
            opening,
        ),
        purpose(
            PURPOSE_IDENTIFICATION,
            "本人の確認",
            "Identifying a person",
            person(&IDENTIFICATION),
        ),
    ])
}

fn path(names: &[&str]) -> ClaimPath {
    let mut names = names.iter();
    let first = names
        .next()
        .map_or_else(|| ClaimPath::root(""), |name| ClaimPath::root(name));
    names.fold(first, |path, name| path.name(name))
}

fn purpose(id: &str, japanese: &str, english: &str, claims: Vec<ClaimPath>) -> Purpose {
    let text = [("ja", japanese), ("en", english)]
        .map(|(language, text)| (language.to_owned(), text.to_owned()));
    Purpose {
        id: id.to_owned(),
        text: BTreeMap::from(text),
        claims,
    }
}
