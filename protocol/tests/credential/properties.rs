//! Properties over arbitrary input.

use proptest::prelude::*;
use protocol::Timestamp;
use protocol::credential::sd_jwt::{
    Disclosure, UnverifiedSdJwt, UnverifiedSdJwtKb, conceal, process,
};
use protocol::credential::{ClaimPath, ClaimPathElement, Decoys, UnverifiedCredential};
use protocol::identity::Algorithm;
use protocol::status::{StatusBits, StatusList, UnverifiedStatusListToken};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Map, Value, json};

use crate::forge::{
    AUDIENCE, NONCE, NOW, credential, disclosure, holder_key, jws, key, verify_presented,
};

/// JSON values of moderate size, without numbers: their text is not one-to-one.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z#é]{1,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claims() -> impl Strategy<Value = Value> {
    // Names that mean nothing to the core: it reads exp, nbf, iat and cnf.
    prop::collection::btree_map("[a-z]{1,5}_", json_value(), 1..5)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

/// All places in a value, outermost first.
fn places(value: &Value) -> Vec<ClaimPath> {
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), value)];
    while let Some((path, value)) = open.pop() {
        let members = value.as_object().into_iter().flatten();
        let members = members.map(|(name, value)| (ClaimPathElement::Name(name.clone()), value));
        let elements = (0..).zip(value.as_array().into_iter().flatten());
        let elements = elements.map(|(index, value)| (ClaimPathElement::Index(index), value));
        for (step, value) in members.chain(elements) {
            let mut below = path.clone();
            below.push(step);
            found.push(ClaimPath::new(below.clone()).unwrap());
            open.push((below, value));
        }
    }
    found
}

fn chosen(places: &[ClaimPath], bits: u64) -> Vec<ClaimPath> {
    let picked = places
        .iter()
        .enumerate()
        .filter(|(index, _)| bits >> (index % 64) & 1 == 1);
    picked.map(|(_, path)| path.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_concealed_reads_back(claims in claims(), which in any::<u64>(), seed in any::<u64>()) {
        let disclosable = chosen(&places(&claims), which);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let decoys = Decoys::PadToMultipleOf(3.try_into().unwrap());
        let concealed = conceal(&claims, &disclosable, decoys, &mut rng).unwrap();
        let read = process(&concealed.payload, &concealed.disclosures).unwrap();
        prop_assert_eq!(read.claims(), &claims);
        prop_assert_eq!(concealed.disclosures.len(), disclosable.len());
    }

    #[test]
    fn any_subset_of_paths_is_presented_and_no_more(
        claims in claims(), which in any::<u64>(), shown in any::<u64>(), seed in any::<u64>()
    ) {
        let all = places(&claims);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let concealed = conceal(&claims, &chosen(&all, which), Decoys::None, &mut rng).unwrap();
        let mut payload = concealed.payload;
        let holder = holder_key();
        payload["cnf"] = json!({"jwk": holder.public_key().to_jwk()});
        let issuer = key(Algorithm::EdDsa, 1);
        let mut text = jws(&issuer, &json!({"alg": "EdDSA", "typ": "example+sd-jwt"}), &payload.to_string());
        text.push('~');
        for disclosure in &concealed.disclosures {
            text = text + disclosure.encoded() + "~";
        }
        let unverified = UnverifiedSdJwt::parse(&text).unwrap();
        let held = unverified.verify("example+sd-jwt", issuer.public_key(), NOW).unwrap();

        let wanted = chosen(&all, shown);
        let presented = held.present(&wanted, AUDIENCE, NONCE, &[], &holder, NOW).unwrap();
        let unverified = UnverifiedSdJwtKb::parse(&presented).unwrap();
        let expected = protocol::credential::KeyBindingExpectation::new(AUDIENCE, NONCE);
        let seen = unverified.verify("example+sd-jwt", issuer.public_key(), &expected, NOW).unwrap();
        prop_assert_eq!(seen.sd_jwt().claims(), &held.preview(&wanted).unwrap());
        // Where no array lost an element, the values wanted are where they were.
        for path in &wanted {
            if !path.elements().iter().any(|step| matches!(step, ClaimPathElement::Index(_))) {
                let value = path.values(&claims).unwrap();
                prop_assert_eq!(path.values(seen.sd_jwt().claims()).unwrap(), value);
            }
        }
        // Every disclosure that was sent is at, above or below a path that was wanted.
        for disclosure in seen.sd_jwt().disclosures() {
            let index = held.disclosures().iter().position(|held| held == disclosure).unwrap();
            let place = held.disclosed_paths().nth(index).unwrap();
            prop_assert!(wanted.iter().any(|path| path.covers(place) || place.covers(path)));
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let lossy = String::from_utf8_lossy(&bytes);
        for text in [text.as_str(), &lossy] {
            drop(UnverifiedCredential::parse(text));
            drop(UnverifiedSdJwtKb::parse(text));
            drop(Disclosure::parse(text));
            drop(UnverifiedStatusListToken::parse(text));
            drop(StatusList::decompress(StatusBits::Two, text));
        }
        drop(Disclosure::parse(&disclosure(&text)));
    }

    #[test]
    fn no_payload_and_disclosures_make_the_reader_panic(
        payload in json_value(), values in prop::collection::vec(json_value(), 0..6), mix in any::<u64>()
    ) {
        let disclosures: Vec<Disclosure> = values
            .iter()
            .enumerate()
            .filter_map(|(index, value)| {
                let text = if mix >> index & 1 == 1 { json!(["salt", value]) } else { json!(["salt", "name", value]) };
                Disclosure::parse(&disclosure(&text.to_string())).ok()
            })
            .collect();
        let digests: Vec<&str> = disclosures.iter().map(Disclosure::digest).collect();
        let elements: Vec<Value> = digests.iter().map(|digest| json!({"...": digest})).collect();
        for payload in [payload.clone(), json!({"a": payload, "_sd": digests}), json!({"a": elements})] {
            drop(process(&payload, &disclosures));
        }
    }
}

#[test]
fn every_byte_of_a_presentation_matters() {
    let good = credential().presented().text();
    assert!(verify_presented(&good).is_ok());
    let bytes = good.as_bytes();
    for index in 0..bytes.len() {
        for flipped in [
            bytes[index] ^ 0x01,
            bytes[index] ^ 0x02,
            bytes[index] ^ 0x20,
            b'A',
            b'~',
            b'.',
        ] {
            if flipped == bytes[index] {
                continue;
            }
            let mut changed = bytes.to_vec();
            changed[index] = flipped;
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            assert!(
                verify_presented(&changed).is_err(),
                "byte {index} of {}",
                bytes.len()
            );
        }
    }
    for end in 0..good.len() {
        assert!(verify_presented(&good[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_presentation_of_another_moment_is_refused_at_each_moment() {
    let presented = credential().presented().text();
    let expected = protocol::credential::KeyBindingExpectation::new(AUDIENCE, NONCE);
    for (shift, ok) in [
        (0_i64, true),
        (300, true),
        (301, false),
        (-60, true),
        (-61, false),
        (86_400 * 31, false),
    ] {
        let now = NOW
            .as_unix()
            .checked_add_signed(shift)
            .map(Timestamp::from_unix)
            .unwrap();
        let unverified =
            protocol::credential::UnverifiedPresentedCredential::parse(&presented).unwrap();
        let verified = unverified.verify(&crate::forge::issuer(), &expected, now);
        assert_eq!(verified.is_ok(), ok, "{shift}");
    }
}
