//! Marks: up to where the derived files are known to be on the disk.
//!
//! A mark is a file of its own: eight digits of a sum, and JSON. It is written when all that it names is on the disk; only then
//! are older ones, and files that it no longer names, removed. Of several that are whole the latest counts.

use super::{
    StoreError,
    disk::{Disk, read_whole},
    frame::sum,
};
use protocol::registry::{NetworkId, merkle::TreeHash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const NAME: &str = "mark-";

/// What the store holds, and in which files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    pub(super) network: NetworkId,
    pub(super) height: u64,
    pub(super) size: u64,
    root: String,
    /// How long the file of entries is.
    pub(super) entries: u64,
    /// The runs of postings.
    pub(super) runs: Vec<String>,
    /// What the state cannot look up in the entries; null if nobody said.
    pub(super) snapshot: Value,
}

impl Marker {
    pub(super) fn new(
        network: NetworkId,
        tip: &super::Tip,
        entries: u64,
        runs: Vec<String>,
        snapshot: Value,
    ) -> Self {
        Self {
            network,
            height: tip.height,
            size: tip.size,
            root: tip.root.to_string(),
            entries,
            runs,
            snapshot,
        }
    }

    /// The root of the tree over the entries.
    pub(super) fn root(&self) -> Option<TreeHash> {
        TreeHash::from_base64(&self.root)
    }

    /// The latest mark that is whole, with its number.
    pub(super) fn latest(disk: &dyn Disk) -> Result<Option<(u64, Self)>, StoreError> {
        let mut numbers: Vec<u64> = disk.list()?.iter().filter_map(|n| number(n)).collect();
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            if let Some(marker) = Self::read(disk, number)? {
                return Ok(Some((number, marker)));
            }
        }
        Ok(None)
    }

    fn read(disk: &dyn Disk, number: u64) -> Result<Option<Self>, StoreError> {
        let name = file_name(number);
        let Some(bytes) = read_whole(disk, &name)? else {
            return Ok(None);
        };
        let Some((expected, json)) = bytes.split_at_checked(8) else {
            return Ok(None);
        };
        if checked(&name, json).as_bytes() != expected {
            return Ok(None);
        }
        Ok(serde_json::from_slice(json).ok())
    }

    /// Writes a mark, waits until it is on the disk, and removes those before it.
    pub(super) fn write(&self, disk: &dyn Disk, number: u64) -> Result<(), StoreError> {
        let name = file_name(number);
        let json = serde_json::to_vec(self).expect("a mark has a JSON form");
        let bytes = [checked(&name, &json).as_bytes(), &json].concat();
        disk.remove(&name)?;
        disk.append(&name, &bytes)?;
        disk.sync(&name)?;
        remove_but(disk, Some(number))
    }
}

/// Removes all marks but one.
pub(super) fn remove_but(disk: &dyn Disk, kept: Option<u64>) -> Result<(), StoreError> {
    for name in disk.list()? {
        if number(&name).is_some_and(|number| Some(number) != kept) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

fn file_name(number: u64) -> String {
    format!("{NAME}{number}")
}

fn number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(NAME)?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

fn checked(name: &str, json: &[u8]) -> String {
    let sum = u32::from_be_bytes(sum(&[name.as_bytes(), json]));
    format!("{sum:08x}")
}
