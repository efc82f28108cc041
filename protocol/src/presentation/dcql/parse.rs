//! From JSON to a checked [`Query`]. Unknown members are ignored, as the specification asks; known ones are strict.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    CLAIM_SET_ENTRIES_MAX, CLAIMS_MAX, CREDENTIAL_SETS_MAX, CREDENTIALS_MAX, ClaimValue,
    ClaimsQuery, CredentialQuery, CredentialSetQuery, FORMAT_SD_JWT_VC, HolderBinding, Multiple,
    Necessity, Query, QueryError, QueryId, TrustedAuthority, VALUES_MAX,
};
use crate::credential::ClaimPath;

impl Query {
    /// Checks grammar, references and limits of a `dcql_query`.
    pub fn parse(value: &Value) -> Result<Self, QueryError> {
        let object = object(value, "dcql_query")?;
        let credentials = list(object, "credentials", CREDENTIALS_MAX)?
            .ok_or(QueryError::Malformed("credentials"))?
            .iter()
            .map(credential_query)
            .collect::<Result<Vec<_>, _>>()?;
        let ids = unique(credentials.iter().map(CredentialQuery::id), "credentials")?;
        let credential_sets = list(object, "credential_sets", CREDENTIAL_SETS_MAX)?
            .unwrap_or_default()
            .iter()
            .map(|set| credential_set_query(set, &ids))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            credentials,
            credential_sets,
        })
    }
}

fn credential_query(value: &Value) -> Result<CredentialQuery, QueryError> {
    let query = object(value, "a credential query")?;
    let format = text(query, "format")?;
    let meta = match query.get("meta") {
        Some(Value::Object(meta)) => meta.clone(),
        _ => return Err(QueryError::Malformed("meta")),
    };
    let vct_values = if format == FORMAT_SD_JWT_VC {
        texts(&meta, "vct_values")?
    } else {
        Vec::new()
    };
    let claims = list(query, "claims", CLAIMS_MAX)?
        .unwrap_or_default()
        .iter()
        .map(claims_query)
        .collect::<Result<Vec<_>, _>>()?;
    let claim_sets = claim_sets(query, &claims)?;
    let trusted_authorities = list(query, "trusted_authorities", VALUES_MAX)?
        .unwrap_or_default()
        .iter()
        .map(trusted_authority)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(CredentialQuery {
        id: QueryId::new(text(query, "id")?)?,
        format: format.to_owned(),
        meta,
        vct_values,
        multiple: if boolean(query, "multiple", false)? {
            Multiple::Many
        } else {
            Multiple::One
        },
        trusted_authorities,
        holder_binding: if boolean(query, "require_cryptographic_holder_binding", true)? {
            HolderBinding::Bound
        } else {
            HolderBinding::Unbound
        },
        claims,
        claim_sets,
    })
}

fn claims_query(value: &Value) -> Result<ClaimsQuery, QueryError> {
    let query = object(value, "a claims query")?;
    let id = query
        .get("id")
        .map(|id| QueryId::new(as_text(id, "id")?))
        .transpose()?;
    let path = query
        .get("path")
        .and_then(Value::as_array)
        .ok_or(QueryError::Malformed("path"))?;
    let path = ClaimPath::try_from(path.clone()).map_err(QueryError::Path)?;
    let values = list(query, "values", VALUES_MAX)?
        .unwrap_or_default()
        .iter()
        .map(claim_value)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ClaimsQuery { id, path, values })
}

fn claim_value(value: &Value) -> Result<ClaimValue, QueryError> {
    match value {
        Value::String(text) => Ok(ClaimValue::Text(text.clone())),
        Value::Bool(boolean) => Ok(ClaimValue::Boolean(*boolean)),
        Value::Number(number) => number
            .as_i64()
            .map(ClaimValue::Integer)
            .ok_or(QueryError::Malformed("values")),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(QueryError::Malformed("values")),
    }
}

fn claim_sets(
    query: &Map<String, Value>,
    claims: &[ClaimsQuery],
) -> Result<Vec<Vec<QueryId>>, QueryError> {
    let ids = unique(claims.iter().filter_map(ClaimsQuery::id), "claims")?;
    let Some(sets) = list(query, "claim_sets", CLAIM_SET_ENTRIES_MAX)? else {
        return Ok(Vec::new());
    };
    if claims.is_empty() {
        return Err(QueryError::ClaimSetsWithoutClaims);
    }
    if claims.iter().any(|claim| claim.id.is_none()) {
        return Err(QueryError::Malformed("id"));
    }
    let sets = sets
        .iter()
        .map(|set| references(set, "claim_sets", &ids))
        .collect::<Result<Vec<_>, _>>()?;
    if sets.iter().map(Vec::len).sum::<usize>() > CLAIM_SET_ENTRIES_MAX {
        return Err(QueryError::TooMany("claim_sets"));
    }
    Ok(sets)
}

fn trusted_authority(value: &Value) -> Result<TrustedAuthority, QueryError> {
    let authority = object(value, "trusted_authorities")?;
    let values = texts(authority, "values")?;
    if values.is_empty() {
        return Err(QueryError::Malformed("values"));
    }
    Ok(TrustedAuthority {
        kind: text(authority, "type")?.to_owned(),
        values,
    })
}

fn credential_set_query(
    value: &Value,
    ids: &BTreeSet<&QueryId>,
) -> Result<CredentialSetQuery, QueryError> {
    let set = object(value, "credential_sets")?;
    let options = list(set, "options", CREDENTIAL_SETS_MAX)?
        .ok_or(QueryError::Malformed("options"))?
        .iter()
        .map(|option| references(option, "options", ids))
        .collect::<Result<Vec<_>, _>>()?;
    let necessity = if boolean(set, "required", true)? {
        Necessity::Required
    } else {
        Necessity::Optional
    };
    Ok(CredentialSetQuery { options, necessity })
}

/// A non-empty list of identifiers, each of which the query defines.
fn references(
    value: &Value,
    name: &'static str,
    defined: &BTreeSet<&QueryId>,
) -> Result<Vec<QueryId>, QueryError> {
    let references = value.as_array().ok_or(QueryError::Malformed(name))?;
    if references.is_empty() {
        return Err(QueryError::Empty(name));
    }
    if references.len() > CLAIMS_MAX {
        return Err(QueryError::TooMany(name));
    }
    let references = references
        .iter()
        .map(|id| QueryId::new(as_text(id, name)?))
        .collect::<Result<Vec<_>, _>>()?;
    if references.iter().any(|id| !defined.contains(id)) {
        return Err(QueryError::UnknownId(name));
    }
    unique(references.iter(), name)?;
    Ok(references)
}

fn unique<'a>(
    ids: impl Iterator<Item = &'a QueryId>,
    name: &'static str,
) -> Result<BTreeSet<&'a QueryId>, QueryError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(QueryError::DuplicateId(name));
        }
    }
    Ok(seen)
}

fn object<'a>(value: &'a Value, name: &'static str) -> Result<&'a Map<String, Value>, QueryError> {
    value.as_object().ok_or(QueryError::Malformed(name))
}

fn text<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, QueryError> {
    object
        .get(name)
        .and_then(Value::as_str)
        .ok_or(QueryError::Malformed(name))
}

fn as_text<'a>(value: &'a Value, name: &'static str) -> Result<&'a str, QueryError> {
    value.as_str().ok_or(QueryError::Malformed(name))
}

fn boolean(
    object: &Map<String, Value>,
    name: &'static str,
    default: bool,
) -> Result<bool, QueryError> {
    object.get(name).map_or(Ok(default), |value| {
        value.as_bool().ok_or(QueryError::Malformed(name))
    })
}

/// An optional list: when it stands there, it has one element at least and `max` at most.
fn list<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
    max: usize,
) -> Result<Option<&'a [Value]>, QueryError> {
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    let elements = value.as_array().ok_or(QueryError::Malformed(name))?;
    match elements.len() {
        0 => Err(QueryError::Empty(name)),
        length if length > max => Err(QueryError::TooMany(name)),
        _ => Ok(Some(elements)),
    }
}

fn texts(object: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, QueryError> {
    list(object, name, VALUES_MAX)?
        .unwrap_or_default()
        .iter()
        .map(|value| as_text(value, name).map(ToOwned::to_owned))
        .collect()
}
