//! The whole log of a node, fetched as entry bundles and checked against its latest checkpoint.

use anyhow::{Context, ensure};
use protocol::registry::Genesis;
use protocol::registry::checkpoint::{UnverifiedCheckpoint, VerifiedCheckpoint};
use protocol::registry::merkle::{Frontier, TreeHash};
use url::Url;

use crate::sandbox::http::below;

const BUNDLE: u64 = 256;
const LENGTH_BYTES: usize = 2;

/// The leaves of a log, in order, under a checkpoint that a quorum signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    leaves: Vec<TreeHash>,
}

impl Log {
    /// A log of these leaves.
    #[cfg(test)]
    pub(super) const fn of(leaves: Vec<TreeHash>) -> Self {
        Self { leaves }
    }

    /// How many records it has.
    pub fn size(&self) -> u64 {
        u64::try_from(self.leaves.len()).unwrap_or(u64::MAX)
    }

    /// The hash of the record at an index.
    pub fn leaf(&self, index: u64) -> Option<TreeHash> {
        self.leaves.get(usize::try_from(index).ok()?).copied()
    }

    /// Whether another log agrees as far as both go.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.leaves.iter().zip(&other.leaves).all(|(a, b)| a == b)
    }

    /// The root after each record, the empty tree's first.
    pub fn roots(&self) -> Vec<TreeHash> {
        let mut frontier = Frontier::default();
        let mut roots = vec![frontier.root()];
        for leaf in &self.leaves {
            frontier.push(*leaf);
            roots.push(frontier.root());
        }
        roots
    }
}

/// Fetches the whole log of a node and checks that its entries have the root that a quorum signed.
pub async fn fetch_log(
    http: &reqwest::Client,
    node: &Url,
    genesis: &Genesis,
) -> anyhow::Result<Log> {
    let checkpoint = fetch_checkpoint(http, node, genesis).await?;
    let size = checkpoint.size();
    let mut leaves = Vec::new();
    for number in 0..size.div_ceil(BUNDLE) {
        let width = (size - number * BUNDLE).min(BUNDLE);
        let bundle = fetch(http, &below(node, &bundle_path(number, width))?).await?;
        let mut rest = bundle.as_slice();
        while let Some((length, after)) = rest.split_at_checked(LENGTH_BYTES) {
            let length = usize::from(u16::from_be_bytes(length.try_into()?));
            let (record, after) = after.split_at_checked(length).context("a short bundle")?;
            leaves.push(TreeHash::of_leaf(record));
            rest = after;
        }
    }
    let log = Log { leaves };
    ensure!(
        log.size() == size && log.roots().last() == Some(&checkpoint.root()),
        "the entries of {node} do not have the root that it shows"
    );
    Ok(log)
}

/// The latest checkpoint of a node, verified.
pub(super) async fn fetch_checkpoint(
    http: &reqwest::Client,
    node: &Url,
    genesis: &Genesis,
) -> anyhow::Result<VerifiedCheckpoint> {
    let note = fetch(http, &below(node, "checkpoint")?).await?;
    Ok(UnverifiedCheckpoint::parse(&note)?.verify(genesis.committees())?)
}

async fn fetch(http: &reqwest::Client, url: &Url) -> anyhow::Result<Vec<u8>> {
    let answer = http.get(url.clone()).send().await?.error_for_status()?;
    Ok(answer.bytes().await?.to_vec())
}

/// The path of an entry bundle as in [C2SP tlog-tiles](https://c2sp.org/tlog-tiles).
fn bundle_path(number: u64, width: u64) -> String {
    let mut path = format!("{:03}", number % 1_000);
    let mut leading = number / 1_000;
    while leading > 0 {
        path = format!("x{:03}/{path}", leading % 1_000);
        leading /= 1_000;
    }
    if width < BUNDLE {
        path = format!("{path}.p/{width}");
    }
    format!("tile/entries/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_named_as_in_the_specification() {
        assert_eq!(bundle_path(0, 5), "tile/entries/000.p/5");
        assert_eq!(bundle_path(1_234_067, 256), "tile/entries/x001/x234/067");
    }
}
