//! The array of statuses and its compressed form
//! ([Token Status List](https://datatracker.ietf.org/doc/draft-ietf-oauth-status-list/), "Status List").

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::base64url::{self, Base64Error};

/// Bytes of a list after decompression.
pub const INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes that are inflated at a time while the size is only counted.
const WINDOW_BYTES: usize = 32 * 1024;

/// How many bits one status takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusBits {
    /// Valid and invalid.
    One,
    /// Also suspended, and one value for applications: what our lists use.
    Two,
    /// Sixteen values.
    Four,
    /// All values.
    Eight,
}

impl StatusBits {
    /// From the number in a list.
    pub fn from_number(bits: u64) -> Option<Self> {
        match bits {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    /// The number in a list.
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    fn entries_per_byte(self) -> u64 {
        u64::from(8 / self.number())
    }

    fn mask(self) -> u8 {
        u8::MAX >> (8 - self.number())
    }

    /// Byte and shift of an entry: entries fill a byte from its least significant bit.
    fn position(self, idx: u64) -> Option<(usize, u8)> {
        let byte = usize::try_from(idx / self.entries_per_byte()).ok()?;
        let entry = u8::try_from(idx % self.entries_per_byte()).ok()?;
        Some((byte, entry * self.number()))
    }
}

/// What a list says about one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0x00.
    Valid,
    /// 0x01: revoked, for good.
    Invalid,
    /// 0x02: not to be relied on for now.
    Suspended,
    /// 0x03 and 0x0C to 0x0F: the application gives a meaning, or refuses.
    ApplicationSpecific(u8),
    /// Any other value; must be refused, because nobody knows what it means.
    Reserved(u8),
}

impl Status {
    /// From the number in a list.
    pub fn from_number(number: u8) -> Self {
        match number {
            0x00 => Self::Valid,
            0x01 => Self::Invalid,
            0x02 => Self::Suspended,
            0x03 | 0x0C..=0x0F => Self::ApplicationSpecific(number),
            _ => Self::Reserved(number),
        }
    }

    /// The number in a list.
    pub fn number(self) -> u8 {
        match self {
            Self::Valid => 0x00,
            Self::Invalid => 0x01,
            Self::Suspended => 0x02,
            Self::ApplicationSpecific(number) | Self::Reserved(number) => number,
        }
    }
}

/// The statuses of many credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: StatusBits,
    bytes: Vec<u8>,
}

/// Why a list cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusListError {
    /// The list has no such entry: nothing can be said about the credential.
    #[error("the status list has no such entry")]
    OutOfRange,
    /// The value does not fit into the bits of this list.
    #[error("the status does not fit into the list")]
    Value,
    /// `lst` is not base64url.
    #[error("the list is not base64url")]
    Encoding(#[source] Base64Error),
    /// Not one complete zlib stream (RFC 1950).
    #[error("the list is not one zlib stream")]
    Compression,
    /// The list is larger than [`INFLATED_BYTES_MAX`].
    #[error("the list is too large")]
    TooLarge,
}

impl StatusList {
    /// A list in which all are valid, for at least `entries` credentials.
    pub fn new(bits: StatusBits, entries: u64) -> Result<Self, StatusListError> {
        let bytes = usize::try_from(entries.div_ceil(bits.entries_per_byte()))
            .ok()
            .filter(|bytes| *bytes <= INFLATED_BYTES_MAX)
            .ok_or(StatusListError::TooLarge)?;
        Ok(Self {
            bits,
            bytes: vec![0; bytes],
        })
    }

    /// How many bits one status takes.
    pub fn bits(&self) -> StatusBits {
        self.bits
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        u64::try_from(self.bytes.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(self.bits.entries_per_byte())
    }

    /// The status at an index.
    pub fn get(&self, idx: u64) -> Result<Status, StatusListError> {
        let position = self.bits.position(idx);
        let (byte, shift) = position.ok_or(StatusListError::OutOfRange)?;
        let byte = self.bytes.get(byte).ok_or(StatusListError::OutOfRange)?;
        Ok(Status::from_number((byte >> shift) & self.bits.mask()))
    }

    /// Changes the status at an index.
    pub fn set(&mut self, idx: u64, status: Status) -> Result<(), StatusListError> {
        if status.number() > self.bits.mask() {
            return Err(StatusListError::Value);
        }
        let position = self.bits.position(idx);
        let (byte, shift) = position.ok_or(StatusListError::OutOfRange)?;
        let byte = self
            .bytes
            .get_mut(byte)
            .ok_or(StatusListError::OutOfRange)?;
        *byte = (*byte & !(self.bits.mask() << shift)) | (status.number() << shift);
        Ok(())
    }

    /// The value of `lst`: zlib at its best level, base64url.
    pub fn compress(&self) -> String {
        let mut zlib = Compress::new(Compression::best(), true);
        let mut compressed = Vec::with_capacity(self.bytes.len() / 2 + 64);
        loop {
            let read = usize::try_from(zlib.total_in()).unwrap_or(usize::MAX);
            let rest = self.bytes.get(read..).unwrap_or_default();
            compressed.reserve(WINDOW_BYTES);
            let status = zlib
                .compress_vec(rest, &mut compressed, FlushCompress::Finish)
                .expect("compressing from memory to memory has no state to go wrong");
            if status == flate2::Status::StreamEnd {
                return base64url::encode(&compressed);
            }
        }
    }

    /// Reads `lst`. The size is counted before memory is taken, so a bomb costs time for its bounded size and no space.
    pub fn decompress(bits: StatusBits, lst: &str) -> Result<Self, StatusListError> {
        let compressed = base64url::decode(lst).map_err(StatusListError::Encoding)?;
        let mut counter = Counter(0);
        inflate(&compressed, &mut counter)?;
        let mut bytes = Vec::with_capacity(counter.0);
        inflate(&compressed, &mut bytes)?;
        Ok(Self { bits, bytes })
    }
}

impl fmt::Debug for StatusList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StatusList({} entries of {} bits)",
            self.entries(),
            self.bits.number()
        )
    }
}

/// Where inflated bytes go: first only counted, then kept.
trait Sink {
    fn take(&mut self, bytes: &[u8]) -> Result<(), StatusListError>;
}

struct Counter(usize);

impl Sink for Counter {
    fn take(&mut self, bytes: &[u8]) -> Result<(), StatusListError> {
        self.0 += bytes.len();
        if self.0 > INFLATED_BYTES_MAX {
            return Err(StatusListError::TooLarge);
        }
        Ok(())
    }
}

impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), StatusListError> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Inflates exactly one zlib stream: neither raw DEFLATE nor gzip, whole, with its checksum, and nothing after it.
fn inflate(compressed: &[u8], sink: &mut impl Sink) -> Result<(), StatusListError> {
    let mut zlib = Decompress::new(true);
    let mut window = vec![0_u8; WINDOW_BYTES];
    loop {
        let read = usize::try_from(zlib.total_in()).unwrap_or(usize::MAX);
        let rest = compressed.get(read..).unwrap_or_default();
        let written_before = zlib.total_out();
        let status = zlib
            .decompress(rest, &mut window, FlushDecompress::None)
            .map_err(|_corrupt| StatusListError::Compression)?;
        let written = usize::try_from(zlib.total_out() - written_before).unwrap_or(usize::MAX);
        sink.take(window.get(..written).unwrap_or_default())?;
        let read_now = usize::try_from(zlib.total_in()).unwrap_or(usize::MAX);
        match status {
            flate2::Status::StreamEnd if read_now == compressed.len() => return Ok(()),
            flate2::Status::StreamEnd => return Err(StatusListError::Compression),
            flate2::Status::Ok | flate2::Status::BufError => {
                // No progress: the stream is cut off.
                if written == 0 && read_now == read {
                    return Err(StatusListError::Compression);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [StatusBits; 4] = [
        StatusBits::One,
        StatusBits::Two,
        StatusBits::Four,
        StatusBits::Eight,
    ];

    #[test]
    fn neg_t10_entries_fill_a_byte_from_its_least_significant_bit() {
        let mut list = StatusList::new(StatusBits::Two, 12).unwrap();
        let statuses = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
        for (idx, number) in (0..).zip(statuses) {
            list.set(idx, Status::from_number(number)).unwrap();
        }
        assert_eq!(list.bytes, [0xC9, 0x44, 0xF9]);
        assert_eq!(list.compress(), "eNo76fITAAPfAgc");
    }

    #[test]
    fn neg_t06_an_index_beyond_the_list_says_nothing() {
        for bits in ALL {
            let mut list = StatusList::new(bits, 16).unwrap();
            let last = list.entries() - 1;
            assert_eq!(list.get(last), Ok(Status::Valid));
            for beyond in [last + 1, 1 << 32, u64::MAX] {
                assert_eq!(list.get(beyond), Err(StatusListError::OutOfRange));
                let set = list.set(beyond, Status::Valid);
                assert_eq!(set, Err(StatusListError::OutOfRange));
            }
        }
    }

    #[test]
    fn a_status_is_written_only_where_it_fits_and_nowhere_else() {
        for bits in ALL {
            let mut list = StatusList::new(bits, 64).unwrap();
            list.set(9, Status::Invalid).unwrap();
            list.set(9, Status::from_number(bits.mask())).unwrap();
            list.set(9, Status::Invalid).unwrap();
            for idx in 0..64 {
                let expected = if idx == 9 {
                    Status::Invalid
                } else {
                    Status::Valid
                };
                assert_eq!(list.get(idx), Ok(expected));
            }
        }
        let mut list = StatusList::new(StatusBits::One, 8).unwrap();
        assert_eq!(list.set(0, Status::Suspended), Err(StatusListError::Value));
    }

    #[test]
    fn a_list_reads_back() {
        for bits in ALL {
            let mut list = StatusList::new(bits, 1 << 17).unwrap();
            for idx in (0..1 << 17).step_by(97) {
                list.set(idx, Status::Invalid).unwrap();
            }
            assert_eq!(
                StatusList::decompress(bits, &list.compress()).unwrap(),
                list
            );
        }
    }

    fn zlib(bytes: &[u8], zlib_header: bool) -> Vec<u8> {
        let mut compressed = Vec::with_capacity(bytes.len() + 1_024);
        let mut zlib = Compress::new(Compression::best(), zlib_header);
        let status = zlib.compress_vec(bytes, &mut compressed, FlushCompress::Finish);
        assert_eq!(status.unwrap(), flate2::Status::StreamEnd);
        compressed
    }

    fn read(compressed: &[u8]) -> Result<StatusList, StatusListError> {
        StatusList::decompress(StatusBits::Two, &base64url::encode(compressed))
    }

    #[test]
    fn neg_t08_only_one_whole_zlib_stream_is_read() {
        let good = zlib(&[0xC9; 4_096], true);
        assert_eq!(read(&good).unwrap().entries(), 4 * 4_096);

        let raw_deflate = zlib(&[0xC9; 4_096], false);
        assert_eq!(read(&raw_deflate), Err(StatusListError::Compression));

        let mut gzip = vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff];
        gzip.extend(&raw_deflate);
        gzip.extend([0; 8]);
        assert_eq!(read(&gzip), Err(StatusListError::Compression));

        for length in 0..good.len() {
            assert_eq!(
                read(&good[..length]),
                Err(StatusListError::Compression),
                "{length}"
            );
        }
        let trailing = [good.as_slice(), &[0]].concat();
        assert_eq!(read(&trailing), Err(StatusListError::Compression));
        let twice = [good.as_slice(), &good].concat();
        assert_eq!(read(&twice), Err(StatusListError::Compression));
        let mut checksum = good.clone();
        *checksum.last_mut().unwrap() ^= 1;
        assert_eq!(read(&checksum), Err(StatusListError::Compression));
        assert!(matches!(
            StatusList::decompress(StatusBits::Two, "eNo76fITAAPfAgc="),
            Err(StatusListError::Encoding(_))
        ));
    }

    #[test]
    fn neg_t08_a_bomb_is_refused_before_it_takes_memory() {
        let at_the_limit = zlib(&vec![0; INFLATED_BYTES_MAX], true);
        assert!(at_the_limit.len() < 20_000);
        assert!(read(&at_the_limit).is_ok());
        let beyond = zlib(&vec![0; INFLATED_BYTES_MAX + 1], true);
        assert_eq!(read(&beyond), Err(StatusListError::TooLarge));
    }
}
