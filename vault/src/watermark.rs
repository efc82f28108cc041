//! The watermark: the last generation that was reported as durable.
//!
//! A log that lost its end is an older state of the store, complete in itself, and its manifest fits. So each commit notes its
//! generation in a file of its own before it is reported. Two places are written in turns: a torn write spoils one of them. The file is
//! not synced: what the system loses of it at a power cut only makes the bound lower.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::keys::Key;
use crate::reader::Reader;

const PLACE_BYTES: usize = 8 + 32;

pub(crate) struct Watermark {
    file: File,
    reported: u64,
}

impl Watermark {
    /// Reads the file; nothing if no place in it is authentic.
    pub(crate) fn read(file: File, key: &Key) -> io::Result<Option<Self>> {
        let mut bytes = [0; 2 * PLACE_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut reader = Reader::new(&bytes);
        let places = [authentic(&mut reader, key), authentic(&mut reader, key)];
        let reported = places.into_iter().flatten().max();
        Ok(reported.map(|reported| Self { file, reported }))
    }

    /// The file of a new vault.
    pub(crate) fn create(file: File, key: &Key) -> io::Result<Self> {
        file.set_len(0)?;
        for generation in [0, 1] {
            write_place(&file, key, generation)?;
        }
        file.sync_all()?;
        Ok(Self { file, reported: 1 })
    }

    /// No generation below this one is the store's state.
    pub(crate) fn reported(&self) -> u64 {
        self.reported
    }

    /// Notes that everything up to `generation` is durable.
    pub(crate) fn raise(&mut self, key: &Key, generation: u64) -> io::Result<()> {
        if generation > self.reported {
            write_place(&self.file, key, generation)?;
            self.reported = generation;
        }
        Ok(())
    }
}

fn authentic(reader: &mut Reader<'_>, key: &Key) -> Option<u64> {
    let generation: [u8; 8] = reader.array()?;
    let tag = reader.array()?;
    key.confirms(&[b"watermark\0", &generation], &tag)
        .then_some(u64::from_be_bytes(generation))
}

fn write_place(file: &File, key: &Key, generation: u64) -> io::Result<()> {
    let generation_bytes = generation.to_be_bytes();
    let tag = key.mac(&[b"watermark\0", &generation_bytes]);
    let place = [generation_bytes.as_slice(), &tag].concat();
    let offset = if generation.is_multiple_of(2) {
        0
    } else {
        PLACE_BYTES as u64
    };
    file.write_all_at(&place, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    #[test]
    fn the_last_reported_generation_is_read_back() {
        let key = Key::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(1));
        let file = tempfile::tempfile().unwrap();
        let mut watermark = Watermark::create(file.try_clone().unwrap(), &key).unwrap();
        for generation in [2, 3, 7, 6] {
            watermark.raise(&key, generation).unwrap();
        }
        let read = Watermark::read(file, &key).unwrap().unwrap();
        assert_eq!(read.reported(), 7);
    }

    #[test]
    fn a_torn_write_leaves_the_generation_before() {
        let key = Key::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(1));
        let file = tempfile::tempfile().unwrap();
        let mut watermark = Watermark::create(file.try_clone().unwrap(), &key).unwrap();
        watermark.raise(&key, 2).unwrap();
        watermark.raise(&key, 3).unwrap();
        file.write_all_at(&[0xff; 5], PLACE_BYTES as u64 + 6)
            .unwrap();
        let read = Watermark::read(file.try_clone().unwrap(), &key).unwrap();
        assert_eq!(read.unwrap().reported(), 2);
        file.write_all_at(&[0xff; 5], 6).unwrap();
        assert!(Watermark::read(file, &key).unwrap().is_none());
    }
}
