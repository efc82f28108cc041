//! Whose signatures count in which epoch.

use super::{Certificate, Scheme};
use crate::{
    application::Application,
    block::{BLOCK_RECORDS_BYTES_MAX, BLOCK_RECORDS_MAX, Block},
    committee::{Committee, MEMBERS_MAX},
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Read as _};
use commonware_consensus::{
    Epochable as _, Heightable as _,
    types::{Epoch, Height},
};
use commonware_cryptography::{
    Digestible as _,
    certificate::{Provider, Scoped, Verifier as _},
};
use commonware_parallel::Sequential;
use rand_core::CryptoRng;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// No floor ([`crate::Handle::floor`]) is longer: the proposal and the signatures of all members, and the longest block.
pub const FLOOR_BYTES_MAX: usize =
    256 + 65 * MEMBERS_MAX + BLOCK_RECORDS_BYTES_MAX + 4 * BLOCK_RECORDS_MAX + 1024;

/// Epochs whose keys are kept at hand.
const CACHED_MAX: usize = 8;

/// The validators of every epoch that the application can name.
#[derive(Clone)]
pub(crate) struct Schemes {
    application: Arc<dyn Application>,
    domain: Arc<[u8]>,
    cache: Arc<Mutex<BTreeMap<Epoch, Arc<Scheme>>>>,
}

impl Schemes {
    pub(super) fn new(application: Arc<dyn Application>, domain: &[u8]) -> Self {
        Self {
            application,
            domain: domain.into(),
            cache: Arc::default(),
        }
    }

    /// The members of an epoch, once the application knows them, wherever they are.
    pub(super) fn electorate(&self, epoch: Epoch) -> Option<Committee> {
        self.application.electorate(epoch.get())
    }

    /// What checks the certificates of an epoch.
    pub(super) fn verifier(&self, epoch: Epoch) -> Option<Arc<Scheme>> {
        if let Some(scheme) = self.cached().get(&epoch) {
            return Some(scheme.clone());
        }
        let validators = self.electorate(epoch)?.validators().clone();
        let scheme = Arc::new(Scheme::verifier(&self.domain, validators));
        let mut cached = self.cached();
        cached.insert(epoch, scheme.clone());
        if cached.len() > CACHED_MAX {
            cached.pop_first();
        }
        Some(scheme)
    }

    /// What signs and checks in an epoch; none unless the key is a validator's.
    pub(super) fn signer(
        &self,
        committee: &Committee,
        key: commonware_cryptography::ed25519::PrivateKey,
    ) -> Option<Scheme> {
        Scheme::signer(&self.domain, committee.validators().clone(), key)
    }

    /// A floor from outside: a certificate, checked against the validators of its epoch, and the height of its block.
    pub(super) fn floor(
        &self,
        rng: &mut impl CryptoRng,
        mut bytes: Bytes,
    ) -> Option<(Certificate, Height)> {
        if bytes.len() > FLOOR_BYTES_MAX {
            return None;
        }
        let limits = Scheme::certificate_codec_config_unbounded();
        let certificate = Certificate::read_cfg(&mut bytes, &limits).ok()?;
        let scheme = self.verifier(certificate.epoch())?;
        if !certificate.verify(rng, scheme.as_ref(), &Sequential) {
            return None;
        }
        // The certificate names the block by its digest alone.
        let block = Block::decode(bytes).ok()?;
        let same = block.digest() == certificate.proposal.payload;
        same.then(|| (certificate, block.height()))
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, BTreeMap<Epoch, Arc<Scheme>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Schemes {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        self.verifier(epoch).map(Scoped::verifier)
    }
}
