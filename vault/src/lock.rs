//! One process at a time: an exclusive lock on a file, waited for with a bound.

use std::fs::File;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The lock; released on drop, and by the system when the process ends in any way.
pub(crate) struct Lock {
    _file: File,
}

#[derive(Debug)]
pub(crate) enum LockError {
    /// Somebody else held the lock for the whole wait.
    Busy,
    Io(std::io::Error),
}

impl Lock {
    pub(crate) fn acquire(file: File, wait: Duration) -> Result<Self, LockError> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) if !wait.is_zero() => {}
            Err(Errno::WOULDBLOCK) => return Err(LockError::Busy),
            Err(error) => return Err(LockError::Io(error.into())),
        }
        // The kernel wakes this thread; if that comes too late, sending fails and the file, and with it the lock, is dropped.
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new()
            .name("vault-lock".into())
            .spawn(move || {
                let locked = flock(&file, FlockOperation::LockExclusive).map(|()| file);
                drop(sender.send(locked));
            })
            .map_err(LockError::Io)?;
        match receiver.recv_timeout(wait) {
            Ok(Ok(file)) => Ok(Self { _file: file }),
            Ok(Err(error)) => Err(LockError::Io(error.into())),
            Err(_) => Err(LockError::Busy),
        }
    }
}
