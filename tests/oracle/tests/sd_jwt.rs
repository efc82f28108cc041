//! Where the readers agree, and where they are known not to.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use oracle::READERS;
use proptest::prelude::*;
use protocol::base64url;
use protocol::credential::sd_jwt::{Decoys, conceal};
use protocol::credential::{ClaimPath, ClaimPathElement};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sd_jwt_payload::{JsonObject, JwsSigner, SdJwtBuilder};
use serde_json::{Value, json};

/// JSON values of moderate size. No object is empty: sd-jwt-payload drops those from arrays.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        "[ -~é山]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,5}_", inner, 1..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claims() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-z]{1,5}_", json_value(), 1..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// All places in a value, outer ones before those inside them.
fn places(value: &Value) -> Vec<Vec<ClaimPathElement>> {
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), value)];
    while let Some((path, value)) = open.pop() {
        let members = value.as_object().into_iter().flatten();
        let members = members.map(|(name, value)| (ClaimPathElement::Name(name.clone()), value));
        let elements = (0..).zip(value.as_array().into_iter().flatten());
        let elements = elements.map(|(index, value)| (ClaimPathElement::Index(index), value));
        for (step, value) in members.chain(elements) {
            let below = [path.as_slice(), &[step]].concat();
            found.push(below.clone());
            open.push((below, value));
        }
    }
    found
}

fn chosen(claims: &Value, bits: u64) -> Vec<Vec<ClaimPathElement>> {
    let places = places(claims).into_iter().enumerate();
    let chosen = places.filter(|(index, _)| bits >> (index % 64) & 1 == 1);
    chosen.map(|(_, path)| path).collect()
}

/// A token whose signature nobody looks at.
fn token(header: &Value, payload: &Value) -> String {
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    format!(
        "{}.{}.{}",
        part(header),
        part(payload),
        base64url::encode(&[1; 64])
    )
}

/// The token, with its tilde, and the disclosures of these claims with some of their places concealed.
fn issued(claims: &Value, which: u64, decoys: Decoys, seed: u64) -> (String, Vec<String>) {
    let places = chosen(claims, which).into_iter();
    let disclosable: Vec<_> = places.map(|path| ClaimPath::new(path).unwrap()).collect();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let concealed = conceal(claims, &disclosable, decoys, &mut rng).unwrap();
    let mut payload = concealed.payload;
    // ssi asks for it; RFC 9901 does not.
    payload["_sd_alg"] = "sha-256".into();
    let text = token(&json!({"alg": "EdDSA", "typ": "example+sd-jwt"}), &payload) + "~";
    let disclosures = concealed.disclosures.iter();
    (
        text,
        disclosures.map(|one| one.encoded().to_owned()).collect(),
    )
}

/// Signs for `sd-jwt-payload`.
struct Unsigned;

#[async_trait]
impl JwsSigner for Unsigned {
    type Error = String;
    async fn sign(&self, header: &JsonObject, payload: &JsonObject) -> Result<Vec<u8>, String> {
        let (header, payload) = (header.clone().into(), payload.clone().into());
        Ok(token(&header, &payload).into_bytes())
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn pointer(path: &[ClaimPathElement]) -> String {
    let steps = path.iter().map(|step| match step {
        ClaimPathElement::Name(name) => format!("/{name}"),
        ClaimPathElement::Index(index) => format!("/{index}"),
        ClaimPathElement::All => panic!("paths are concrete"),
    });
    steps.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_we_issue_others_read_alike(claims in claims(), which in any::<u64>(), seed in any::<u64>()) {
        let (token, disclosures) = issued(&claims, which, Decoys::None, seed);
        let text = disclosures.iter().fold(token, |text, one| text + one + "~");
        for (name, reader) in READERS {
            let read = reader(&text);
            prop_assert_eq!(read.as_ref(), Ok(&claims), "{}", name);
        }
    }

    /// Only ssi is asked: sd-jwt-payload leaves the digests of undisclosed elements where they are.
    #[test]
    fn what_is_withheld_others_see_as_little_of(
        claims in claims(), which in any::<u64>(), kept in any::<u64>(), seed in any::<u64>()
    ) {
        let (token, disclosures) = issued(&claims, which, Decoys::PadToMultipleOf(2.try_into().unwrap()), seed);
        let kept = disclosures.iter().enumerate().filter(|(index, _)| kept >> (index % 64) & 1 == 1);
        let text = kept.fold(token, |text, (_, one)| text + one + "~");
        let (ours, ssi) = (oracle::tegata(&text), oracle::ssi(&text));
        // Both refuse a disclosure without its parent, each with a text of its own.
        prop_assert_eq!(ours.ok(), ssi.ok());
    }

    #[test]
    fn what_others_issue_we_read_alike(claims in claims(), which in any::<u64>()) {
        let mut builder = SdJwtBuilder::new(claims.clone()).unwrap();
        // Inner claims first: a concealed one cannot be entered any more.
        for path in chosen(&claims, which).iter().rev() {
            builder = builder.make_concealable(&pointer(path)).unwrap();
        }
        let text = ready(builder.finish(&Unsigned, "EdDSA")).unwrap().presentation();
        for (name, reader) in READERS {
            let read = reader(&text);
            prop_assert_eq!(read.as_ref(), Ok(&claims), "{}", name);
        }
    }
}

fn vectors() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/vectors/credential");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    let mut vectors: Vec<_> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let vector = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            (name, vector)
        })
        .collect();
    vectors.sort_by(|a, b| a.0.cmp(&b.0));
    vectors
}

/// The names of those vectors with this prefix that a reader treats in another way than `specs/vectors/credential` says.
fn departures(prefix: &str, reader: fn(&str) -> Result<Value, String>) -> BTreeSet<String> {
    let vectors = vectors()
        .into_iter()
        .filter(|(name, _)| name.starts_with(prefix));
    let departing = vectors.filter(|(_, vector)| {
        let text = vector["presentation"].as_str().unwrap();
        // Key binding is not what is compared.
        let text = &text[..=text.rfind('~').unwrap_or(text.len() - 1)];
        match reader(text) {
            Ok(read) => read != vector["expected"]["payload"],
            Err(_) => vector["expected"]["valid"] == true,
        }
    });
    departing.map(|(name, _)| name).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn good_vectors_are_read_alike_but_for_known_departures() {
    let [tegata, ssi, sd_jwt_payload] = READERS.map(|(_, reader)| departures("accept", reader));
    assert_eq!(tegata, names(&[]));
    // It refuses a payload without _sd_alg.
    assert_eq!(
        ssi,
        names(&[
            "accept-empty-digests",
            "accept-recursion-8",
            "accept-spacing"
        ])
    );
    // It leaves the digests of undisclosed elements where nothing is disclosed.
    assert_eq!(sd_jwt_payload, names(&["accept-empty-digests"]));
}

#[test]
fn bad_disclosures_are_refused_by_us_and_overlooked_by_others_as_known() {
    let rows = [
        "refuse-s03",
        "refuse-s04",
        "refuse-s05",
        "refuse-s06",
        "refuse-s07",
        "refuse-s08",
        "refuse-s09",
        "refuse-s10",
        "refuse-s11",
        "refuse-s13",
    ];
    let all = |reader| {
        rows.iter()
            .flat_map(|row| departures(row, reader))
            .collect::<BTreeSet<_>>()
    };
    let [tegata, ssi, sd_jwt_payload] = READERS.map(|(_, reader)| all(reader));
    assert_eq!(tegata, names(&[]));
    let by_both = [
        "refuse-s03-hash-algorithm-nested",
        "refuse-s04-duplicate-member",
        "refuse-s05-claim-named-dots",
        "refuse-s08-decoy-twice",
        "refuse-s08-digest-twice",
        "refuse-s11-disclosure-twice",
        "refuse-s13-dots-in-object",
    ];
    let with = |more: [&str; 2]| names(&[by_both.as_slice(), &more].concat());
    assert_eq!(
        ssi,
        with(["refuse-s05-claim-named-sd", "refuse-s13-dots-beside"])
    );
    assert_eq!(
        sd_jwt_payload,
        with(["refuse-s03-hash-algorithm", "refuse-s13-sd-no-array"])
    );
}
