//! From a payload with digests and a set of disclosures to the processed payload
//! ([RFC 9901, section 7.1](https://www.rfc-editor.org/rfc/rfc9901#section-7.1), steps 3 to 5).

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::{Map, Value};

use super::disclosure::{DIGESTS, DisclosedClaim, Disclosure, ELEMENT_DIGEST, HASH_ALGORITHM};
use crate::credential::path::{ClaimPath, ClaimPathElement};

/// Disclosures in one SD-JWT.
pub const DISCLOSURES_MAX: usize = 256;
/// Disclosures inside disclosures.
pub const RECURSION_MAX: usize = 8;
/// Nesting of the processed payload: what JSON itself may nest.
const DEPTH_MAX: usize = 32;
/// The one hash algorithm that is accepted.
const SHA_256: &str = "sha-256";

/// The outcome of processing: claims as an application sees them, and where each disclosure ended up.
#[derive(Clone, PartialEq)]
pub struct ProcessedPayload {
    claims: Value,
    placements: Vec<Placement>,
}

/// Where a disclosure belongs in the processed payload.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placement {
    /// The place of the disclosed claim.
    pub(super) path: ClaimPath,
    /// The disclosure whose value holds this one's digest; none if the signed payload itself does.
    pub(super) parent: Option<usize>,
}

/// Why a payload and its disclosures do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// The payload is not a JSON object.
    #[error("the payload is not an object")]
    Payload,
    /// `_sd_alg` is not `sha-256`, or stands below the top level.
    #[error("the hash algorithm is not sha-256, or is named in the wrong place")]
    HashAlgorithm,
    /// `_sd` is not an array of strings, or `_sd` or `...` stands where no digest can.
    #[error("a digest has another form than an entry of _sd or of an array")]
    MalformedDigest,
    /// A digest occurs twice.
    #[error("a digest occurs more than once")]
    RepeatedDigest,
    /// A disclosure was sent twice.
    #[error("a disclosure occurs more than once")]
    RepeatedDisclosure,
    /// A disclosure for an array element stands for an object member, or the reverse.
    #[error("a disclosure for an object is used in an array, or the reverse")]
    WrongKind,
    /// A disclosed claim has the name of a claim that is there already.
    #[error("a disclosed claim has the name of another claim beside it")]
    RepeatedClaim,
    /// No digest stands for a disclosure.
    #[error("a disclosure belongs to no digest")]
    UnreferencedDisclosure,
    /// There are more disclosures than allowed.
    #[error("there are more than {DISCLOSURES_MAX} disclosures")]
    TooMany,
    /// Disclosures or claims are nested more deeply than allowed.
    #[error("disclosures or claims are nested too deeply")]
    TooDeep,
}

/// Puts the disclosed claims at the place of their digests and drops all digests that nothing was disclosed for.
pub fn process(
    payload: &Value,
    disclosures: &[Disclosure],
) -> Result<ProcessedPayload, ProcessError> {
    if disclosures.len() > DISCLOSURES_MAX {
        return Err(ProcessError::TooMany);
    }
    let object = payload.as_object().ok_or(ProcessError::Payload)?;
    match object.get(HASH_ALGORITHM) {
        None => {}
        Some(Value::String(name)) if name == SHA_256 => {}
        Some(_) => return Err(ProcessError::HashAlgorithm),
    }
    let mut reader = Reader::new(disclosures)?;
    let mut claims = object.clone();
    claims.remove(HASH_ALGORITHM);
    let claims = reader.object(&claims, Scope::PAYLOAD)?;
    let placements = reader
        .placements
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or(ProcessError::UnreferencedDisclosure)?;
    Ok(ProcessedPayload { claims, placements })
}

impl ProcessedPayload {
    /// The Processed SD-JWT Payload.
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    /// Where each disclosure belongs, in the order in which the disclosures were given.
    pub fn paths(&self) -> impl Iterator<Item = &ClaimPath> {
        self.placements.iter().map(|placement| &placement.path)
    }

    pub(super) fn placements(&self) -> &[Placement] {
        &self.placements
    }
}

/// Which disclosure a value came from, and how many disclosures that one is inside of.
#[derive(Clone, Copy)]
struct Scope {
    disclosure: Option<usize>,
    recursion: usize,
}

impl Scope {
    const PAYLOAD: Self = Self {
        disclosure: None,
        recursion: 0,
    };

    fn inside(self, disclosure: usize) -> Result<Self, ProcessError> {
        if self.recursion >= RECURSION_MAX {
            return Err(ProcessError::TooDeep);
        }
        Ok(Self {
            disclosure: Some(disclosure),
            recursion: self.recursion + 1,
        })
    }
}

struct Reader<'d> {
    disclosures: &'d [Disclosure],
    by_digest: HashMap<&'d str, usize>,
    digests_seen: HashSet<String>,
    placements: Vec<Option<Placement>>,
    here: Vec<ClaimPathElement>,
}

impl<'d> Reader<'d> {
    fn new(disclosures: &'d [Disclosure]) -> Result<Self, ProcessError> {
        let mut by_digest = HashMap::with_capacity(disclosures.len());
        for (index, disclosure) in disclosures.iter().enumerate() {
            if by_digest.insert(disclosure.digest(), index).is_some() {
                return Err(ProcessError::RepeatedDisclosure);
            }
        }
        Ok(Self {
            disclosures,
            by_digest,
            digests_seen: HashSet::new(),
            placements: vec![None; disclosures.len()],
            here: Vec::new(),
        })
    }

    fn value(&mut self, value: &Value, scope: Scope) -> Result<Value, ProcessError> {
        match value {
            Value::Object(object) => self.object(object, scope),
            Value::Array(array) => self.array(array, scope),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, scope: Scope) -> Result<Value, ProcessError> {
        let mut claims = Map::new();
        for (name, value) in object.iter().filter(|(name, _)| *name != DIGESTS) {
            match name.as_str() {
                HASH_ALGORITHM => return Err(ProcessError::HashAlgorithm),
                ELEMENT_DIGEST => return Err(ProcessError::MalformedDigest),
                _ => {}
            }
            let value = self.below(ClaimPathElement::Name(name.clone()), value, scope)?;
            claims.insert(name.clone(), value);
        }
        let digests = match object.get(DIGESTS) {
            None => &[],
            Some(Value::Array(digests)) => digests.as_slice(),
            Some(_) => return Err(ProcessError::MalformedDigest),
        };
        for digest in digests {
            let digest = digest.as_str().ok_or(ProcessError::MalformedDigest)?;
            let Some((index, disclosure)) = self.take(digest)? else {
                continue;
            };
            let DisclosedClaim::Property { name, value } = disclosure.claim() else {
                return Err(ProcessError::WrongKind);
            };
            if claims.contains_key(name) {
                return Err(ProcessError::RepeatedClaim);
            }
            let step = ClaimPathElement::Name(name.clone());
            claims.insert(name.clone(), self.disclosed(index, step, value, scope)?);
        }
        Ok(Value::Object(claims))
    }

    fn array(&mut self, array: &[Value], scope: Scope) -> Result<Value, ProcessError> {
        let mut claims = Vec::new();
        for element in array {
            // Undisclosed elements vanish, so that the index is that of the processed payload.
            let step = ClaimPathElement::Index(u64::try_from(claims.len()).unwrap_or(u64::MAX));
            match element_digest(element)? {
                None => claims.push(self.below(step, element, scope)?),
                Some(digest) => {
                    let Some((index, disclosure)) = self.take(digest)? else {
                        continue;
                    };
                    let DisclosedClaim::Element { value } = disclosure.claim() else {
                        return Err(ProcessError::WrongKind);
                    };
                    claims.push(self.disclosed(index, step, value, scope)?);
                }
            }
        }
        Ok(Value::Array(claims))
    }

    /// Notes an embedded digest and finds its disclosure, if there is one.
    fn take(&mut self, digest: &str) -> Result<Option<(usize, &'d Disclosure)>, ProcessError> {
        if !self.digests_seen.insert(digest.to_owned()) {
            return Err(ProcessError::RepeatedDigest);
        }
        let Some(index) = self.by_digest.get(digest).copied() else {
            return Ok(None);
        };
        Ok(self.disclosures.get(index).map(|found| (index, found)))
    }

    fn disclosed(
        &mut self,
        index: usize,
        step: ClaimPathElement,
        value: &Value,
        scope: Scope,
    ) -> Result<Value, ProcessError> {
        let inside = scope.inside(index)?;
        self.here.push(step);
        let path = ClaimPath::new(self.here.clone()).map_err(|_too_long| ProcessError::TooDeep)?;
        if let Some(placement) = self.placements.get_mut(index) {
            *placement = Some(Placement {
                path,
                parent: scope.disclosure,
            });
        }
        let value = self.value(value, inside);
        self.here.pop();
        value
    }

    fn below(
        &mut self,
        step: ClaimPathElement,
        value: &Value,
        scope: Scope,
    ) -> Result<Value, ProcessError> {
        if self.here.len() >= DEPTH_MAX {
            return Err(ProcessError::TooDeep);
        }
        self.here.push(step);
        let value = self.value(value, scope);
        self.here.pop();
        value
    }
}

/// The digest that an array element stands for: `{"...": "<digest>"}` and nothing else.
fn element_digest(element: &Value) -> Result<Option<&str>, ProcessError> {
    let Some(object) = element.as_object() else {
        return Ok(None);
    };
    match object.get(ELEMENT_DIGEST) {
        None => Ok(None),
        Some(Value::String(digest)) if object.len() == 1 => Ok(Some(digest)),
        Some(_) => Err(ProcessError::MalformedDigest),
    }
}

impl fmt::Debug for ProcessedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessedPayload(..)")
    }
}
