//! Claims path pointers: which claims of a credential are meant
//! ([OpenID4VP 1.0, section 7](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#claims_path_pointer)).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Elements in one path; no claim lies deeper than JSON may nest.
const ELEMENTS_MAX: usize = 32;

/// One step of a [`ClaimPath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimPathElement {
    /// The member of an object with this name.
    Name(String),
    /// The element of an array at this position, counted from 0.
    Index(u64),
    /// All elements of an array; written `null`.
    All,
}

/// A non-empty sequence of steps from the root of the claims to one claim, or to several through [`ClaimPathElement::All`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Vec<Value>", into = "Vec<Value>")]
pub struct ClaimPath(Vec<ClaimPathElement>);

/// Why a value is no claims path pointer, or why it selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimPathError {
    /// A path has between 1 and 32 elements.
    #[error("a claims path has between 1 and {ELEMENTS_MAX} elements")]
    Length,
    /// An element is neither a string, nor a non-negative integer, nor null.
    #[error("a claims path consists of strings, non-negative integers and null")]
    Element,
    /// The claims hold nothing at this path, or hold something of another shape.
    #[error("there is no claim at {0}")]
    NoSuchClaim(ClaimPath),
}

impl ClaimPath {
    /// The path of one top-level claim.
    pub fn root(name: &str) -> Self {
        Self(vec![ClaimPathElement::Name(name.to_owned())])
    }

    /// This path and one object member further.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.then(ClaimPathElement::Name(name.to_owned()))
    }

    /// This path and one array element further.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        self.then(ClaimPathElement::Index(index))
    }

    /// This path and all elements of the array there.
    #[must_use]
    pub fn all(self) -> Self {
        self.then(ClaimPathElement::All)
    }

    fn then(mut self, element: ClaimPathElement) -> Self {
        self.0.push(element);
        self
    }

    /// A path from its elements.
    pub fn new(elements: Vec<ClaimPathElement>) -> Result<Self, ClaimPathError> {
        if elements.is_empty() || elements.len() > ELEMENTS_MAX {
            return Err(ClaimPathError::Length);
        }
        Ok(Self(elements))
    }

    /// The steps of the path, outermost first.
    pub fn elements(&self) -> &[ClaimPathElement] {
        &self.0
    }

    /// Whether `other` lies at this path or below it; [`ClaimPathElement::All`] stands for any index.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(ours, theirs)| match ours {
                    ClaimPathElement::All => !matches!(theirs, ClaimPathElement::Name(_)),
                    ClaimPathElement::Name(_) | ClaimPathElement::Index(_) => ours == theirs,
                })
    }

    /// The concrete paths (without [`ClaimPathElement::All`]) of all claims that this path selects.
    ///
    /// Follows the processing rules of OpenID4VP 1.0 section 7.1: a step on a value of the wrong shape is an error,
    /// a missing member or index only drops that branch, and an empty selection is an error.
    pub fn select(&self, claims: &Value) -> Result<Vec<Self>, ClaimPathError> {
        let selected = self.walk(claims)?;
        Ok(selected.into_iter().map(|(path, _)| Self(path)).collect())
    }

    /// The values of all claims that this path selects; see [`ClaimPath::select`].
    pub fn values<'v>(&self, claims: &'v Value) -> Result<Vec<&'v Value>, ClaimPathError> {
        let selected = self.walk(claims)?;
        Ok(selected.into_iter().map(|(_, value)| value).collect())
    }

    fn walk<'v>(
        &self,
        claims: &'v Value,
    ) -> Result<Vec<(Vec<ClaimPathElement>, &'v Value)>, ClaimPathError> {
        let absent = || ClaimPathError::NoSuchClaim(self.clone());
        let mut selected = vec![(Vec::new(), claims)];
        for element in &self.0 {
            let mut next = Vec::new();
            for (path, value) in selected {
                match element {
                    ClaimPathElement::Name(name) => {
                        let object = value.as_object().ok_or_else(absent)?;
                        if let Some(member) = object.get(name) {
                            next.push((extended(path, element.clone()), member));
                        }
                    }
                    ClaimPathElement::Index(index) => {
                        let array = value.as_array().ok_or_else(absent)?;
                        let position = usize::try_from(*index).ok();
                        if let Some(member) = position.and_then(|position| array.get(position)) {
                            next.push((extended(path, element.clone()), member));
                        }
                    }
                    ClaimPathElement::All => {
                        let array = value.as_array().ok_or_else(absent)?;
                        for (index, member) in (0_u64..).zip(array) {
                            let step = ClaimPathElement::Index(index);
                            next.push((extended(path.clone(), step), member));
                        }
                    }
                }
            }
            selected = next;
        }
        if selected.is_empty() {
            return Err(absent());
        }
        Ok(selected)
    }
}

fn extended(mut path: Vec<ClaimPathElement>, step: ClaimPathElement) -> Vec<ClaimPathElement> {
    path.push(step);
    path
}

impl TryFrom<Vec<Value>> for ClaimPath {
    type Error = ClaimPathError;

    fn try_from(elements: Vec<Value>) -> Result<Self, Self::Error> {
        let elements = elements
            .into_iter()
            .map(|element| match element {
                Value::String(name) => Ok(ClaimPathElement::Name(name)),
                Value::Number(index) => index
                    .as_u64()
                    .map(ClaimPathElement::Index)
                    .ok_or(ClaimPathError::Element),
                Value::Null => Ok(ClaimPathElement::All),
                Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(ClaimPathError::Element),
            })
            .collect::<Result<_, _>>()?;
        Self::new(elements)
    }
}

impl From<ClaimPath> for Vec<Value> {
    fn from(path: ClaimPath) -> Self {
        path.0
            .into_iter()
            .map(|element| match element {
                ClaimPathElement::Name(name) => Value::from(name),
                ClaimPathElement::Index(index) => Value::from(index),
                ClaimPathElement::All => Value::Null,
            })
            .collect()
    }
}

impl fmt::Display for ClaimPath {
    /// The path as compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Value::from(Vec::from(self.clone())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(value: Value) -> ClaimPath {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_path_selects_as_openid4vp_says() {
        let claims = json!({
            "name": "Arthur Dent",
            "address": {"street_address": "42 Market Street", "locality": "Milliways"},
            "degrees": [{"type": "Bachelor"}, {"type": "Master"}, {"other": 1}],
            "nationalities": ["British", "Betelgeusian"],
        });
        let values = |p: Value| -> Vec<Value> {
            let found = path(p).values(&claims).unwrap();
            found.into_iter().cloned().collect()
        };
        assert_eq!(values(json!(["name"])), [json!("Arthur Dent")]);
        assert_eq!(
            values(json!(["address", "street_address"])),
            [json!("42 Market Street")]
        );
        assert_eq!(values(json!(["nationalities", 1])), [json!("Betelgeusian")]);
        assert_eq!(
            values(json!(["degrees", null, "type"])),
            [json!("Bachelor"), json!("Master")]
        );
        let concrete = path(json!(["degrees", null, "type"])).select(&claims);
        assert_eq!(
            concrete.unwrap(),
            [
                path(json!(["degrees", 0, "type"])),
                path(json!(["degrees", 1, "type"]))
            ]
        );
    }

    #[test]
    fn a_path_that_selects_nothing_is_an_error() {
        let claims = json!({"a": {"b": [1]}, "s": "text"});
        for missing in [
            json!(["x"]),
            json!(["a", "b", 1]),
            json!(["s", "t"]),
            json!(["a", 0]),
            json!(["a", null]),
        ] {
            let path = path(missing);
            assert_eq!(
                path.select(&claims),
                Err(ClaimPathError::NoSuchClaim(path.clone()))
            );
        }
    }

    #[test]
    fn a_malformed_path_is_refused() {
        for bad in [
            json!([]),
            json!(["a", -1]),
            json!(["a", 1.5]),
            json!(["a", true]),
            json!(["a", ["b"]]),
            json!("a"),
            json!(vec!["a"; 33]),
        ] {
            assert!(
                serde_json::from_value::<ClaimPath>(bad.clone()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_path_covers_what_lies_at_or_below_it() {
        let checks = ClaimPath::root("checks");
        let first = checks.clone().index(0).name("result");
        assert!(checks.covers(&first));
        assert!(checks.clone().all().covers(&first));
        assert!(!checks.clone().index(1).covers(&first));
        assert!(!first.covers(&checks));
        assert_eq!(first.to_string(), r#"["checks",0,"result"]"#);
    }
}
