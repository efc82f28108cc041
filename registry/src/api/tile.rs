//! Tiles as in [C2SP tlog-tiles](https://c2sp.org/tlog-tiles): anyone may cache them for ever.

use super::{
    problem::{malformed_name, of_store, of_tree},
    read::{FOR_EVER, blocking, decimal},
};
use crate::replica::{Replica, TILE_WIDTH};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use service::refusal::Refusal;
use std::sync::Arc;

/// The highest level that the specification names.
const LEVEL_MAX: u8 = 5;
/// Elements of a tile number: more would exceed 64 bits.
const NUMBER_ELEMENTS_MAX: usize = 7;

/// Which tile a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TileName {
    content: Content,
    number: u64,
    width: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Hashes(u8),
    Entries,
    Blocks,
}

pub(super) async fn tile(
    State(replica): State<Arc<Replica>>,
    Path(path): Path<String>,
) -> Result<Response, Refusal> {
    let TileName {
        content,
        number,
        width,
    } = TileName::parse(&path).ok_or_else(malformed_name)?;
    let bytes = match content {
        Content::Hashes(level) => {
            blocking(move || replica.hash_tile(level, number, width), of_tree).await?
        }
        Content::Entries => blocking(move || replica.entry_tile(number, width), of_store).await?,
        Content::Blocks => blocking(move || replica.block_tile(number, width), of_store).await?,
    };
    Ok(([FOR_EVER], bytes).into_response())
}

impl TileName {
    /// Reads `<level>/<number>`, optionally with `.p/<width>`; numbers are three-digit elements, all but the last with an `x`.
    fn parse(path: &str) -> Option<Self> {
        let (content, rest) = path.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            "blocks" => Content::Blocks,
            level => Content::Hashes(decimal(level).filter(|level| *level <= LEVEL_MAX)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => {
                let partial = decimal(width).filter(|width| (1..TILE_WIDTH).contains(width))?;
                (number, partial)
            }
            None => (rest, TILE_WIDTH),
        };
        Some(Self {
            content,
            number: parse_number(number)?,
            width,
        })
    }
}

fn parse_number(text: &str) -> Option<u64> {
    let elements: Vec<&str> = text.split('/').take(NUMBER_ELEMENTS_MAX + 1).collect();
    if elements.len() > NUMBER_ELEMENTS_MAX {
        return None;
    }
    let (last, leading) = elements.split_last()?;
    if leading.first().is_some_and(|first| *first == "x000") {
        return None;
    }
    let leading = leading.iter().map(|element| element.strip_prefix('x'));
    leading
        .chain([Some(*last)])
        .try_fold(0_u64, |number, element| {
            let element = element?;
            let three_digits =
                element.len() == 3 && element.bytes().all(|byte| byte.is_ascii_digit());
            let value: u64 = element.parse().ok().filter(|_| three_digits)?;
            number.checked_mul(1000)?.checked_add(value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(level: u8, number: u64, width: u32) -> Option<TileName> {
        let content = Content::Hashes(level);
        Some(TileName {
            content,
            number,
            width,
        })
    }

    #[test]
    fn tile_paths_are_those_of_the_specification() {
        assert_eq!(TileName::parse("0/000"), hashes(0, 0, 256));
        assert_eq!(
            TileName::parse("0/x001/x234/067"),
            hashes(0, 1_234_067, 256)
        );
        assert_eq!(TileName::parse("1/x001/234.p/5"), hashes(1, 1_234, 5));
        let entries = TileName {
            content: Content::Entries,
            number: 3,
            width: 255,
        };
        assert_eq!(TileName::parse("entries/003.p/255"), Some(entries));
    }

    #[test]
    fn neg_l10_other_paths_name_no_tile() {
        for path in [
            "",
            "0",
            "0/",
            "/000",
            "6/000",
            "00/000",
            "-1/000",
            "data/000",
            "0/0",
            "0/0000",
            "0/00a",
            "0/+01",
            "0/x000",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/000.p",
            "0/000.p/",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/-1",
            "0/000.p/1/2",
            "0/../../entries/0",
            "0/%30",
            "0/x999/x999/x999/x999/x999/x999/999",
            "0/x001/x001/x001/x001/x001/x001/x001/001",
        ] {
            assert_eq!(TileName::parse(path), None, "{path}");
        }
    }
}
