//! When a token may be used: `exp`, `nbf` and `iat` ([RFC 7519, section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)).

use serde_json::Value;

use crate::Timestamp;

/// How far two clocks may differ.
pub const CLOCK_SKEW_SECONDS: u64 = 60;

/// Why a token may not be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValidityError {
    /// A time claim is not a non-negative whole number of seconds.
    #[error("a time is not a whole number of seconds")]
    Malformed,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` or `iat` has not come.
    #[error("not valid yet")]
    NotYetValid,
}

/// Checks those time claims that are present.
pub(crate) fn check(claims: &Value, now: Timestamp) -> Result<(), ValidityError> {
    if let Some(expires) = time_claim(claims, "exp")?
        && now.minus_seconds(CLOCK_SKEW_SECONDS) >= expires
    {
        return Err(ValidityError::Expired);
    }
    for begin in ["nbf", "iat"] {
        if let Some(begin) = time_claim(claims, begin)?
            && begin > now.plus_seconds(CLOCK_SKEW_SECONDS)
        {
            return Err(ValidityError::NotYetValid);
        }
    }
    Ok(())
}

/// One time claim, if it is present.
pub(crate) fn time_claim(claims: &Value, name: &str) -> Result<Option<Timestamp>, ValidityError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_u64().ok_or(ValidityError::Malformed)?;
    // Beyond 2^53 other readers see another number.
    if seconds > (1 << 53) {
        return Err(ValidityError::Malformed);
    }
    Ok(Some(Timestamp::from_unix(seconds)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_hold_within_the_skew_of_clocks() {
        let now = Timestamp::from_unix(1_000_000);
        let check = |claims: Value| check(&claims, now);
        assert_eq!(check(json!({})), Ok(()));
        assert_eq!(
            check(json!({"exp": 999_941, "nbf": 1_000_060, "iat": 1_000_060})),
            Ok(())
        );
        assert_eq!(check(json!({"exp": 999_940})), Err(ValidityError::Expired));
        assert_eq!(
            check(json!({"nbf": 1_000_061})),
            Err(ValidityError::NotYetValid)
        );
        assert_eq!(
            check(json!({"iat": 1_000_061})),
            Err(ValidityError::NotYetValid)
        );
    }

    #[test]
    fn neg_p05_a_time_of_another_type_is_refused() {
        let now = Timestamp::from_unix(1_000_000);
        for bad in [
            "\"1000001\"",
            "-1",
            "1e9",
            "1000001.0",
            "9223372036854775808",
            "null",
            "[1000001]",
            "9007199254740993",
        ] {
            let claims: Value = serde_json::from_str(&format!("{{\"exp\":{bad}}}")).unwrap();
            assert_eq!(check(&claims, now), Err(ValidityError::Malformed), "{bad}");
        }
        assert_eq!(check(&json!({"exp": 1_000_001}), now), Ok(()));
    }
}
