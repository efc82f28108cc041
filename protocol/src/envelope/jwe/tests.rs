use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

#[test]
fn what_is_encrypted_to_a_key_decrypts_with_it() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for kind in [KeyKind::P256, KeyKind::X25519] {
        for enc in ContentEncryption::ALL {
            let key = DecryptionKey::generate(kind, &mut rng);
            let recipient = EncryptionKey::from_jwk(&key.public_jwk("k1")).unwrap();
            let compact = encrypt(&recipient, enc, b"apu", b"apv", b"text", &mut rng);
            let jwe = UnverifiedJwe::parse(&compact, COMPACT_BYTES_MAX).unwrap();
            assert_eq!(
                (jwe.kid(), jwe.enc(), jwe.apu(), jwe.apv()),
                (Some("k1"), enc, &b"apu"[..], &b"apv"[..])
            );
            assert_eq!(jwe.decrypt(&key).unwrap().as_slice(), b"text");
            let again = DecryptionKey::from_secret(kind, &key.secret()).unwrap();
            assert_eq!(jwe.decrypt(&again).unwrap().as_slice(), b"text");
        }
    }
}
