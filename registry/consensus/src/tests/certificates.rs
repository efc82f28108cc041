//! Certificates with too few votes, foreign votes, or altered bytes.

use crate::{
    block::BlockDigest,
    engine::{Scheme, namespace},
};
use bytes::Bytes;
use commonware_codec::{Decode as _, Encode as _};
use commonware_consensus::{
    simplex::types::{Finalization, Finalize, Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Hasher as _, Sha256, Signer as _, certificate::Verifier as _, ed25519,
};
use commonware_parallel::Sequential;
use commonware_utils::{TryCollect as _, non_empty, ordered::Set, test_rng};

type Certificate = Finalization<Scheme, BlockDigest>;

fn schemes(network: u8) -> Vec<Scheme> {
    let keys: Vec<_> = (1..=4).map(ed25519::PrivateKey::from_seed).collect();
    let validators: Set<_> = keys
        .iter()
        .map(|key| key.public_key())
        .try_collect()
        .unwrap();
    let domain = namespace(&[network; 32]);
    let scheme = |key| Scheme::signer(&domain, validators.clone(), key).unwrap();
    keys.into_iter().map(scheme).collect()
}

fn proposal(block: &[u8]) -> Proposal<BlockDigest> {
    Proposal::new(
        Round::new(Epoch::zero(), View::new(5)),
        View::new(4),
        Sha256::hash(&[block]),
    )
}

fn certificate(voters: &[Scheme], block: &[u8]) -> Option<Certificate> {
    let votes: Vec<_> = voters
        .iter()
        .map(|voter| Finalize::sign(voter, proposal(block)).unwrap())
        .collect();
    Finalization::from_owned_finalizes(voters.first()?, non_empty![@votes.into_iter()], &Sequential)
        .ok()
}

fn holds(certificate: &Certificate, scheme: &Scheme) -> bool {
    certificate.verify(&mut test_rng(), scheme, &Sequential)
}

#[test]
fn neg_l05_two_votes_of_four_make_no_certificate() {
    let voters = schemes(1);
    assert!(holds(
        &certificate(&voters[..3], b"block").unwrap(),
        &voters[3]
    ));
    assert!(certificate(&voters[..2], b"block").is_none());
}

#[test]
fn neg_l05_votes_of_another_network_make_no_certificate_here() {
    let (here, elsewhere) = (schemes(1), schemes(2));
    let certificate = certificate(&elsewhere[..3], b"block").unwrap();
    assert!(holds(&certificate, &elsewhere[3]));
    assert!(!holds(&certificate, &here[3]));
}

#[test]
fn neg_l05_a_certificate_with_any_byte_changed_does_not_hold() {
    let voters = schemes(1);
    let encoded = certificate(&voters[..3], b"block")
        .unwrap()
        .encode()
        .to_vec();
    let limits = Scheme::certificate_codec_config_unbounded();
    let decode = |bytes: Vec<u8>| Certificate::decode_cfg(Bytes::from(bytes), &limits);
    assert!(holds(&decode(encoded.clone()).unwrap(), &voters[3]));
    for position in 0..encoded.len() {
        let mut changed = encoded.clone();
        changed[position] ^= 1;
        let accepted = decode(changed).is_ok_and(|certificate| holds(&certificate, &voters[3]));
        assert!(!accepted, "byte {position}");
    }
}
