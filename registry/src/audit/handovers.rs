//! How the members of a height came to sign: what evidence is checked with when members have changed since the genesis file.

use super::Source;
use anyhow::Context as _;
use protocol::{
    json::{self, Limits},
    registry::{
        Genesis,
        checkpoint::{Committees, Handover},
    },
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Documents come as strings in JSON, several in one answer.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A node tells handovers in pages.
const PAGES_MAX: usize = 10_000;

/// Checkpoints with their documents, the oldest first, as in the answer to `GET /handovers`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handovers {
    handovers: Vec<Handover>,
}

impl Handovers {
    /// All that a node or a folder shows, its latest document last: it says that nothing else was decided.
    pub(super) async fn of(source: &Source, genesis: &Genesis) -> anyhow::Result<Self> {
        let mut all = Self::default();
        let mut committees = genesis.committees().clone();
        for _page in 0..PAGES_MAX {
            let path = format!("handovers?from={}", committees.followed().saturating_add(1));
            let Some(page) = read::<Self>(source, &path).await? else {
                break;
            };
            let before = committees.followed();
            for handover in page.handovers {
                committees.follow(&handover)?;
                all.handovers.push(handover);
            }
            if committees.followed() == before {
                break;
            }
        }
        if let Some(latest) = read::<Handover>(source, "trusted-parties").await? {
            committees.follow(&latest)?;
            all.handovers.push(latest);
        }
        Ok(all)
    }

    /// Reads a file of them.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::File::open(path)?;
        let mut text = Vec::new();
        std::io::Read::read_to_end(
            &mut std::io::Read::take(file, FILE_BYTES_MAX as u64 + 1),
            &mut text,
        )?;
        Ok(json::parse_as(&text, &limits(FILE_BYTES_MAX))?)
    }

    /// Who signs, from the genesis file through all of them.
    pub(super) fn follow(&self, genesis: &Genesis) -> anyhow::Result<Committees> {
        let mut committees = genesis.committees().clone();
        for handover in &self.handovers {
            committees.follow(handover)?;
        }
        Ok(committees)
    }

    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

async fn read<T: for<'de> Deserialize<'de>>(
    source: &Source,
    path: &str,
) -> anyhow::Result<Option<T>> {
    let answer = source.fetch(path, ANSWER_BYTES_MAX).await?;
    let parsed = answer.map(|answer| json::parse_as(&answer, &limits(ANSWER_BYTES_MAX)));
    parsed
        .transpose()
        .with_context(|| format!("the answer about {path}"))
}

fn limits(bytes_max: usize) -> Limits {
    Limits {
        elements: PAGES_MAX,
        ..Limits::DEFAULT
            .with_bytes(bytes_max)
            .with_string(ANSWER_BYTES_MAX)
    }
}
