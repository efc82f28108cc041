//! Trusted authorities of type `aki`: the authority key identifier of a certificate in the issuer's chain.

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use super::TrustedAuthority;
use crate::base64url;

/// The type identifier of authority key identifiers; other types are known to nobody here and match nothing.
const TYPE_AKI: &str = "aki";

impl TrustedAuthority {
    pub(super) fn stands_behind(&self, authority_key_ids: &[String]) -> bool {
        self.kind == TYPE_AKI
            && self
                .values
                .iter()
                .any(|value| authority_key_ids.contains(value))
    }
}

/// The authority key identifiers, base64url, of DER certificates; certificates that cannot be read have none.
#[must_use]
pub fn authority_key_ids<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    chain.into_iter().filter_map(authority_key_id).collect()
}

fn authority_key_id(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let (_critical, extension) = certificate
        .tbs_certificate()
        .get_extension::<AuthorityKeyIdentifier>()
        .ok()??;
    extension
        .key_identifier
        .map(|id| base64url::encode(id.as_bytes()))
}
