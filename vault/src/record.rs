//! A record as it lies in the store: who it is and what it holds, each sealed.
//!
//! `format u8 = 1 ‖ version u64 ‖ meta nonce 24 ‖ sealed meta 208 ‖ body nonce 24 ‖ sealed body`. The meta part is readable with the vault
//! open; the body of a sensitive kind needs the sensitive key, too. Vault id, sled key, version and schema are authenticated
//! with both parts, so a value cannot be exchanged, replayed, or read as something else.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::keys::{Key, VaultId};
use crate::reader::Reader;

/// The longest name of a kind.
pub const KIND_BYTES_MAX: usize = 32;
/// The longest id of a record.
pub const ID_BYTES_MAX: usize = 128;

const FORMAT: u8 = 1;
const META_BYTES: usize = 192;
const TAG_BYTES: usize = 16;
const PAD_STEPS: [usize; 3] = [256, 1024, 4096];
const PAD_LARGE: usize = 16 * 1024;

/// What a record is: a name, and whether its content needs the secret again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub(crate) name: &'static str,
    pub(crate) sensitive: bool,
}

impl Kind {
    /// A kind that is readable while the vault is open.
    #[must_use]
    pub const fn ordinary(name: &'static str) -> Self {
        Self::checked(name, false)
    }

    /// A kind whose content can be read and written only through [`crate::Vault::sensitive`].
    #[must_use]
    pub const fn sensitive(name: &'static str) -> Self {
        Self::checked(name, true)
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    const fn checked(name: &'static str, sensitive: bool) -> Self {
        assert!(
            !name.is_empty() && name.len() <= KIND_BYTES_MAX,
            "a kind is named in 1 to 32 bytes"
        );
        Self { name, sensitive }
    }
}

/// A record that was read. Its content is wiped on drop; there is no `Debug`.
pub struct Record {
    pub(crate) schema: u32,
    pub(crate) version: u64,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Record {
    /// The number of the schema that the content was written with.
    #[must_use]
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// Grows with every change; what [`crate::Changes::only_if_version`] compares.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The content.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The content as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// The key of a record in sled: says nothing about kind and id.
pub(crate) type SledKey = [u8; 32];

pub(crate) fn sled_key(index: &Key, kind: &str, id: &str) -> SledKey {
    index.mac(&[b"record\0", kind.as_bytes(), &[0], id.as_bytes()])
}

/// Who a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) sensitive: bool,
    pub(crate) schema: u32,
}

/// What a sealed record is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) vault: VaultId,
    pub(crate) key: &'a SledKey,
    pub(crate) version: u64,
}

pub(crate) fn seal(
    place: Place<'_>,
    meta_key: &Key,
    body_key: &Key,
    meta: &Meta,
    body: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let mut value = Vec::with_capacity(body.len() + PAD_LARGE);
    value.push(FORMAT);
    value.extend_from_slice(&place.version.to_be_bytes());
    let plain = meta.to_bytes();
    place.seal_part(Part::Meta, meta_key, &plain, &mut value, rng);
    place.seal_part(
        Part::Body(meta.schema),
        body_key,
        &padded(body),
        &mut value,
        rng,
    );
    value
}

/// The version that a value states; authenticated only when a part is opened.
pub(crate) fn stated_version(value: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(value);
    (reader.byte()? == FORMAT).then_some(())?;
    reader.u64()
}

pub(crate) fn open_meta(place: Place<'_>, meta_key: &Key, value: &[u8]) -> Option<Meta> {
    let mut reader = Reader::new(value);
    reader.slice(1 + 8)?;
    let nonce = reader.array()?;
    let sealed = reader.slice(META_BYTES + TAG_BYTES)?;
    let plain = place.open_part(Part::Meta, meta_key, nonce, sealed)?;
    Meta::parse(&plain)
}

pub(crate) fn open_body(
    place: Place<'_>,
    body_key: &Key,
    schema: u32,
    value: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut reader = Reader::new(value);
    reader.slice(1 + 8 + 24 + META_BYTES + TAG_BYTES)?;
    let nonce = reader.array()?;
    let mut plain = place.open_part(Part::Body(schema), body_key, nonce, reader.rest())?;
    unpad(&mut plain)?;
    Some(plain)
}

#[derive(Clone, Copy)]
enum Part {
    Meta,
    Body(u32),
}

impl Place<'_> {
    fn seal_part(
        self,
        part: Part,
        key: &Key,
        plain: &[u8],
        value: &mut Vec<u8>,
        rng: &mut impl CryptoRng,
    ) {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let aad = self.aad(part);
        let sealed = self
            .cipher(part, key)
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            .expect("a record is shorter than 256 GiB");
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
    }

    fn open_part(
        self,
        part: Part,
        key: &Key,
        nonce: [u8; 24],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let aad = self.aad(part);
        let payload = Payload {
            msg: sealed,
            aad: &aad,
        };
        let opened = self
            .cipher(part, key)
            .decrypt(&XNonce::from(nonce), payload);
        opened.ok().map(Zeroizing::new)
    }

    fn cipher(self, part: Part, key: &Key) -> XChaCha20Poly1305 {
        let key = key.derive(self.vault, &[part.label(), self.key]);
        XChaCha20Poly1305::new_from_slice(key.bytes()).expect("the key has 32 bytes")
    }

    fn aad(self, part: Part) -> Vec<u8> {
        let schema = match part {
            Part::Meta => 0,
            Part::Body(schema) => schema,
        };
        [
            part.label(),
            &self.vault.0,
            self.key,
            &self.version.to_be_bytes(),
            &schema.to_be_bytes(),
        ]
        .concat()
    }
}

impl Part {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Meta => b"tegata/vault/1/record-meta",
            Self::Body(_) => b"tegata/vault/1/record-body",
        }
    }
}

impl Meta {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(META_BYTES));
        bytes.extend_from_slice(&self.schema.to_be_bytes());
        bytes.push(u8::from(self.sensitive));
        for text in [&self.kind, &self.id] {
            let length = u8::try_from(text.len()).expect("kinds and ids are bounded");
            bytes.push(length);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.resize(META_BYTES, 0);
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let schema = reader.u32()?;
        let sensitive = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let kind = Self::text(&mut reader)?;
        let id = Self::text(&mut reader)?;
        Some(Self {
            kind,
            id,
            sensitive,
            schema,
        })
    }

    fn text(reader: &mut Reader<'_>) -> Option<String> {
        let length = reader.byte()?;
        let bytes = reader.slice(usize::from(length))?;
        String::from_utf8(bytes.to_vec()).ok()
    }
}

/// `length u32 ‖ body ‖ zeros`, up to one of a few sizes: the exact size would tell what a record is.
fn padded(body: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(body.len()).expect("bodies are bounded by Changes");
    let needed = body.len() + 4;
    let size = PAD_STEPS
        .into_iter()
        .find(|step| *step >= needed)
        .unwrap_or_else(|| needed.next_multiple_of(PAD_LARGE));
    let mut plain = Zeroizing::new(Vec::with_capacity(size));
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(body);
    plain.resize(size, 0);
    plain
}

fn unpad(plain: &mut Vec<u8>) -> Option<()> {
    let length = usize::try_from(Reader::new(plain).u32()?).ok()?;
    (length <= plain.len().checked_sub(4)?).then_some(())?;
    plain.drain(..4);
    plain.truncate(length);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const VAULT: VaultId = VaultId([3; 16]);

    fn meta() -> Meta {
        Meta {
            kind: "note".into(),
            id: "i".repeat(ID_BYTES_MAX),
            sensitive: false,
            schema: 2,
        }
    }

    fn place(key: &SledKey, version: u64) -> Place<'_> {
        Place {
            vault: VAULT,
            key,
            version,
        }
    }

    #[test]
    fn a_record_of_every_size_is_read_back() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = Key::generate(&mut rng);
        for length in [
            0, 1, 252, 253, 1020, 1021, 4092, 4093, 16_380, 16_381, 70_000,
        ] {
            let body = vec![0xa5; length];
            let value = seal(place(&[1; 32], 9), &key, &key, &meta(), &body, &mut rng);
            assert_eq!(stated_version(&value), Some(9));
            let read = open_meta(place(&[1; 32], 9), &key, &value).unwrap();
            assert_eq!(read, meta());
            let opened = open_body(place(&[1; 32], 9), &key, 2, &value).unwrap();
            assert_eq!(*opened, body);
        }
    }

    #[test]
    fn sizes_fall_into_few_classes() {
        let sizes: Vec<usize> = [0, 252, 253, 1020, 1021, 4092, 4093, 16_380, 16_381]
            .into_iter()
            .map(|length| padded(&vec![1; length]).len())
            .collect();
        assert_eq!(
            sizes,
            [256, 256, 1024, 1024, 4096, 4096, 16_384, 16_384, 32_768]
        );
    }

    #[test]
    fn a_value_is_bound_to_its_place_version_and_schema() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let key = Key::generate(&mut rng);
        let value = seal(place(&[1; 32], 9), &key, &key, &meta(), b"x", &mut rng);
        assert!(open_meta(place(&[2; 32], 9), &key, &value).is_none());
        assert!(open_meta(place(&[1; 32], 8), &key, &value).is_none());
        assert!(open_body(place(&[2; 32], 9), &key, 2, &value).is_none());
        assert!(open_body(place(&[1; 32], 10), &key, 2, &value).is_none());
        assert!(open_body(place(&[1; 32], 9), &key, 1, &value).is_none());
        let elsewhere = Place {
            vault: VaultId([4; 16]),
            key: &[1; 32],
            version: 9,
        };
        assert!(open_body(elsewhere, &key, 2, &value).is_none());
    }

    #[test]
    fn every_flipped_byte_of_a_value_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let key = Key::generate(&mut rng);
        let value = seal(place(&[1; 32], 9), &key, &key, &meta(), b"x", &mut rng);
        for position in 0..value.len() {
            let mut altered = value.clone();
            altered[position] ^= 1;
            let whole = stated_version(&altered) == Some(9)
                && open_meta(place(&[1; 32], 9), &key, &altered).is_some()
                && open_body(place(&[1; 32], 9), &key, 2, &altered).is_some();
            assert!(!whole, "byte {position}");
        }
        for length in 0..value.len() {
            assert!(open_body(place(&[1; 32], 9), &key, 2, &value[..length]).is_none());
        }
    }
}
