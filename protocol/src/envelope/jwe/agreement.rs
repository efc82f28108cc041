//! From a shared secret to a content key: the Concat KDF as RFC 7518 section 4.6.2 fixes it.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::ContentEncryption;

/// One round of SHA-256 is enough: neither cipher takes more than 256 bits.
pub(super) fn derive(
    shared: &[u8; 32],
    enc: ContentEncryption,
    apu: &[u8],
    apv: &[u8],
) -> Zeroizing<Vec<u8>> {
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(shared);
    for field in [enc.as_str().as_bytes(), apu, apv] {
        let length = u32::try_from(field.len()).expect("header fields are bounded");
        hash.update(length.to_be_bytes());
        hash.update(field);
    }
    let bits = u32::try_from(enc.key_bytes() * 8).expect("a key has at most 256 bits");
    hash.update(bits.to_be_bytes());
    let mut key = Zeroizing::new(hash.finalize().to_vec());
    key.truncate(enc.key_bytes());
    key
}
