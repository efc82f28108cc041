//! A secret that a program reads from an inherited file descriptor, so that it stands in no argument, environment or file.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use anyhow::Context;
use rustix::fs::{MemfdFlags, memfd_create};

/// A memory file that children inherit. Keep it until the child has started.
#[derive(Debug)]
pub struct Secret {
    file: File,
}

impl Secret {
    /// Puts a secret, as one line, where the next child can read it.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        // Without CLOEXEC on purpose: the child is to inherit it.
        let mut file = File::from(
            memfd_create("secret", MemfdFlags::empty()).context("making a memory file")?,
        );
        writeln!(file, "{secret}")?;
        std::io::Seek::rewind(&mut file)?;
        Ok(Self { file })
    }

    /// The number to give to the program.
    pub fn fd(&self) -> i32 {
        self.file.as_raw_fd()
    }
}
