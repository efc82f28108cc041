//! Where the engine keeps final blocks, their certificates, and what is not yet final.

use super::{BUFFER, MAILBOX, Runtime, Scheme, VIEW_RETENTION, epochs};
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
use commonware_cryptography::{
    Digested,
    certificate::{ConstantProvider, Verifier as _},
};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::{Error, immutable};
use commonware_utils::{NZU16, NZU64, NZUsize, acknowledgement::Exact};
use std::sync::Arc;

/// The stores of one member, below a common prefix, with one page cache.
pub(super) struct Storage {
    prefix: String,
    pub(super) cache: CacheRef,
}

pub(super) type MarshalOf<E> = Marshal<
    E,
    Standard<Block>,
    ConstantProvider<Scheme, Epoch>,
    immutable::Archive<E, BlockDigest, Finalization<Scheme, BlockDigest>>,
    immutable::Archive<E, BlockDigest, Arc<Block>>,
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

    pub(super) fn partition(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Opens the archives and what orders blocks into them.
    pub(super) async fn marshal<E: Runtime>(
        &self,
        runtime: &E,
        scheme: &Scheme,
        genesis: Digested<Block>,
    ) -> Result<(MarshalOf<E>, Mailbox<Scheme, Standard<Block>>), Error> {
        let certificates = immutable::Archive::init(
            runtime.child("certificates"),
            self.archive("certificates", Scheme::certificate_codec_config_unbounded()),
        );
        let blocks = immutable::Archive::init(runtime.child("blocks"), self.archive("blocks", ()));
        let config = marshal::Config {
            provider: ConstantProvider::new(scheme.clone()),
            epocher: epochs(),
            start: Start::Genesis(genesis),
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

    fn archive<C>(&self, name: &str, codec_config: C) -> immutable::Config<C> {
        let partition = |part: &str| self.partition(&format!("{name}-{part}"));
        immutable::Config {
            metadata_partition: partition("metadata"),
            freezer_table_partition: partition("table"),
            freezer_table_initial_size: 4096,
            freezer_table_resize_frequency: 4,
            freezer_table_resize_chunk_size: 4096,
            freezer_key_partition: partition("key"),
            freezer_key_page_cache: self.cache.clone(),
            freezer_value_partition: partition("value"),
            freezer_value_target_size: 64 << 20,
            freezer_value_compression: None,
            ordinal_partition: partition("ordinal"),
            items_per_section: NZU64!(65_536),
            freezer_key_write_buffer: BUFFER,
            freezer_value_write_buffer: BUFFER,
            ordinal_write_buffer: BUFFER,
            replay_buffer: BUFFER,
            codec_config,
        }
    }
}
