//! Blocks: what the validators vote on.

use crate::application::OrderedBlock;
use bytes::{BufMut, Bytes};
use commonware_codec::{
    Buf, Encode, EncodeSize, Error, FixedSize, MaxEncodeSize, RangeCfg, Read, ReadExt, Write,
};
use commonware_consensus::{
    BoundedBlock, CertifiableBlock, Heightable,
    simplex::types::Context,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{
    Digest as _, Digested, Digestible, Hasher as _, Sha256, ed25519, sha256,
};

pub(crate) type BlockDigest = sha256::Digest;
pub(crate) type RoundContext = Context<BlockDigest, ed25519::PublicKey>;

/// Longest record that fits into a block.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Most records in one block.
pub const BLOCK_RECORDS_MAX: usize = 2048;
/// Most bytes of records in one block.
pub const BLOCK_RECORDS_BYTES_MAX: usize = 512 * 1024;

const DIGEST_DOMAIN: &[u8] = b"tegata/block/v1\0";
/// A length prefix of up to 16,384 takes three bytes, the record count two.
const LENGTH_PREFIX_BYTES_MAX: usize = 3;

/// A block with its place in the protocol. The digest covers every encoded byte.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    context: RoundContext,
    parent: BlockDigest,
    height: Height,
    time_ms: u64,
    records: Vec<Bytes>,
    digest: BlockDigest,
}

impl Block {
    pub(crate) fn new(
        context: RoundContext,
        parent: BlockDigest,
        height: Height,
        time_ms: u64,
        records: Vec<Bytes>,
    ) -> Self {
        let mut block = Self {
            context,
            parent,
            height,
            time_ms,
            records,
            digest: BlockDigest::EMPTY,
        };
        block.digest = Sha256::hash(&[DIGEST_DOMAIN, &block.encode()]);
        block
    }

    /// The block that every member of a network starts from; the votes' namespace keeps networks apart.
    pub(crate) fn genesis(leader: ed25519::PublicKey) -> Digested<Self> {
        let context = Context {
            round: Round::new(Epoch::zero(), View::zero()),
            leader,
            parent: (View::zero(), BlockDigest::EMPTY),
        };
        Self::new(context, BlockDigest::EMPTY, Height::zero(), 0, Vec::new()).digested()
    }

    pub(crate) fn digested(self) -> Digested<Self> {
        let digest = self.digest;
        Digested::precomputed(self, digest)
    }

    pub(crate) fn time_ms(&self) -> u64 {
        self.time_ms
    }

    pub(crate) fn ordered(&self) -> OrderedBlock {
        OrderedBlock {
            height: self.height.get(),
            time_ms: self.time_ms,
            records: self.records.clone(),
        }
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Block {}

impl Write for Block {
    fn write(&self, buffer: &mut impl BufMut) {
        self.context.write(buffer);
        self.parent.write(buffer);
        self.height.write(buffer);
        self.time_ms.write(buffer);
        self.records.write(buffer);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        self.context.encode_size()
            + self.parent.encode_size()
            + self.height.encode_size()
            + self.time_ms.encode_size()
            + self.records.encode_size()
    }
}

impl Read for Block {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let context = RoundContext::read(buffer)?;
        let parent = BlockDigest::read(buffer)?;
        let height = Height::read(buffer)?;
        let time_ms = u64::read(buffer)?;
        let limits = (
            RangeCfg::from(0..=BLOCK_RECORDS_MAX),
            RangeCfg::from(1..=RECORD_BYTES_MAX),
        );
        let records = Vec::<Bytes>::read_cfg(buffer, &limits)?;
        if records.iter().map(Bytes::len).sum::<usize>() > BLOCK_RECORDS_BYTES_MAX {
            return Err(Error::Invalid(
                "Block",
                "records exceed the size of a block",
            ));
        }
        Ok(Self::new(context, parent, height, time_ms, records))
    }
}

impl Digestible for Block {
    type Digest = BlockDigest;

    fn digest(&self) -> BlockDigest {
        self.digest
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        self.height
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> BlockDigest {
        self.parent
    }
}

impl CertifiableBlock for Block {
    type Context = RoundContext;

    fn context(&self) -> RoundContext {
        self.context.clone()
    }
}

impl BoundedBlock for Block {
    fn max_encode_size(_: &()) -> usize {
        RoundContext::MAX_ENCODE_SIZE
            + BlockDigest::SIZE
            + Height::MAX_ENCODE_SIZE
            + u64::SIZE
            + LENGTH_PREFIX_BYTES_MAX * (BLOCK_RECORDS_MAX + 1)
            + BLOCK_RECORDS_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_codec::DecodeExt as _;
    use commonware_cryptography::Signer as _;

    fn block(records: Vec<Bytes>) -> Block {
        let leader = ed25519::PrivateKey::from_seed(1).public_key();
        let genesis = Block::genesis(leader.clone());
        let context = Context {
            round: Round::new(Epoch::zero(), View::new(3)),
            leader,
            parent: (View::new(2), genesis.digest()),
        };
        Block::new(
            context,
            genesis.digest(),
            Height::new(1),
            1_700_000_000_000,
            records,
        )
    }

    #[test]
    fn a_block_survives_encoding() {
        let original = block(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        let encoded = original.encode();
        let decoded = Block::decode(encoded.clone()).unwrap();
        assert_eq!(decoded.digest(), original.digest());
        assert_eq!(decoded.encode(), encoded);
    }

    #[test]
    fn every_flipped_byte_changes_the_digest_or_is_refused() {
        let original = block(vec![Bytes::from_static(b"one")]);
        let encoded = original.encode().to_vec();
        for position in 0..encoded.len() {
            let mut changed = encoded.clone();
            changed[position] ^= 1;
            if let Ok(decoded) = Block::decode(Bytes::from(changed)) {
                assert_ne!(decoded.digest(), original.digest(), "byte {position}");
            }
        }
    }

    #[test]
    fn neg_l09_a_block_over_the_limits_is_refused() {
        let long = Bytes::from(vec![7u8; RECORD_BYTES_MAX]);
        let fits = block(vec![
            long.clone();
            BLOCK_RECORDS_BYTES_MAX / RECORD_BYTES_MAX
        ]);
        assert!(Block::decode(fits.encode()).is_ok());
        assert!(fits.encode_size() <= Block::max_encode_size(&()));

        let full = block(vec![
            long.clone();
            BLOCK_RECORDS_BYTES_MAX / RECORD_BYTES_MAX + 1
        ]);
        assert!(Block::decode(full.encode()).is_err());
        let record = block(vec![Bytes::from(vec![7u8; RECORD_BYTES_MAX + 1])]);
        assert!(Block::decode(record.encode()).is_err());
        let empty_record = block(vec![Bytes::new()]);
        assert!(Block::decode(empty_record.encode()).is_err());
        let many = block(vec![Bytes::from_static(b"x"); BLOCK_RECORDS_MAX + 1]);
        assert!(Block::decode(many.encode()).is_err());
    }

    #[test]
    fn neg_l09_a_length_prefix_of_a_gibibyte_allocates_nothing() {
        let mut bytes = block(Vec::new()).encode().to_vec();
        bytes.pop();
        bytes.extend_from_slice(&[0x80, 0x80, 0x80, 0x80, 0x04]);
        assert!(Block::decode(Bytes::from(bytes)).is_err());
    }
}
