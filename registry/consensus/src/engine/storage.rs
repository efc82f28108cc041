//! Where the engine keeps final blocks, their certificates, and what is not yet final.

use super::{BUFFER, MAILBOX, Runtime, Scheme, VIEW_RETENTION, schemes::Schemes};
use crate::{
    block::{Block, BlockDigest},
    delivery,
};
use commonware_consensus::{
    marshal::{
        self, Start,
        core::{Actor as Marshal, Mailbox},
        standard::Standard,
    },
    simplex::types::Finalization,
    types::{Epoch, FixedEpocher},
};
use commonware_cryptography::{Digested, certificate::Verifier as _};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{
    archive::{Error, prunable},
    translator::EightCap,
};
use commonware_utils::{NZU16, NZU64, NZUsize, acknowledgement::Exact};
use std::{num::NonZeroU64, sync::Arc};

/// Blocks are removed this many at a time.
const SECTION: NonZeroU64 = NZU64!(256);

/// A certificate that a block is final.
pub(crate) type Certificate = Finalization<Scheme, BlockDigest>;

/// What orders blocks, as other parts talk to it.
pub(crate) type Order = Mailbox<Scheme, Standard<Block>>;

/// The stores of one member, below a common prefix, with one page cache.
pub(super) struct Storage {
    prefix: String,
    pub(super) cache: CacheRef,
}

pub(super) type MarshalOf<E> = Marshal<
    E,
    Standard<Block>,
    Schemes,
    prunable::Archive<EightCap, E, BlockDigest, Certificate>,
    prunable::Archive<EightCap, E, BlockDigest, Arc<Block>>,
    FixedEpocher,
    Sequential,
    Exact,
>;

impl Storage {
    pub(super) fn new(prefix: String) -> Self {
        Self {
            prefix,
            cache: CacheRef::new(NZU16!(4096), NZUsize!(512)),
        }
    }

    fn partition(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Where the votes of an epoch are.
    pub(super) fn votes(&self, epoch: Epoch) -> String {
        self.partition(&format!("votes-{epoch}"))
    }

    /// What this node heard in an epoch in which it does not vote.
    pub(super) fn followed(&self, epoch: Epoch) -> String {
        self.partition(&format!("followed-{epoch}"))
    }

    /// Opens the archives and what orders blocks into them.
    pub(super) async fn marshal<E: Runtime>(
        &self,
        runtime: &E,
        schemes: Schemes,
        epocher: FixedEpocher,
        start: Start<Scheme, BlockDigest, Digested<Block>>,
    ) -> Result<(MarshalOf<E>, Order), Error> {
        let certificates = prunable::Archive::init(
            runtime.child("certificates"),
            self.archive(
                "final-certificates",
                Scheme::certificate_codec_config_unbounded(),
            ),
        );
        let blocks =
            prunable::Archive::init(runtime.child("blocks"), self.archive("final-blocks", ()));
        let config = marshal::Config {
            provider: schemes,
            epocher,
            start,
            partition_prefix: self.partition("order"),
            mailbox_size: MAILBOX,
            view_retention: VIEW_RETENTION,
            prunable_items_per_section: NZU64!(1024),
            page_cache: self.cache.clone(),
            replay_buffer: BUFFER,
            key_write_buffer: BUFFER,
            value_write_buffer: BUFFER,
            block_codec_config: (),
            max_repair: NZUsize!(64),
            max_pending_acks: NZUsize!(delivery::PENDING_MAX),
            strategy: Sequential,
        };
        let (actor, mailbox, _floor) = Marshal::init(
            runtime.child("order"),
            certificates.await?,
            blocks.await?,
            config,
        )
        .await;
        Ok((actor, mailbox))
    }

    fn archive<C>(&self, name: &str, codec_config: C) -> prunable::Config<EightCap, C> {
        let partition = |part: &str| self.partition(&format!("{name}-{part}"));
        prunable::Config {
            translator: EightCap,
            metadata_partition: partition("metadata"),
            key_partition: partition("key"),
            key_page_cache: self.cache.clone(),
            value_partition: partition("value"),
            compression: None,
            codec_config,
            items_per_section: SECTION,
            key_write_buffer: BUFFER,
            value_write_buffer: BUFFER,
            replay_buffer: BUFFER,
        }
    }
}
