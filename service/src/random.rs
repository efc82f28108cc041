//! The one place of the services that asks the operating system for randomness.

use rand_core::UnwrapErr;

/// The operating system's generator. It panics if the system cannot give randomness, because nothing safe can be
/// done without.
pub type OsRandom = UnwrapErr<getrandom::SysRng>;

/// The operating system's generator, to be handed down as an argument.
#[must_use]
pub fn os() -> OsRandom {
    UnwrapErr(getrandom::SysRng)
}
