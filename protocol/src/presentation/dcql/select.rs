//! One credential against one credential query: what the holder would give, and whether what came back fits.

use serde_json::Value;

use super::{ClaimValue, ClaimsQuery, CredentialQuery, FORMAT_SD_JWT_VC, QueryId};
use crate::credential::{ClaimPath, ClaimPathElement};

/// What a credential query looks at: a credential in the wallet, or a presented one.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The credential format identifier.
    pub format: &'a str,
    /// The credential type.
    pub vct: &'a str,
    /// All claims that are known: every claim in the wallet, the disclosed ones at the verifier.
    pub claims: &'a Value,
    /// Whether the credential is, or can be, presented with proof of holder binding.
    pub binding: HolderBinding,
    /// The authority key identifiers of the issuer's certificates, see [`super::authority_key_ids`].
    pub authority_key_ids: &'a [String],
}

/// Whether a cryptographic proof of holder binding goes with a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderBinding {
    /// With proof (SD-JWT+KB).
    Bound,
    /// Without proof.
    Unbound,
}

/// What is to be disclosed of a matching credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The concrete claims, each once; empty means nothing beyond what is always disclosed.
    pub paths: Vec<ClaimPath>,
}

/// Why a credential is no match for a credential query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another format.
    #[error("the credential has another format")]
    Format,
    /// Another credential type.
    #[error("the credential has another type")]
    Type,
    /// Holder binding is asked for and absent.
    #[error("the credential is not bound to its holder")]
    HolderBinding,
    /// None of the accepted authorities stands behind the issuer.
    #[error("the issuer is under none of the accepted authorities")]
    Authority,
    /// A claim is missing or has none of the accepted values; no combination is complete.
    #[error("the claims asked for are not all there")]
    Claims,
}

/// On which side a query is evaluated; they differ in what an array index can mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Holder,
    Verifier,
}

impl CredentialQuery {
    /// What to disclose of this credential to answer the query: the first combination that the credential can satisfy.
    pub fn select(&self, candidate: &Candidate<'_>) -> Result<Selection, Mismatch> {
        self.evaluate(candidate, Side::Holder)
    }

    /// Whether a presented credential answers the query, and which of the disclosed claims were asked for.
    ///
    /// Elements of an array that the holder did not disclose are gone from the claims, so the positions of the others
    /// have moved: where an index selects nothing that fits, it stands for every element that is left.
    pub fn check(&self, presented: &Candidate<'_>) -> Result<Selection, Mismatch> {
        self.evaluate(presented, Side::Verifier)
    }

    fn evaluate(&self, candidate: &Candidate<'_>, side: Side) -> Result<Selection, Mismatch> {
        if candidate.format != self.format || self.format != FORMAT_SD_JWT_VC {
            return Err(Mismatch::Format);
        }
        if !self.vct_values.is_empty() && !self.vct_values.iter().any(|vct| vct == candidate.vct) {
            return Err(Mismatch::Type);
        }
        if self.holder_binding == HolderBinding::Bound
            && candidate.binding == HolderBinding::Unbound
        {
            return Err(Mismatch::HolderBinding);
        }
        let authorities = &self.trusted_authorities;
        if !authorities.is_empty()
            && !authorities
                .iter()
                .any(|a| a.stands_behind(candidate.authority_key_ids))
        {
            return Err(Mismatch::Authority);
        }
        self.claims_of(candidate.claims, side)
            .ok_or(Mismatch::Claims)
    }

    fn claims_of(&self, claims: &Value, side: Side) -> Option<Selection> {
        if self.claim_sets.is_empty() {
            return combination(self.claims.iter(), claims, side);
        }
        self.claim_sets
            .iter()
            .find_map(|set| combination(set.iter().filter_map(|id| self.claim(id)), claims, side))
    }

    fn claim(&self, id: &QueryId) -> Option<&ClaimsQuery> {
        self.claims
            .iter()
            .find(|claim| claim.id.as_ref() == Some(id))
    }
}

/// All claims of a combination, or nothing.
fn combination<'q>(
    queries: impl Iterator<Item = &'q ClaimsQuery>,
    claims: &Value,
    side: Side,
) -> Option<Selection> {
    let mut paths = Vec::new();
    for query in queries {
        for path in query.matches(claims, side)? {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    Some(Selection { paths })
}

impl ClaimsQuery {
    /// The concrete claims that the path selects and, when values are given, that have one of them.
    fn matches(&self, claims: &Value, side: Side) -> Option<Vec<ClaimPath>> {
        let accepted = |selected: Vec<ClaimPath>| {
            let accepted: Vec<_> = selected
                .into_iter()
                .filter(|path| self.accepts(path, claims))
                .collect();
            (!accepted.is_empty()).then_some(accepted)
        };
        let exact = self.path.select(claims).ok().and_then(accepted);
        match side {
            Side::Holder => exact,
            Side::Verifier => {
                exact.or_else(|| accepted(select_after_disclosure(&self.path, claims)))
            }
        }
    }

    fn accepts(&self, concrete: &ClaimPath, claims: &Value) -> bool {
        if self.values.is_empty() {
            return true;
        }
        let Ok(found) = concrete.values(claims) else {
            return false;
        };
        found
            .iter()
            .any(|value| self.values.iter().any(|accepted| accepted.equals(value)))
    }
}

/// Like [`ClaimPath::select`], but an index stands for every element, and what has another shape is passed over.
fn select_after_disclosure(path: &ClaimPath, claims: &Value) -> Vec<ClaimPath> {
    if !path
        .elements()
        .iter()
        .any(|step| matches!(step, ClaimPathElement::Index(_)))
    {
        return Vec::new();
    }
    let mut selected: Vec<(Vec<ClaimPathElement>, &Value)> = vec![(Vec::new(), claims)];
    for step in path.elements() {
        selected = selected
            .into_iter()
            .flat_map(|(at, value)| {
                children(step, value)
                    .into_iter()
                    .map(move |(step, child)| (extended(&at, step), child))
            })
            .collect();
    }
    selected
        .into_iter()
        .filter_map(|(at, _)| ClaimPath::new(at).ok())
        .collect()
}

fn children<'v>(step: &ClaimPathElement, value: &'v Value) -> Vec<(ClaimPathElement, &'v Value)> {
    match (step, value) {
        (ClaimPathElement::Name(name), Value::Object(members)) => members
            .get(name)
            .map(|member| (step.clone(), member))
            .into_iter()
            .collect(),
        (ClaimPathElement::Index(_) | ClaimPathElement::All, Value::Array(elements)) => (0_u64..)
            .map(ClaimPathElement::Index)
            .zip(elements)
            .collect(),
        (ClaimPathElement::Name(_) | ClaimPathElement::Index(_) | ClaimPathElement::All, _) => {
            Vec::new()
        }
    }
}

fn extended(at: &[ClaimPathElement], step: ClaimPathElement) -> Vec<ClaimPathElement> {
    at.iter().cloned().chain(std::iter::once(step)).collect()
}

impl ClaimValue {
    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(expected), Value::String(found)) => expected == found,
            (Self::Integer(expected), Value::Number(found)) => found.as_i64() == Some(*expected),
            (Self::Boolean(expected), Value::Bool(found)) => expected == found,
            (Self::Text(_) | Self::Integer(_) | Self::Boolean(_), _) => false,
        }
    }
}
