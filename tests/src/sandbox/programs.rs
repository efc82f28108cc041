//! The real programs, built when they are not.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds all programs, as `cargo` would for the whole workspace, and finds them beside this one.
    ///
    /// `cargo run --package tests` selects the same features as the workspace does, because `tests` depends on every
    /// crate; so this compiles nothing twice.
    pub fn build() -> anyhow::Result<Self> {
        build("--bins")
    }

    /// Builds a registry node alone.
    pub fn build_registry() -> anyhow::Result<PathBuf> {
        Ok(build("--bin=tegata-registry")?.registry())
    }
    /// The wallet.
    pub fn wallet(&self) -> PathBuf {
        self.folder.join("tegata")
    }

    /// A registry node.
    pub fn registry(&self) -> PathBuf {
        self.folder.join("tegata-registry")
    }

    /// The issuer.
    pub fn issuer(&self) -> PathBuf {
        self.folder.join("tegata-issuer")
    }

    /// A verifier.
    pub fn verifier(&self) -> PathBuf {
        self.folder.join("tegata-verifier")
    }
}

fn build(which: &str) -> anyhow::Result<Programs> {
    let folder = target_folder()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut build = Command::new(cargo);
    build
        .args([
            "build",
            "--quiet",
            "--workspace",
            which,
            "--locked",
            "--manifest-path",
        ])
        .arg(workspace);
    build.stdout(std::process::Stdio::null());
    // Only what a person would have typed: cargo sets these for the program that it runs.
    for (name, _) in std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        })
    }) {
        build.env_remove(name);
    }
    if folder.ends_with("release") {
        build.arg("--release");
    }
    ensure!(
        build.status().context("running cargo build")?.success(),
        "the programs do not build"
    );
    Ok(Programs { folder })
}

/// `target/debug`, whether this is a program in it or a test in `deps/` below it.
fn target_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("finding this program")?;
    let folder = program.parent().context("this program is in no folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().context("deps is in no folder")?
    } else {
        folder
    };
    Ok(folder.to_owned())
}
