//! From claims to a payload with digests: the issuer's half of an SD-JWT
//! ([RFC 9901, section 4.2](https://www.rfc-editor.org/rfc/rfc9901#section-4.2)).

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroU8;

use rand_core::CryptoRng;
use serde_json::{Map, Value, json};

use super::disclosure::{
    DIGESTS, Disclosure, ELEMENT_DIGEST, HASH_ALGORITHM, RESERVED_NAMES, SALT_BYTES, digest,
    fresh_salt,
};
use super::reader::{DISCLOSURES_MAX, ProcessError, process};
use crate::base64url;
use crate::credential::path::{ClaimPath, ClaimPathElement, ClaimPathError};

/// Whether digests that stand for nothing hide how many claims there are (RFC 9901, section 4.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoys {
    /// The number of digests is the number of concealed claims.
    None,
    /// Each list of digests is filled up to a multiple of this number.
    PadToMultipleOf(NonZeroU8),
}

/// A payload with digests in the place of what may be disclosed, and the disclosures.
#[derive(Debug)]
pub struct ConcealedClaims {
    /// What the issuer signs.
    pub payload: Value,
    /// What the holder receives beside it.
    pub disclosures: Vec<Disclosure>,
}

/// Why claims cannot be made selectively disclosable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConcealError {
    /// The claims are not a JSON object.
    #[error("the claims are not an object")]
    Claims,
    /// A claim has a name that carries digests.
    #[error("a claim is named _sd, ... or _sd_alg")]
    ReservedName,
    /// A path that shall be disclosable leads nowhere.
    #[error("a disclosable claim does not exist")]
    NoSuchClaim(#[source] ClaimPathError),
    /// There are more disclosures than a reader accepts.
    #[error("more than {DISCLOSURES_MAX} claims are disclosable")]
    TooMany,
    /// Two disclosures have the same salt, or one has fewer than 128 bits: the random number generator is broken.
    #[error("a salt is short or shared")]
    Salt,
    /// The result cannot be read back.
    #[error("the concealed claims do not read back")]
    Unreadable(#[source] ProcessError),
    /// The result reads back as other claims.
    #[error("the concealed claims read back as others")]
    Different,
}

/// Makes the claims at the given paths selectively disclosable, each with a fresh salt, inner ones inside outer ones.
///
/// The result is read back before it is returned: nothing is emitted that a strict reader would refuse.
pub fn conceal(
    claims: &Value,
    disclosable: &[ClaimPath],
    decoys: Decoys,
    rng: &mut impl CryptoRng,
) -> Result<ConcealedClaims, ConcealError> {
    let object = claims.as_object().ok_or(ConcealError::Claims)?;
    let mut paths = BTreeSet::new();
    for path in disclosable {
        let selected = path.select(claims).map_err(ConcealError::NoSuchClaim)?;
        paths.extend(selected.iter().map(|path| path.elements().to_vec()));
    }
    if paths.len() > DISCLOSURES_MAX {
        return Err(ConcealError::TooMany);
    }
    let mut concealer = Concealer {
        paths,
        decoys,
        rng,
        here: Vec::new(),
        disclosures: Vec::new(),
    };
    let mut payload = concealer.object(object)?;
    if !concealer.disclosures.is_empty() {
        payload.insert(HASH_ALGORITHM.to_owned(), Value::from("sha-256"));
    }
    let concealed = ConcealedClaims {
        payload: Value::Object(payload),
        disclosures: concealer.disclosures,
    };
    check_salts(&concealed.disclosures)?;
    let read_back = process(&concealed.payload, &concealed.disclosures);
    if read_back.map_err(ConcealError::Unreadable)?.claims() != claims {
        return Err(ConcealError::Different);
    }
    Ok(concealed)
}

/// Refuses salts that are short or that occur twice (RFC 9901, section 9.3).
fn check_salts(disclosures: &[Disclosure]) -> Result<(), ConcealError> {
    let mut seen = HashSet::new();
    for disclosure in disclosures {
        let long = base64url::decode(disclosure.salt()).is_ok_and(|salt| salt.len() >= SALT_BYTES);
        if !long || !seen.insert(disclosure.salt()) {
            return Err(ConcealError::Salt);
        }
    }
    Ok(())
}

struct Concealer<'r, R> {
    paths: BTreeSet<Vec<ClaimPathElement>>,
    decoys: Decoys,
    rng: &'r mut R,
    here: Vec<ClaimPathElement>,
    disclosures: Vec<Disclosure>,
}

impl<R: CryptoRng> Concealer<'_, R> {
    fn value(&mut self, value: &Value) -> Result<Value, ConcealError> {
        match value {
            Value::Object(object) => self.object(object).map(Value::Object),
            Value::Array(array) => self.array(array).map(Value::Array),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn object(&mut self, object: &Map<String, Value>) -> Result<Map<String, Value>, ConcealError> {
        let mut payload = Map::new();
        let mut digests = Vec::new();
        for (name, value) in object {
            if RESERVED_NAMES.contains(&name.as_str()) {
                return Err(ConcealError::ReservedName);
            }
            let value = self.below(ClaimPathElement::Name(name.clone()), value)?;
            match value {
                Claim::Plain(value) => {
                    payload.insert(name.clone(), value);
                }
                Claim::Concealed(value) => {
                    let salt = fresh_salt(self.rng);
                    digests.push(self.keep(Disclosure::property(salt, name.clone(), value)));
                }
            }
        }
        if !digests.is_empty() {
            self.pad(&mut digests);
            // Sorted, so that the order of the claims does not show.
            digests.sort_unstable();
            payload.insert(DIGESTS.to_owned(), Value::from(digests));
        }
        Ok(payload)
    }

    fn array(&mut self, array: &[Value]) -> Result<Vec<Value>, ConcealError> {
        let mut payload = Vec::new();
        let mut digests = Vec::new();
        for (index, value) in (0_u64..).zip(array) {
            match self.below(ClaimPathElement::Index(index), value)? {
                Claim::Plain(value) => payload.push(value),
                Claim::Concealed(value) => {
                    let salt = fresh_salt(self.rng);
                    let digest = self.keep(Disclosure::element(salt, value));
                    payload.push(json!({ELEMENT_DIGEST: digest}));
                    digests.push(digest);
                }
            }
        }
        let real = digests.len();
        if real > 0 {
            self.pad(&mut digests);
        }
        let decoys = digests.into_iter().skip(real);
        payload.extend(decoys.map(|decoy| json!({ELEMENT_DIGEST: decoy})));
        Ok(payload)
    }

    fn below(&mut self, step: ClaimPathElement, value: &Value) -> Result<Claim, ConcealError> {
        self.here.push(step);
        let below = self.value(value);
        let concealed = self.paths.contains(&self.here);
        self.here.pop();
        let below = below?;
        Ok(if concealed {
            Claim::Concealed(below)
        } else {
            Claim::Plain(below)
        })
    }

    fn keep(&mut self, disclosure: Disclosure) -> String {
        let digest = disclosure.digest().to_owned();
        self.disclosures.push(disclosure);
        digest
    }

    fn pad(&mut self, digests: &mut Vec<String>) {
        let Decoys::PadToMultipleOf(multiple) = self.decoys else {
            return;
        };
        while !digests.len().is_multiple_of(usize::from(multiple.get())) {
            let mut random = [0_u8; 32];
            self.rng.fill_bytes(&mut random);
            digests.push(digest(&base64url::encode(&random)));
        }
    }
}

enum Claim {
    Plain(Value),
    Concealed(Value),
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use serde_json::json;

    use super::super::reader::RECURSION_MAX;
    use super::*;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(1)
    }

    /// Repeats itself: what a virtual machine restored from a snapshot may do.
    struct StuckRng;

    impl rand_core::TryRng for StuckRng {
        type Error = std::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(7)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(7)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(7);
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for StuckRng {}

    fn person() -> Value {
        json!({
            "iss": "https://issuer.example",
            "address": {"country": "JP", "region": "東京都"},
            "checks": [{"process": "residence"}, {"process": "asf_collation"}],
        })
    }

    #[test]
    fn inner_claims_are_concealed_inside_outer_ones() {
        let address = ClaimPath::root("address");
        let disclosable = [address.clone(), address.name("region")];
        let concealed = conceal(&person(), &disclosable, Decoys::None, &mut rng()).unwrap();
        assert_eq!(concealed.disclosures.len(), 2);
        assert_eq!(concealed.payload[DIGESTS].as_array().unwrap().len(), 1);
        assert!(concealed.payload.get("address").is_none());
        let read = process(&concealed.payload, &concealed.disclosures).unwrap();
        assert_eq!(read.claims(), &person());
    }

    #[test]
    fn decoys_fill_lists_of_digests_and_are_ignored_by_readers() {
        let disclosable = [ClaimPath::root("address"), ClaimPath::root("checks").all()];
        let four = Decoys::PadToMultipleOf(NonZeroU8::new(4).unwrap());
        let concealed = conceal(&person(), &disclosable, four, &mut rng()).unwrap();
        assert_eq!(concealed.payload[DIGESTS].as_array().unwrap().len(), 4);
        assert_eq!(concealed.payload["checks"].as_array().unwrap().len(), 4);
        assert_eq!(concealed.disclosures.len(), 3);
    }

    #[test]
    fn neg_s19_a_generator_that_repeats_itself_issues_nothing() {
        let one = [ClaimPath::root("address")];
        assert!(conceal(&person(), &one, Decoys::None, &mut StuckRng).is_ok());
        let two = [ClaimPath::root("address"), ClaimPath::root("iss")];
        let refused = conceal(&person(), &two, Decoys::None, &mut StuckRng);
        assert_eq!(refused.unwrap_err(), ConcealError::Salt);
    }

    #[test]
    fn neg_s19_a_short_salt_is_not_emitted() {
        let good = base64url::encode(&[1; 16]);
        let short = base64url::encode(&[1; 15]);
        assert_eq!(
            check_salts(&[Disclosure::element(good, Value::Null)]),
            Ok(())
        );
        assert_eq!(
            check_salts(&[Disclosure::element(short, Value::Null)]),
            Err(ConcealError::Salt)
        );
    }

    #[test]
    fn reserved_names_and_absent_claims_are_refused() {
        for reserved in RESERVED_NAMES {
            let claims = json!({"a": {reserved: 1}});
            let refused = conceal(&claims, &[], Decoys::None, &mut rng());
            assert_eq!(refused.unwrap_err(), ConcealError::ReservedName);
        }
        let absent = [ClaimPath::root("absent")];
        assert!(matches!(
            conceal(&person(), &absent, Decoys::None, &mut rng()),
            Err(ConcealError::NoSuchClaim(_))
        ));
    }

    #[test]
    fn what_readers_would_refuse_is_not_emitted() {
        let mut claims = json!(1);
        let mut path = Vec::new();
        let mut disclosable = Vec::new();
        for _ in 0..=RECURSION_MAX {
            claims = json!({"a": claims});
            path.push(ClaimPathElement::Name("a".to_owned()));
            disclosable.push(ClaimPath::new(path.clone()).unwrap());
        }
        let refused = conceal(&claims, &disclosable, Decoys::None, &mut rng());
        assert_eq!(
            refused.unwrap_err(),
            ConcealError::Unreadable(ProcessError::TooDeep)
        );
        disclosable.pop();
        assert!(conceal(&claims, &disclosable, Decoys::None, &mut rng()).is_ok());

        let many: Vec<u32> = (0..257).collect();
        let claims = json!({"many": many});
        let refused = conceal(
            &claims,
            &[ClaimPath::root("many").all()],
            Decoys::None,
            &mut rng(),
        );
        assert_eq!(refused.unwrap_err(), ConcealError::TooMany);
    }
}
