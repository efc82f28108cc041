//! Keeping what was asked for, and nothing else.

use serde_json::{Map, Value};

use super::Selection;
use crate::credential::{ClaimPath, ClaimPathElement};

impl Selection {
    /// The selected claims alone: other members and elements are gone, and the order of the rest is kept.
    #[must_use]
    pub fn extract(&self, claims: &Value) -> Value {
        let paths: Vec<&[ClaimPathElement]> = self.paths.iter().map(ClaimPath::elements).collect();
        below(claims, &paths).unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// What of `value` the remaining steps of some paths lead to.
fn below(value: &Value, paths: &[&[ClaimPathElement]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    if paths.is_empty() {
        return None;
    }
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, member)| {
                let onward = steps(
                    paths,
                    |step| matches!(step, ClaimPathElement::Name(wanted) if wanted == name),
                );
                Some((name.clone(), below(member, &onward)?))
            });
            Some(Value::Object(kept.collect()))
        }
        Value::Array(elements) => {
            let kept = (0_u64..).zip(elements).filter_map(|(index, element)| {
                let onward = steps(paths, |step| match step {
                    ClaimPathElement::Index(wanted) => *wanted == index,
                    ClaimPathElement::All => true,
                    ClaimPathElement::Name(_) => false,
                });
                below(element, &onward)
            });
            Some(Value::Array(kept.collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn steps<'p>(
    paths: &[&'p [ClaimPathElement]],
    leads: impl Fn(&ClaimPathElement) -> bool,
) -> Vec<&'p [ClaimPathElement]> {
    paths
        .iter()
        .filter_map(|path| path.split_first())
        .filter(|(step, _)| leads(step))
        .map(|(_, rest)| rest)
        .collect()
}
