//! The engine's view of a [`Disk`]: partitions are folders, blobs are files in them.

use super::{
    disk::{DiskError, OpenFile},
    machine::Machine,
};
use crate::planted::{Bug, planted};
use bytes::BufMut as _;
use commonware_runtime::{
    Blob, BlobVersion, Error, Handle, IoBufMut, IoBufs, IoBufsMut, ReadOptions, Storage,
    WriteOptions,
};
use std::{fmt::Write as _, io, ops::RangeInclusive, sync::Arc};

impl Storage for Machine {
    type Blob = StoredBlob;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
    ) -> Result<(StoredBlob, u64, BlobVersion), Error> {
        let file = self.disk().open(&path(partition, name));
        let length = file.len().map_err(failed)? as u64;
        Ok((StoredBlob(file), length, *versions.end()))
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        let names = match name {
            Some(name) => vec![path(partition, name)],
            None => self.disk().names(&folder(partition)),
        };
        if names.is_empty() {
            return Err(Error::PartitionMissing(partition.to_owned()));
        }
        for name in names {
            let missing = |_| Error::BlobMissing(partition.to_owned(), name.clone());
            self.disk().remove(&name).map_err(missing)?;
        }
        Ok(())
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        let folder = folder(partition);
        let names = self.disk().names(&folder);
        if names.is_empty() {
            return Err(Error::PartitionMissing(partition.to_owned()));
        }
        let blob = |name: &String| unhex(name.strip_prefix(&folder)?);
        names
            .iter()
            .map(|name| blob(name).ok_or_else(|| Error::PartitionCorrupt(partition.to_owned())))
            .collect()
    }
}

/// An open blob.
#[derive(Clone)]
pub(crate) struct StoredBlob(OpenFile);

impl Blob for StoredBlob {
    async fn read_at(
        &self,
        offset: u64,
        length: usize,
        options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        let buffer = IoBufMut::with_capacity(length);
        self.read_at_buf(offset, length, buffer, options).await
    }

    async fn read_at_buf(
        &self,
        offset: u64,
        length: usize,
        buffers: impl Into<IoBufsMut> + Send,
        _options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        let bytes = self.0.read(place(offset)?, length).map_err(failed)?;
        let mut buffers = buffers.into();
        if let Some(single) = buffers.as_single_mut() {
            single.clear();
            single.put_slice(&bytes);
        } else {
            buffers.copy_from_slice(&bytes);
        }
        Ok(buffers)
    }

    async fn write_at(
        &self,
        offset: u64,
        buffers: impl Into<IoBufs> + Send,
        options: WriteOptions,
    ) -> Result<(), Error> {
        let bytes = buffers.into().coalesce();
        self.0
            .write(place(offset)?, bytes.as_ref())
            .map_err(failed)?;
        if options.contains(WriteOptions::SYNC) {
            self.sync().await?;
        }
        Ok(())
    }

    async fn resize(&self, length: u64) -> Result<(), Error> {
        self.0.resize(place(length)?).map_err(failed)
    }

    async fn sync(&self) -> Result<(), Error> {
        if planted(Bug::UnsyncedVotes) && self.0.name().starts_with(VOTES) {
            return Ok(());
        }
        self.0.sync().map_err(failed)
    }

    async fn start_sync(&self) -> Handle<()> {
        Handle::ready(self.sync().await)
    }
}

/// Where the engine's files are on the disk.
pub(crate) const ENGINE: &str = "engine/";
/// What the files with votes begin with: the engine's own code syncs them, so what a missing sync does is shown here.
const VOTES: &str = "engine/votes-";

fn folder(partition: &str) -> String {
    format!("{ENGINE}{partition}/")
}

fn path(partition: &str, name: &[u8]) -> String {
    let mut path = folder(partition);
    for byte in name {
        write!(path, "{byte:02x}").expect("writing to a string cannot fail");
    }
    path
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn place(offset: u64) -> Result<usize, Error> {
    usize::try_from(offset).map_err(|_| Error::OffsetOverflow)
}

fn failed(error: DiskError) -> Error {
    match error {
        DiskError::End => Error::BlobInsufficientLength,
        DiskError::Off => Error::Closed,
        DiskError::Full => Error::Io(Arc::new(io::ErrorKind::StorageFull.into())),
        DiskError::Failed | DiskError::Missing => Error::Io(Arc::new(io::Error::other(error))),
    }
}
