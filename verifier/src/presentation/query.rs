//! The query of a purpose: the registered claims, all of them, and nothing beyond.

use protocol::credential::{ClaimPath, ClaimPathElement, VCT_KYC};
use protocol::presentation::dcql::{FORMAT_SD_JWT_VC, Query, QueryError};
use protocol::registry::Purpose;
use serde_json::{Value, json};

/// The id of the one credential query.
pub(crate) const CREDENTIAL_ID: &str = "kyc";
/// Spellings of My Number, without case and separators.
const MY_NUMBER: [&str; 5] = [
    "mynumber",
    "individualnumber",
    "kojinbango",
    "個人番号",
    "マイナンバー",
];

/// Why no query is made of a purpose.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PurposeError {
    /// A company may not ask My Number through a KYC query.
    #[error("the purpose {purpose} asks for My Number, which a KYC query must not")]
    MyNumber {
        /// The purpose.
        purpose: String,
    },
    /// Everything below the person would be asked, whatever a credential holds there.
    #[error("the purpose {purpose} asks for all claims at once")]
    Everything {
        /// The purpose.
        purpose: String,
    },
    /// The registered claims do not make a query.
    #[error("the claims of a purpose make no query")]
    Query(#[source] QueryError),
}

/// The query of a registered purpose.
pub(crate) fn query(purpose: &Purpose) -> Result<Query, PurposeError> {
    for claim in &purpose.claims {
        if names_my_number(claim) {
            return Err(PurposeError::MyNumber {
                purpose: purpose.id.clone(),
            });
        }
        if asks_everything(claim) {
            return Err(PurposeError::Everything {
                purpose: purpose.id.clone(),
            });
        }
    }
    let claims: Vec<Value> = purpose
        .claims
        .iter()
        .map(|path| json!({"path": path}))
        .collect();
    let query = json!({"credentials": [{
        "id": CREDENTIAL_ID,
        "format": FORMAT_SD_JWT_VC,
        "meta": {"vct_values": [VCT_KYC]},
        "claims": claims,
    }]});
    Query::parse(&query).map_err(PurposeError::Query)
}

fn names_my_number(path: &ClaimPath) -> bool {
    path.elements().iter().any(|step| match step {
        ClaimPathElement::Name(name) => {
            let plain: String = name
                .chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect();
            MY_NUMBER.iter().any(|spelling| plain.contains(spelling))
        }
        ClaimPathElement::Index(_) | ClaimPathElement::All => false,
    })
}

/// A path to `verified_claims`, its `claims` or its `verification` would sweep up whatever lies below.
fn asks_everything(path: &ClaimPath) -> bool {
    let claims = ClaimPath::root("verified_claims").name("claims");
    let verification = ClaimPath::root("verified_claims").name("verification");
    path.covers(&claims) || path.covers(&verification)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn purpose(paths: &[Value]) -> Purpose {
        Purpose {
            id: "account_opening".to_owned(),
            text: BTreeMap::new(),
            claims: paths
                .iter()
                .map(|path| serde_json::from_value(path.clone()).unwrap())
                .collect(),
        }
    }

    #[test]
    fn a_query_asks_for_the_registered_claims() {
        let query = query(&purpose(&[json!([
            "verified_claims",
            "claims",
            "birthdate"
        ])]))
        .unwrap();
        let asked = query.credential(CREDENTIAL_ID).unwrap();
        assert_eq!(asked.vct_values(), [VCT_KYC]);
        assert_eq!(asked.claims().len(), 1);
    }

    #[test]
    fn neg_r22_a_query_for_my_number_is_not_made() {
        for name in [
            "my_number",
            "MyNumber",
            "individual-number",
            "個人番号",
            "claims_my_number#ja",
        ] {
            let refused = query(&purpose(&[json!(["verified_claims", "claims", name])]));
            assert!(
                matches!(refused, Err(PurposeError::MyNumber { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn neg_r22_a_query_for_everything_is_not_made() {
        for path in [
            json!(["verified_claims"]),
            json!(["verified_claims", "claims"]),
            json!(["verified_claims", "verification"]),
        ] {
            assert!(matches!(
                query(&purpose(&[path])),
                Err(PurposeError::Everything { .. })
            ));
        }
    }
}
