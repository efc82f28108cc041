//! What members signed: the latest checkpoint, and the checkpoints by which committees were handed over.
//!
//! `cosigned-<n>` holds the latest checkpoint; it is replaced, the new file before the old one goes, and not waited for:
//! after a crash an older one may be there, or none, and the signatures are collected again. `handovers` grows: length 4, sum 4,
//! JSON. Whoever reads either checks the signatures.

use super::{
    CosignedNote, StoreError,
    disk::{Disk, read_whole},
    frame::sum,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const COSIGNED: &str = "cosigned-";
const HANDOVERS: &str = "handovers";
const HEAD_BYTES: usize = 8;

/// The files of signed checkpoints.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    disk: Arc<dyn Disk>,
    files: Arc<Mutex<Files>>,
}

#[derive(Debug)]
struct Files {
    /// The numbers of the files of the latest checkpoint; more than one after a crash.
    cosigned: Vec<u64>,
    handovers: Vec<CosignedNote>,
    /// Where the file of handovers ends.
    end: u64,
}

impl Notes {
    /// Reads what is there, and cuts off what a crash left half written.
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let names = disk.list()?;
        let number = |name: &String| name.strip_prefix(COSIGNED)?.parse().ok();
        let mut cosigned: Vec<u64> = names.iter().filter_map(number).collect();
        cosigned.sort_unstable();
        let bytes = read_whole(&*disk, HANDOVERS)?.unwrap_or_default();
        let (handovers, end) = read_handovers(&bytes);
        let torn = end < bytes.len();
        let end = end as u64;
        if torn {
            disk.truncate(HANDOVERS, end)?;
        }
        let files = Files {
            cosigned,
            handovers,
            end,
        };
        Ok(Self {
            disk,
            files: Arc::new(Mutex::new(files)),
        })
    }

    /// The latest checkpoint that can be read.
    pub(super) fn cosigned(&self) -> Result<Option<CosignedNote>, StoreError> {
        for number in self.files().cosigned.iter().rev() {
            let bytes = read_whole(&*self.disk, &format!("{COSIGNED}{number}"))?;
            let note = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if note.is_some() {
                return Ok(note);
            }
        }
        Ok(None)
    }

    pub(super) fn remember_cosigned(&self, note: &CosignedNote) -> Result<(), StoreError> {
        let mut files = self.files();
        let number = files.cosigned.last().map_or(0, |last| last + 1);
        let json = serde_json::to_vec(note).expect("two strings have a JSON form");
        files.cosigned.push(number);
        self.disk.append(&format!("{COSIGNED}{number}"), &json)?;
        files.cosigned.pop();
        for older in std::mem::take(&mut files.cosigned) {
            self.disk.remove(&format!("{COSIGNED}{older}"))?;
        }
        files.cosigned.push(number);
        Ok(())
    }

    pub(super) fn handovers(&self) -> Vec<CosignedNote> {
        self.files().handovers.clone()
    }

    pub(super) fn keep_handover(&self, handover: &CosignedNote) -> Result<(), StoreError> {
        let mut files = self.files();
        let json = serde_json::to_vec(handover).expect("two strings have a JSON form");
        let length = u32::try_from(json.len()).map_err(|_| StoreError::Damaged("handovers"))?;
        let head = [length.to_be_bytes(), sum(&[&json])].concat();
        let bytes = [head, json].concat();
        let written = self.disk.append(HANDOVERS, &bytes);
        if let Err(error) = written.and_then(|()| self.disk.sync(HANDOVERS)) {
            // What follows half a handover would not be found again.
            let _cut_or_not = self.disk.truncate(HANDOVERS, files.end);
            return Err(error.into());
        }
        files.end += bytes.len() as u64;
        files.handovers.push(handover.clone());
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handovers at the beginning of the bytes, and where they end.
fn read_handovers(bytes: &[u8]) -> (Vec<CosignedNote>, usize) {
    let (mut handovers, mut end) = (Vec::new(), 0);
    while let Some((handover, length)) = bytes.get(end..).and_then(read_handover) {
        handovers.push(handover);
        end += HEAD_BYTES + length;
    }
    (handovers, end)
}

fn read_handover(bytes: &[u8]) -> Option<(CosignedNote, usize)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (expected, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let json = rest
        .get(..length)
        .filter(|json| sum(&[json]) == *expected)?;
    Some((serde_json::from_slice(json).ok()?, length))
}
