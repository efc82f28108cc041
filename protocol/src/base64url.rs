//! Strict base64url without padding (RFC 4648, section 5).
