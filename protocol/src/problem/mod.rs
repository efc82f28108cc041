//! What a service says when it does not do what it was asked: problem details (RFC 9457) and OAuth error bodies.
//!
//! Neither ever repeats what the caller sent.

use serde::{Deserialize, Serialize};

/// Kinds of problems. Each has one HTTP status and one stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemType {
    /// The request is not well-formed, or a value in it is not acceptable.
    InvalidRequest,
    /// Nobody is logged in, or the token is unknown.
    Unauthorized,
    /// The caller is known and may not do this.
    Forbidden,
    /// No such thing, or none that this caller may know about.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request took too long to arrive.
    Timeout,
    /// The thing is in another state, or something else has this name.
    Conflict,
    /// It existed and was destroyed.
    Gone,
    /// The body is larger than its bound.
    TooLarge,
    /// The body has another media type.
    UnsupportedMediaType,
    /// Well-formed, and against the rules in force.
    Unprocessable,
    /// Too many requests from this caller.
    TooManyRequests,
    /// A fault of the service.
    Internal,
    /// The service cannot do this now; the caller may try again.
    Unavailable,
}

impl ProblemType {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::Gone,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The URI that names the kind; it is not fetched.
    #[must_use]
    pub fn uri(self) -> String {
        format!("https://tegata.example/problems/{}", self.row().1)
    }

    /// The title for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (400, "invalid-request", "The request is not acceptable"),
            Self::Unauthorized => (401, "unauthorized", "Not logged in"),
            Self::Forbidden => (403, "forbidden", "Not allowed"),
            Self::NotFound => (404, "not-found", "Not found"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Method not allowed"),
            Self::Timeout => (408, "timeout", "The request took too long"),
            Self::Conflict => (409, "conflict", "In conflict with what is there"),
            Self::Gone => (410, "gone", "No longer there"),
            Self::TooLarge => (413, "too-large", "Too large"),
            Self::UnsupportedMediaType => (415, "unsupported-media-type", "Unsupported media type"),
            Self::Unprocessable => (422, "unprocessable", "Against the rules in force"),
            Self::TooManyRequests => (429, "too-many-requests", "Too many requests"),
            Self::Internal => (500, "internal", "Internal fault"),
            Self::Unavailable => (503, "unavailable", "Unavailable for now"),
        }
    }
}

/// The body of an `application/problem+json` answer (RFC 9457, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The URI of the kind.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The title of the kind.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// One sentence about this occurrence, without anything that the caller sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The reason for programs: lower-case words joined by `_`, stable between versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Problem {
    /// The media type of the body.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem of a kind, without further words.
    #[must_use]
    pub fn new(kind: ProblemType) -> Self {
        Self {
            type_uri: kind.uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: None,
            code: None,
        }
    }

    /// The same with a sentence about this occurrence.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// The same with a reason for programs.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code.to_owned()),
            ..self
        }
    }

    /// The kind, if it is one of ours.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemType> {
        ProblemType::ALL
            .into_iter()
            .find(|kind| kind.uri() == self.type_uri)
    }
}

/// The error body of OAuth and its relatives (RFC 6749, section 5.2; OpenID4VCI 1.0, section 8.3.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthError {
    /// The code from the specification of the endpoint.
    pub error: String,
    /// One sentence for developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
}

impl OAuthError {
    /// An error with a code and nothing else.
    #[must_use]
    pub fn new(error: &'static str) -> Self {
        Self {
            error: error.to_owned(),
            error_description: None,
        }
    }

    /// The same with a sentence for developers.
    #[must_use]
    pub fn with_description(self, description: impl Into<String>) -> Self {
        Self {
            error_description: Some(description.into()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_has_it() {
        let problem = Problem::new(ProblemType::Conflict).with_code("case_closed");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "https://tegata.example/problems/conflict",
                "title": "In conflict with what is there",
                "status": 409,
                "code": "case_closed",
            })
        );
        assert_eq!(problem.kind(), Some(ProblemType::Conflict));
    }

    #[test]
    fn every_kind_has_a_name_and_a_status_of_its_own() {
        for kind in ProblemType::ALL {
            assert_eq!(
                ProblemType::ALL
                    .iter()
                    .filter(|other| other.uri() == kind.uri())
                    .count(),
                1
            );
            assert_eq!(
                ProblemType::ALL
                    .iter()
                    .filter(|other| other.status() == kind.status())
                    .count(),
                1
            );
            assert_eq!(Problem::new(kind).kind(), Some(kind));
        }
    }

    #[test]
    fn members_that_others_add_to_a_problem_are_ignored() {
        let body =
            r#"{"type":"about:blank","title":"x","status":418,"instance":"/a","extra":{"a":1}}"#;
        let problem: Problem = serde_json::from_str(body).unwrap();
        assert_eq!(problem.kind(), None);
        assert_eq!(problem.detail, None);
    }

    #[test]
    fn an_oauth_error_is_written_with_its_two_members() {
        let body =
            serde_json::to_string(&OAuthError::new("invalid_grant").with_description("used"))
                .unwrap();
        assert_eq!(
            body,
            r#"{"error":"invalid_grant","error_description":"used"}"#
        );
    }
}
