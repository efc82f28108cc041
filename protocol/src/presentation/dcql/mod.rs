//! Digital Credentials Query Language
//! ([OpenID4VP 1.0, section 6](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#dcql_query)).
//!
//! A [`Query`] exists only in checked form: [`Query::parse`] enforces the grammar and the limits. The holder asks
//! it what to give ([`CredentialQuery::select`], [`Query::choose`]); the verifier asks it whether what came back is
//! an answer ([`CredentialQuery::check`], [`Query::is_answered_by`]) and never relies on the wallet for that.

mod answer;
mod authority;
mod extract;
mod parse;
mod select;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Map, Value, json};

pub use answer::{AnswerError, Choice};
pub use authority::authority_key_ids;
pub use select::{Candidate, HolderBinding, Mismatch, Selection};

use crate::credential::{ClaimPath, ClaimPathError};

/// Credential queries in one query.
pub const CREDENTIALS_MAX: usize = 8;
/// Claims queries in one credential query.
pub const CLAIMS_MAX: usize = 64;
/// Identifiers in all `claim_sets` of one credential query together.
pub const CLAIM_SET_ENTRIES_MAX: usize = 256;
/// Credential set queries in one query, and options in one of them.
pub const CREDENTIAL_SETS_MAX: usize = 16;
/// Values in one list: `values`, `vct_values`, `trusted_authorities` and their values.
pub const VALUES_MAX: usize = 64;
/// Characters in one identifier.
pub const ID_MAX: usize = 64;

/// The format identifier of SD-JWT VC.
pub const FORMAT_SD_JWT_VC: &str = "dc+sd-jwt";

/// Why a DCQL query is refused; on the wire each of them is `invalid_request`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A member is missing or has the wrong type.
    #[error("{0} is missing or has the wrong type")]
    Malformed(&'static str),
    /// A path is no claims path pointer.
    #[error("a path is no claims path pointer")]
    Path(#[source] ClaimPathError),
    /// A list that must have an element has none.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A list is longer than the limit.
    #[error("{0} has too many elements")]
    TooMany(&'static str),
    /// An identifier stands twice where it must be unique.
    #[error("an identifier in {0} is used twice")]
    DuplicateId(&'static str),
    /// A set refers to an identifier that the query does not define.
    #[error("{0} refers to an unknown identifier")]
    UnknownId(&'static str),
    /// `claim_sets` stands without `claims`.
    #[error("claim_sets without claims")]
    ClaimSetsWithoutClaims,
}

/// Identifies a credential query or a claims query: letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(String);

impl QueryId {
    /// Checks the alphabet and the length.
    pub fn new(text: &str) -> Result<Self, QueryError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > ID_MAX || !text.chars().all(allowed) {
            return Err(QueryError::Malformed("id"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A checked DCQL query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    credentials: Vec<CredentialQuery>,
    credential_sets: Vec<CredentialSetQuery>,
}

/// Asks for presentations of one kind of credential.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialQuery {
    id: QueryId,
    format: String,
    meta: Map<String, Value>,
    vct_values: Vec<String>,
    multiple: Multiple,
    trusted_authorities: Vec<TrustedAuthority>,
    holder_binding: HolderBinding,
    claims: Vec<ClaimsQuery>,
    claim_sets: Vec<Vec<QueryId>>,
}

/// How many presentations may answer one credential query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiple {
    /// Exactly one.
    One,
    /// One or more.
    Many,
}

/// An authority or trust framework that the verifier accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedAuthority {
    kind: String,
    values: Vec<String>,
}

/// Asks for one claim, or for the claims that a path with `null` selects.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimsQuery {
    id: Option<QueryId>,
    path: ClaimPath,
    values: Vec<ClaimValue>,
}

/// A value that a claims query accepts; type and value must both be equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
}

/// Alternatives of credentials that together serve one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSetQuery {
    options: Vec<Vec<QueryId>>,
    necessity: Necessity,
}

/// Whether a credential set must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Necessity {
    /// Without it the answer is refused.
    Required,
    /// The holder may leave it out.
    Optional,
}

impl Query {
    /// The credential queries in the verifier's order.
    #[must_use]
    pub fn credentials(&self) -> &[CredentialQuery] {
        &self.credentials
    }

    /// The credential query of that id.
    #[must_use]
    pub fn credential(&self, id: &str) -> Option<&CredentialQuery> {
        self.credentials
            .iter()
            .find(|credential| credential.id.0 == id)
    }

    /// The credential set queries; empty when all credentials are asked for.
    #[must_use]
    pub fn credential_sets(&self) -> &[CredentialSetQuery] {
        &self.credential_sets
    }

    /// The query as JSON, with defaults left out.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let credentials: Vec<Value> = self
            .credentials
            .iter()
            .map(CredentialQuery::to_value)
            .collect();
        let mut query = Map::from_iter([("credentials".to_owned(), Value::Array(credentials))]);
        if !self.credential_sets.is_empty() {
            let sets = self
                .credential_sets
                .iter()
                .map(CredentialSetQuery::to_value)
                .collect();
            query.insert("credential_sets".to_owned(), Value::Array(sets));
        }
        Value::Object(query)
    }
}

impl CredentialQuery {
    /// The identifier that the answer is filed under.
    #[must_use]
    pub const fn id(&self) -> &QueryId {
        &self.id
    }

    /// The credential format identifier.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The accepted credential types; empty means any.
    #[must_use]
    pub fn vct_values(&self) -> &[String] {
        &self.vct_values
    }

    /// How many presentations may answer.
    #[must_use]
    pub const fn multiple(&self) -> Multiple {
        self.multiple
    }

    /// Whether a proof of holder binding is required.
    #[must_use]
    pub const fn holder_binding(&self) -> HolderBinding {
        self.holder_binding
    }

    /// The claims queries; empty when only what is always disclosed is asked for.
    #[must_use]
    pub fn claims(&self) -> &[ClaimsQuery] {
        &self.claims
    }

    /// The accepted combinations of claims, the preferred one first; empty means all claims.
    #[must_use]
    pub fn claim_sets(&self) -> &[Vec<QueryId>] {
        &self.claim_sets
    }

    fn to_value(&self) -> Value {
        let mut query = Map::new();
        query.insert("id".to_owned(), json!(self.id.0));
        query.insert("format".to_owned(), json!(self.format));
        query.insert("meta".to_owned(), Value::Object(self.meta.clone()));
        if self.multiple == Multiple::Many {
            query.insert("multiple".to_owned(), json!(true));
        }
        if !self.trusted_authorities.is_empty() {
            let authorities = self
                .trusted_authorities
                .iter()
                .map(TrustedAuthority::to_value)
                .collect();
            query.insert("trusted_authorities".to_owned(), Value::Array(authorities));
        }
        if self.holder_binding == HolderBinding::Unbound {
            query.insert(
                "require_cryptographic_holder_binding".to_owned(),
                json!(false),
            );
        }
        if !self.claims.is_empty() {
            let claims = self.claims.iter().map(ClaimsQuery::to_value).collect();
            query.insert("claims".to_owned(), Value::Array(claims));
        }
        if !self.claim_sets.is_empty() {
            let sets = self
                .claim_sets
                .iter()
                .map(|set| ids_to_value(set))
                .collect();
            query.insert("claim_sets".to_owned(), Value::Array(sets));
        }
        Value::Object(query)
    }
}

impl TrustedAuthority {
    fn to_value(&self) -> Value {
        json!({"type": self.kind, "values": self.values})
    }
}

impl ClaimsQuery {
    /// The identifier that `claim_sets` refers to.
    #[must_use]
    pub const fn id(&self) -> Option<&QueryId> {
        self.id.as_ref()
    }

    /// Where the claim stands in the credential.
    #[must_use]
    pub const fn path(&self) -> &ClaimPath {
        &self.path
    }

    /// The accepted values; empty means any.
    #[must_use]
    pub fn values(&self) -> &[ClaimValue] {
        &self.values
    }

    fn to_value(&self) -> Value {
        let mut query = Map::new();
        if let Some(id) = &self.id {
            query.insert("id".to_owned(), json!(id.0));
        }
        query.insert("path".to_owned(), Value::Array(self.path.clone().into()));
        if !self.values.is_empty() {
            let values = self.values.iter().map(ClaimValue::to_value).collect();
            query.insert("values".to_owned(), Value::Array(values));
        }
        Value::Object(query)
    }
}

impl ClaimValue {
    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Integer(integer) => json!(integer),
            Self::Boolean(boolean) => json!(boolean),
        }
    }
}

impl CredentialSetQuery {
    /// The alternatives, the preferred one first.
    #[must_use]
    pub fn options(&self) -> &[Vec<QueryId>] {
        &self.options
    }

    /// Whether the set must be answered.
    #[must_use]
    pub const fn necessity(&self) -> Necessity {
        self.necessity
    }

    fn to_value(&self) -> Value {
        let options: Vec<Value> = self
            .options
            .iter()
            .map(|option| ids_to_value(option))
            .collect();
        let mut set = Map::from_iter([("options".to_owned(), Value::Array(options))]);
        if self.necessity == Necessity::Optional {
            set.insert("required".to_owned(), json!(false));
        }
        Value::Object(set)
    }
}

fn ids_to_value(ids: &[QueryId]) -> Value {
    ids.iter().map(|id| json!(id.0)).collect()
}
