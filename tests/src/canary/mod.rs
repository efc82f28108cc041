//! Searching disks for a person.
//!
//! Each secret is looked for in every spelling that a careless program would leave behind: UTF-8, UTF-16, JSON and URL
//! escapes, base64 in its three alignments, hex, and its unsalted MD5, SHA-1, SHA-256 and SHA-512. Compressed or encrypted data is not opened: the
//! former is a gap of this search, the latter is its point.

mod search;
mod spelling;

use std::path::{Path, PathBuf};

use anyhow::Context;

use search::Needles;
use spelling::{Spelling, spell_bytes, spell_text};

/// What is looked for.
pub struct Canaries {
    needles: Needles<Mark>,
}

/// What a needle says about whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    secret: usize,
    spelling: Spelling,
}

/// A secret that was found where it must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// In which file.
    pub file: PathBuf,
    /// Which secret, by its number, so that reports do not repeat it.
    pub secret: usize,
    /// How it was spelled.
    pub spelling: Spelling,
}

/// What a search saw.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// Files that were read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What was found, at most one hit per secret, spelling and file.
    pub hits: Vec<Hit>,
}

impl Canaries {
    /// Looks for texts and for pieces of pictures.
    pub fn new(texts: &[String], pictures: &[Vec<u8>]) -> Self {
        let mut needles = Vec::new();
        let texts = texts.iter().map(|text| spell_text(text));
        let pictures = pictures.iter().map(|picture| spell_bytes(picture));
        for (secret, spellings) in texts.chain(pictures).enumerate() {
            needles.extend(
                spellings
                    .into_iter()
                    .map(|(spelling, bytes)| (bytes, Mark { secret, spelling })),
            );
        }
        Self {
            needles: Needles::new(needles),
        }
    }

    /// Searches all files below a folder, and their names.
    pub fn search(&self, folder: &Path) -> anyhow::Result<Searched> {
        let mut searched = Searched::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)
                .with_context(|| format!("reading {}", folder.display()))?
            {
                let path = entry?.path();
                self.look_at(&path, path.as_os_str().as_encoded_bytes(), &mut searched);
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    // A running database may remove a file between listing and reading.
                    let Ok(bytes) = std::fs::read(&path) else {
                        continue;
                    };
                    searched.files += 1;
                    searched.bytes += bytes.len() as u64;
                    self.look_at(&path, &bytes, &mut searched);
                }
            }
        }
        Ok(searched)
    }

    fn look_at(&self, path: &Path, bytes: &[u8], searched: &mut Searched) {
        for mark in self.needles.find(bytes) {
            let hit = Hit {
                file: path.to_owned(),
                secret: mark.secret,
                spelling: mark.spelling,
            };
            if !searched.hits.contains(&hit) {
                searched.hits.push(hit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "勅使河原 TESHIGAWARA";

    fn search(content: &[u8]) -> Vec<Spelling> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), content).unwrap();
        let searched = Canaries::new(&[TEXT.to_owned()], &[])
            .search(folder.path())
            .unwrap();
        assert_eq!(searched.files, 1);
        searched.hits.into_iter().map(|hit| hit.spelling).collect()
    }

    #[test]
    fn every_spelling_is_found_wherever_it_begins() {
        for offset in 0..7 {
            for (spelling, bytes) in spell_text(TEXT) {
                let mut content = vec![b'x'; offset];
                content.extend(bytes);
                content.extend(b"yz");
                assert!(
                    search(&content).contains(&spelling),
                    "{spelling:?} at {offset}"
                );
            }
        }
    }

    #[test]
    fn base64_of_a_longer_text_around_the_secret_is_found() {
        use base64::Engine;
        for before in ["", "a", "ab", "abc"] {
            let encoded =
                base64::engine::general_purpose::STANDARD.encode(format!("{before}{TEXT}{before}"));
            assert!(!search(encoded.as_bytes()).is_empty(), "{before}");
        }
    }

    #[test]
    fn an_unsalted_hash_is_found_however_it_was_made() {
        use sha2::Digest;
        let hashes = [
            md5::Md5::digest(TEXT).to_vec(),
            sha1::Sha1::digest(TEXT).to_vec(),
            sha2::Sha256::digest(TEXT).to_vec(),
            sha2::Sha512::digest(TEXT).to_vec(),
        ];
        for hash in hashes {
            assert_eq!(search(&hash), [Spelling::UnsaltedHash]);
            let hex: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(search(hex.as_bytes()), [Spelling::UnsaltedHash]);
        }
    }

    #[test]
    fn other_people_and_salted_hashes_are_not_found() {
        use sha2::Digest;
        assert_eq!(search("小笠原 OGASAWARA".as_bytes()), []);
        assert_eq!(search(&sha2::Sha256::digest(format!("salt{TEXT}"))), []);
    }

    #[test]
    fn a_piece_of_a_picture_is_found() {
        let picture: Vec<u8> = (0..4_096u32)
            .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2])
            .collect();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("copy"),
            [b"head".as_slice(), &picture[1_000..3_000]].concat(),
        )
        .unwrap();
        let hits = Canaries::new(&[], &[picture])
            .search(folder.path())
            .unwrap()
            .hits;
        assert!(!hits.is_empty());
    }
}
