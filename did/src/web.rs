//! Where the document of a did:web is (W3C CCG did:web, section "Read").
//!
//! `ssi` would fetch it itself, but follows redirects, reads bodies of any size and speaks plain http to private
//! addresses; so only the mapping is here, and the fetch is the caller's.

use url::{Host, Url};

use crate::DidError;

/// `example.com:user:alice` is at `https://example.com/user/alice/did.json`.
pub(crate) fn location(id: &str) -> Result<Url, DidError> {
    let mut segments = id.split(':');
    let authority = authority(segments.next().unwrap_or_default())?;
    let path: Vec<&str> = segments.collect();
    if !path.iter().all(|segment| is_plain(segment)) {
        return Err(DidError::Host);
    }
    let path = if path.is_empty() {
        ".well-known".to_owned()
    } else {
        path.join("/")
    };
    let url =
        Url::parse(&format!("https://{authority}/{path}/did.json")).map_err(|_| DidError::Host)?;
    match url.host() {
        Some(Host::Domain(domain)) if is_public_name(domain) => Ok(url),
        Some(_) | None => Err(DidError::Host),
    }
}

/// A host name in lower case, with a port behind `%3A` if there is one.
fn authority(encoded: &str) -> Result<String, DidError> {
    let (host, port) = match encoded.split_once("%3A") {
        None => (encoded, None),
        Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| DidError::Host)?)),
    };
    let is_name = host
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    match port {
        _ if !is_name => Err(DidError::Host),
        None => Ok(host.to_owned()),
        Some(port) => Ok(format!("{host}:{port}")),
    }
}

/// Something else than this machine, a name on the local network, or an address.
fn is_public_name(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let local = matches!(
        labels.last(),
        Some(&("localhost" | "local" | "internal" | "arpa"))
    );
    labels.len() > 1
        && !local
        && labels
            .iter()
            .all(|label| !label.is_empty() && !label.starts_with('-'))
}

/// A path segment that no URL parser reads in another way.
fn is_plain(segment: &str) -> bool {
    let plain = segment
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    plain && !segment.is_empty() && segment != "." && segment != ".."
}
