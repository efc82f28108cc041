//! A set of credentials against the whole query: what the holder gives, and whether that is an answer.

use std::collections::BTreeSet;

use super::{CredentialSetQuery, Necessity, Query, QueryId};

/// The credential queries that the holder answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// These must be answered, all of them.
    pub required: Vec<QueryId>,
    /// Each of these groups may be added, whole, if the holder wants it.
    pub optional: Vec<Vec<QueryId>>,
}

/// Why a set of presentations is no answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A presentation is filed under an identifier that the query does not have.
    #[error("the answer has a presentation that the query does not know")]
    UnknownCredential,
    /// A required credential, or every option of a required set, is missing.
    #[error("the answer lacks a required presentation")]
    MissingCredential,
    /// A presentation serves no complete option.
    #[error("the answer has a presentation that serves no option")]
    ExtraCredential,
}

impl Query {
    /// What to answer when the credential queries for which `available` holds can be answered.
    ///
    /// `None` means: the query cannot be satisfied, and nothing at all may be returned.
    pub fn choose(&self, available: impl Fn(&QueryId) -> bool) -> Option<Choice> {
        if self.credential_sets.is_empty() {
            let required: Vec<QueryId> = self
                .credentials
                .iter()
                .map(|credential| credential.id.clone())
                .collect();
            return required.iter().all(available).then_some(Choice {
                required,
                optional: Vec::new(),
            });
        }
        let mut choice = Choice {
            required: Vec::new(),
            optional: Vec::new(),
        };
        for set in &self.credential_sets {
            let option = set
                .options
                .iter()
                .find(|option| option.iter().all(&available));
            match (set.necessity, option) {
                (Necessity::Required, None) => return None,
                (Necessity::Required, Some(option)) => choice.require(option),
                (Necessity::Optional, Some(option)) => choice.optional.push(option.clone()),
                (Necessity::Optional, None) => {}
            }
        }
        Some(choice)
    }

    /// Whether presentations for exactly these credential queries answer the query.
    pub fn is_answered_by(&self, returned: &BTreeSet<&str>) -> Result<(), AnswerError> {
        if returned.iter().any(|id| self.credential(id).is_none()) {
            return Err(AnswerError::UnknownCredential);
        }
        if self.credential_sets.is_empty() {
            let all = self
                .credentials
                .iter()
                .all(|credential| returned.contains(credential.id.as_str()));
            return if all {
                Ok(())
            } else {
                Err(AnswerError::MissingCredential)
            };
        }
        let complete =
            |option: &&Vec<QueryId>| option.iter().all(|id| returned.contains(id.as_str()));
        let answered = |set: &CredentialSetQuery| {
            set.necessity == Necessity::Optional
                || set.options.iter().any(|option| complete(&option))
        };
        if !self.credential_sets.iter().all(answered) {
            return Err(AnswerError::MissingCredential);
        }
        let serving: BTreeSet<&str> = self
            .credential_sets
            .iter()
            .flat_map(|set| set.options.iter().filter(complete))
            .flat_map(|option| option.iter().map(QueryId::as_str))
            .collect();
        if returned.is_subset(&serving) {
            Ok(())
        } else {
            Err(AnswerError::ExtraCredential)
        }
    }
}

impl Choice {
    fn require(&mut self, option: &[QueryId]) {
        for id in option {
            if !self.required.contains(id) {
                self.required.push(id.clone());
            }
        }
    }
}
