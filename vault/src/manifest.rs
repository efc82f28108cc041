//! The manifest: what makes a lost record visible.
//!
//! One root record holds the generation, the number of records and a keyed additive multiset hash (MSet-Add-Hash, Clarke et al.,
//! ASIACRYPT 2003) over (sled key, version, SHA-256 of the value). A write adds and subtracts one element, whatever the size of the
//! store; an open sums up all records once. The root changes in the same transaction as the records.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::keys::{Key, VaultId};
use crate::reader::Reader;
use crate::record::SledKey;

const FORMAT: u8 = 1;
const LABEL: &[u8] = b"tegata/vault/1/manifest-root";

/// A sum of 256-bit numbers modulo 2^256, as four limbs from the lowest.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MultisetHash([u64; 4]);

impl MultisetHash {
    /// The summand of one record.
    pub(crate) fn element(manifest: &Key, key: &SledKey, version: u64, value: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(value).into();
        let tag = manifest.mac(&[b"element\0", key, &version.to_be_bytes(), &digest]);
        Self::from_bytes(&tag)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let mut limbs = self.0;
        let mut carry = false;
        for (limb, summand) in limbs.iter_mut().zip(other.0) {
            let (sum, over) = limb.overflowing_add(summand);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || over_again;
        }
        Self(limbs)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        let mut limbs = self.0;
        let mut borrow = false;
        for (limb, subtrahend) in limbs.iter_mut().zip(other.0) {
            let (difference, under) = limb.overflowing_sub(subtrahend);
            let (difference, under_again) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = under || under_again;
        }
        Self(limbs)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            *limb = chunk
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        }
        Self(limbs)
    }

    fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }
}

/// The state of the whole store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    pub(crate) count: u64,
    pub(crate) sum: MultisetHash,
}

impl Manifest {
    pub(crate) const EMPTY: Self = Self {
        generation: 0,
        count: 0,
        sum: MultisetHash([0; 4]),
    };

    pub(crate) fn add(&mut self, element: MultisetHash) {
        self.count += 1;
        self.sum = self.sum.plus(element);
    }

    pub(crate) fn remove(&mut self, element: MultisetHash) {
        self.count = self.count.saturating_sub(1);
        self.sum = self.sum.minus(element);
    }

    /// Where the root lies among the records.
    pub(crate) fn sled_key(index: &Key) -> SledKey {
        index.mac(&[b"manifest\0"])
    }

    pub(crate) fn seal(self, key: &Key, vault: VaultId, rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let plain = [
            self.generation.to_be_bytes().as_slice(),
            &self.count.to_be_bytes(),
            &self.sum.to_bytes(),
        ]
        .concat();
        let aad = aad(vault, self.generation);
        let payload = Payload {
            msg: &plain,
            aad: &aad,
        };
        let sealed = cipher(key, vault)
            .encrypt(&XNonce::from(nonce), payload)
            .expect("48 bytes can be encrypted");
        [
            &[FORMAT],
            self.generation.to_be_bytes().as_slice(),
            &nonce,
            &sealed,
        ]
        .concat()
    }

    pub(crate) fn open(key: &Key, vault: VaultId, value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        (reader.byte()? == FORMAT).then_some(())?;
        let generation = reader.u64()?;
        let nonce: [u8; 24] = reader.array()?;
        let aad = aad(vault, generation);
        let payload = Payload {
            msg: reader.rest(),
            aad: &aad,
        };
        let plain = cipher(key, vault).decrypt(&XNonce::from(nonce), payload);
        let plain = plain.ok()?;
        let mut reader = Reader::new(&plain);
        let manifest = Self {
            generation: reader.u64()?,
            count: reader.u64()?,
            sum: MultisetHash::from_bytes(&reader.array()?),
        };
        (manifest.generation == generation && reader.is_empty()).then_some(manifest)
    }
}

fn cipher(key: &Key, vault: VaultId) -> XChaCha20Poly1305 {
    let key = key.derive(vault, &[LABEL]);
    XChaCha20Poly1305::new_from_slice(key.bytes()).expect("the key has 32 bytes")
}

fn aad(vault: VaultId, generation: u64) -> Vec<u8> {
    [LABEL, &vault.0, &generation.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    proptest! {
        #[test]
        fn the_order_of_additions_does_not_matter(limbs: [[u64; 4]; 3]) {
            let [a, b, c] = limbs.map(MultisetHash);
            prop_assert!(a.plus(b).plus(c) == c.plus(a).plus(b));
        }

        #[test]
        fn what_was_added_can_be_taken_away(limbs: [[u64; 4]; 2]) {
            let [a, b] = limbs.map(MultisetHash);
            prop_assert!(a.plus(b).minus(b) == a);
            prop_assert!(a.minus(b).plus(b) == a);
        }

        #[test]
        fn a_sum_survives_its_encoding(limbs: [u64; 4]) {
            let a = MultisetHash(limbs);
            prop_assert!(MultisetHash::from_bytes(&a.to_bytes()) == a);
        }
    }

    #[test]
    fn carries_reach_the_highest_limb() {
        let one = MultisetHash([1, 0, 0, 0]);
        let largest = MultisetHash([u64::MAX; 4]);
        assert!(largest.plus(one) == MultisetHash::default());
        assert!(MultisetHash::default().minus(one) == largest);
    }

    #[test]
    fn every_flipped_byte_of_the_root_is_refused() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let key = Key::generate(&mut rng);
        let manifest = Manifest {
            generation: 5,
            count: 2,
            sum: MultisetHash([1, 2, 3, 4]),
        };
        let value = manifest.seal(&key, VaultId([1; 16]), &mut rng);
        assert!(Manifest::open(&key, VaultId([1; 16]), &value) == Some(manifest));
        assert!(Manifest::open(&key, VaultId([2; 16]), &value).is_none());
        for position in 0..value.len() {
            let mut altered = value.clone();
            altered[position] ^= 1;
            assert!(Manifest::open(&key, VaultId([1; 16]), &altered).is_none());
        }
    }
}
