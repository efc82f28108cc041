//! The VP token: presentations, filed under the credential queries that they answer
//! ([OpenID4VP 1.0, section 8.1](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#response-parameters)).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::dcql::{AnswerError, Multiple, Query};

/// Presentations under one credential query.
const PRESENTATIONS_MAX: usize = 16;

/// Presentations for a query; their form only is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct VpToken {
    presentations: BTreeMap<String, Vec<String>>,
}

/// Why a VP token is rejected, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VpTokenError {
    /// Not an object of non-empty lists of strings.
    #[error("the VP token is malformed")]
    Malformed,
    /// More than one presentation where one was asked for.
    #[error("the VP token has too many presentations for one credential query")]
    Multiple,
    /// Too much or too little for the query.
    #[error("the VP token does not answer the query")]
    Answer(#[source] MissingOrExtra),
}

/// Whether something is missing from an answer, or something is there that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingOrExtra {
    /// A required presentation is missing.
    #[error("a required presentation is missing")]
    Missing,
    /// A presentation is there that was not asked for.
    #[error("a presentation was not asked for")]
    Extra,
}

impl VpToken {
    /// One presentation for one credential query.
    #[must_use]
    pub fn single(id: &str, presentation: String) -> Self {
        Self {
            presentations: BTreeMap::from([(id.to_owned(), vec![presentation])]),
        }
    }

    /// Reads a VP token and checks that it answers all of the query and nothing else.
    pub fn parse(value: &Value, query: &Query) -> Result<Self, VpTokenError> {
        let entries = value.as_object().ok_or(VpTokenError::Malformed)?;
        let returned: BTreeSet<&str> = entries.keys().map(String::as_str).collect();
        query.is_answered_by(&returned).map_err(|error| {
            VpTokenError::Answer(match error {
                AnswerError::MissingCredential => MissingOrExtra::Missing,
                AnswerError::UnknownCredential | AnswerError::ExtraCredential => {
                    MissingOrExtra::Extra
                }
            })
        })?;
        let mut presentations = BTreeMap::new();
        for (id, list) in entries {
            let credential = query
                .credential(id)
                .ok_or(VpTokenError::Answer(MissingOrExtra::Extra))?;
            presentations.insert(id.clone(), read(list, credential.multiple())?);
        }
        Ok(Self { presentations })
    }

    /// The token as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!(self.presentations)
    }

    /// The presentations under the id of a credential query.
    #[must_use]
    pub fn presentations(&self, id: &str) -> &[String] {
        self.presentations.get(id).map_or(&[], Vec::as_slice)
    }
}

fn read(list: &Value, multiple: Multiple) -> Result<Vec<String>, VpTokenError> {
    let list = list.as_array().ok_or(VpTokenError::Malformed)?;
    let most = match multiple {
        Multiple::One => 1,
        Multiple::Many => PRESENTATIONS_MAX,
    };
    if list.len() > most {
        return Err(VpTokenError::Multiple);
    }
    let presentations: Option<Vec<String>> = list
        .iter()
        .map(|one| one.as_str().map(str::to_owned))
        .collect();
    presentations
        .filter(|presentations| !presentations.is_empty())
        .ok_or(VpTokenError::Malformed)
}

impl fmt::Debug for VpToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VpToken for {} queries", self.presentations.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(multiple: bool) -> Query {
        let credential =
            |id: &str| json!({"id": id, "format": "dc+sd-jwt", "meta": {}, "multiple": multiple});
        Query::parse(&json!({
            "credentials": [credential("kyc"), credential("extra")],
            "credential_sets": [{"options": [["kyc"]]}, {"options": [["extra"]], "required": false}],
        }))
        .unwrap()
    }

    #[test]
    fn a_vp_token_that_answers_the_query_is_read() {
        let value = json!({"kyc": ["a~"]});
        let token = VpToken::parse(&value, &query(false)).unwrap();
        assert_eq!(token.presentations("kyc"), ["a~"]);
        assert_eq!(token.presentations("extra"), [""; 0]);
        assert_eq!(token.to_value(), value);
        assert!(VpToken::parse(&json!({"kyc": ["a~"], "extra": ["b~"]}), &query(false)).is_ok());
        assert!(VpToken::parse(&json!({"kyc": ["a~", "b~"]}), &query(true)).is_ok());
    }

    #[test]
    fn neg_r04_a_vp_token_of_another_form_is_refused() {
        use MissingOrExtra::{Extra, Missing};
        for (value, error) in [
            (json!("a~"), VpTokenError::Malformed),
            (json!(["a~"]), VpTokenError::Malformed),
            (json!({"kyc": "a~"}), VpTokenError::Malformed),
            (json!({"kyc": []}), VpTokenError::Malformed),
            (json!({"kyc": [1]}), VpTokenError::Malformed),
            (json!({"kyc": ["a~", "b~"]}), VpTokenError::Multiple),
            (
                json!({"kyc": ["a~"], "other": ["b~"]}),
                VpTokenError::Answer(Extra),
            ),
            (json!({"extra": ["a~"]}), VpTokenError::Answer(Missing)),
            (json!({}), VpTokenError::Answer(Missing)),
        ] {
            assert_eq!(VpToken::parse(&value, &query(false)), Err(error), "{value}");
        }
        let many = json!({"kyc": vec!["a~"; PRESENTATIONS_MAX + 1]});
        assert_eq!(
            VpToken::parse(&many, &query(true)),
            Err(VpTokenError::Multiple)
        );
    }

    #[test]
    fn a_vp_token_never_prints_its_presentations() {
        assert_eq!(
            format!("{:?}", VpToken::single("kyc", "secret".to_owned())),
            "VpToken for 1 queries"
        );
    }
}
