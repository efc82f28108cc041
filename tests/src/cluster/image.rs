//! Copies of a node's disk: an image that is put back later, and a second instance that runs beside the first.

use std::path::Path;

use anyhow::Context;
use url::Url;

use super::node::configure;
use super::{Cluster, Node};
use crate::sandbox::Ports;

/// Which data a second instance opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwinData {
    /// A copy of the first one's.
    Copied,
    /// The first one's.
    Shared,
}

impl Node {
    /// Copies the node's data, which must not be in use, to a folder.
    pub fn take_image(&self, folder: &Path) -> anyhow::Result<()> {
        copy(&self.data()?, folder)
    }

    /// Puts a copy in the place of the node's data. Its keys, and what lies with them, stay as they are.
    pub fn put_image(&self, folder: &Path) -> anyhow::Result<()> {
        let data = self.data()?;
        std::fs::remove_dir_all(&data).context("removing the data")?;
        copy(folder, &data)
    }
}

impl Cluster {
    /// A second instance of a node, with the same keys, at other ports. Data that is copied must not be in use.
    pub fn twin(&self, number: usize, data: TwinData) -> anyhow::Result<Node> {
        let node = self.nodes.get(number).context("no such node")?;
        let folder = self.folder().join(format!("twin{number}-{data:?}"));
        match data {
            TwinData::Copied => copy(&node.folder, &folder)?,
            TwinData::Shared => {
                copy(&node.folder.join("keys"), &folder.join("keys"))?;
                for name in ["node.toml", "genesis.json"] {
                    std::fs::copy(node.folder.join(name), folder.join(name))?;
                }
            }
        }
        let mut ports = Ports::default();
        let (port, peer_port) = (ports.take()?, ports.take()?);
        configure(&folder, peer_port, 64)?;
        let path = folder.join("node.toml");
        let mut config: toml::Table = std::fs::read_to_string(&path)?.parse()?;
        if data == TwinData::Shared {
            let shared = node.data()?;
            let shared = shared.to_str().context("a folder's name is text")?;
            config.insert("data".into(), shared.into());
        }
        let service = config
            .get_mut("service")
            .and_then(toml::Value::as_table_mut);
        let service = service.context("node.toml has a [service]")?;
        service.insert("listen".into(), format!("127.0.0.1:{port}").into());
        std::fs::write(path, toml::to_string(&config)?)?;
        let url = Url::parse(&format!("http://127.0.0.1:{port}"))?;
        Ok(Node::new(
            format!("twin of {number}"),
            url,
            folder,
            node.program.clone(),
        ))
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_all_folders_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(from.join("below")).unwrap();
        std::fs::write(from.join("below/file"), b"bytes").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(std::fs::read(to.join("below/file")).unwrap(), b"bytes");
    }
}
