//! Where another node's ledger is read: over HTTP, or in a folder with the same files; and how its bundles are spelt.

use crate::state::BlockContext;
use protocol::{Timestamp, registry::ServiceUrl};
use service::client::{FetchError, Outbound};
use std::path::PathBuf;

/// Entries in a full bundle.
pub(crate) const BUNDLE_ENTRIES: u64 = 256;
/// No bundle is longer: each entry has its length in two bytes.
pub(crate) const BUNDLE_BYTES_MAX: usize = 256 * (2 + 65_535);
/// Height and time of an entry's block.
const PLACE_BYTES: usize = 16;
/// No bundle of places is longer.
pub(crate) const PLACES_BYTES_MAX: usize = 256 * PLACE_BYTES;

/// Where another node's ledger is read.
#[derive(Clone, Debug)]
pub enum Source {
    /// A node.
    Node {
        /// How it is asked.
        http: Outbound,
        /// Its address.
        url: ServiceUrl,
    },
    /// A folder in which each resource is a file.
    Folder(PathBuf),
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The node did not answer, or with more than it may.
    #[error("the node cannot be read")]
    Fetch(#[from] FetchError),
    /// The node answered with another status than 200 or 404.
    #[error("the node answered with status {0}")]
    Status(u16),
    /// The file is there and cannot be read.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    /// The file is longer than such a resource can be.
    #[error("the file is longer than {0} bytes")]
    TooLong(usize),
}

impl Source {
    /// A resource; none if there is no such thing.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        match self {
            Self::Node { http, url } => {
                let mut url = url.url().clone();
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
                url.set_query((!query.is_empty()).then_some(query));
                let answer = http.send(http.get(&url), bytes_max).await?;
                match answer.status.as_u16() {
                    200 => Ok(Some(answer.body.to_vec())),
                    404 => Ok(None),
                    other => Err(SourceError::Status(other)),
                }
            }
            Self::Folder(folder) => {
                let path = folder.join(path);
                match tokio::fs::metadata(&path).await {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error.into()),
                    Ok(file) if file.len() > bytes_max as u64 => {
                        return Err(SourceError::TooLong(bytes_max));
                    }
                    Ok(_) => {}
                }
                Ok(Some(tokio::fs::read(path).await?))
            }
        }
    }
}

/// The path of the tile of this kind that begins at entry `number * 256` (C2SP tlog-tiles).
pub(crate) fn tile_path(kind: &str, number: u64, width: u64) -> String {
    let mut name = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    if width < BUNDLE_ENTRIES {
        return format!("tile/{kind}/{name}.p/{width}");
    }
    format!("tile/{kind}/{name}")
}

/// The entries of a bundle, each with its length in two bytes before it; none unless they fill it.
pub(crate) fn entries_of(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

/// The blocks in which the entries of a bundle stand.
pub(crate) fn places_of(bundle: &[u8]) -> Vec<BlockContext> {
    bundle.chunks(PLACE_BYTES).filter_map(place).collect()
}

fn place(bytes: &[u8]) -> Option<BlockContext> {
    let (height, time) = bytes.split_first_chunk()?;
    Some(BlockContext {
        height: u64::from_be_bytes(*height),
        time: Timestamp::from_unix(u64::from_be_bytes(time.try_into().ok()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_the_paths_of_the_specification() {
        assert_eq!(tile_path("entries", 0, 256), "tile/entries/000");
        assert_eq!(
            tile_path("blocks", 1_234_067, 5),
            "tile/blocks/x001/x234/067.p/5"
        );
        assert_eq!(tile_path("entries", 1000, 256), "tile/entries/x001/000");
    }
}
