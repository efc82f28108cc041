//! Sessions: bounded in number, idle time and lifetime; the token is kept as a hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::Timestamp;
use rand_core::CryptoRng;

use crate::bearer::{Bearer, BearerHash};

/// Sessions at one time.
const SESSIONS_MAX: usize = 256;
/// A session that is not used ends after this.
const IDLE_SECONDS: u64 = 15 * 60;
/// A session ends after this, used or not.
const LIFETIME_SECONDS: u64 = 8 * 60 * 60;
/// Wrong passphrases for one name before it must wait.
const TRIES_MAX: u32 = 5;
/// How long a name waits after [`TRIES_MAX`].
const LOCKED_SECONDS: u64 = 60;
/// Names whose tries are remembered.
const TRIED_NAMES_MAX: usize = 1_024;
/// No staff name is longer.
const NAME_BYTES_MAX: usize = 256;

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The token belongs to no session, or to one that has ended.
    #[error("no such session")]
    Unknown,
    /// As many sessions are open as may be.
    #[error("too many sessions")]
    Full,
    /// Too many wrong passphrases for this name; wait.
    #[error("too many failed log-ins")]
    Locked,
}

/// The open sessions of a service; `T` is what the role keeps in each.
pub struct Sessions<T> {
    open: Mutex<Open<T>>,
}

struct Open<T> {
    sessions: HashMap<BearerHash, Session<T>>,
    tries: HashMap<String, Tries>,
}

struct Session<T> {
    name: Arc<str>,
    content: Arc<T>,
    begun: Timestamp,
    used: Timestamp,
}

struct Tries {
    count: u32,
    last: Timestamp,
}

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        Self {
            open: Mutex::new(Open {
                sessions: HashMap::new(),
                tries: HashMap::new(),
            }),
        }
    }
}

impl<T> Sessions<T> {
    /// To be asked before a passphrase is checked: counts a try, which a session that opens takes back.
    ///
    /// # Errors
    ///
    /// [`SessionError::Locked`] while a name must wait, and for a name that nobody has.
    pub fn may_try(&self, name: &str, now: Timestamp) -> Result<(), SessionError> {
        if name.len() > NAME_BYTES_MAX {
            return Err(SessionError::Locked);
        }
        let mut open = self.lock();
        open.tries
            .retain(|_, tries| now < tries.last.plus_seconds(LOCKED_SECONDS));
        if open.tries.len() >= TRIED_NAMES_MAX && !open.tries.contains_key(name) {
            // The least tried name makes room, so that made-up names cannot crowd out one that is being guessed at.
            let least = open.tries.iter().min_by_key(|(_, tries)| tries.count);
            if let Some(least) = least.map(|(name, _)| name.clone()) {
                open.tries.remove(&least);
            }
        }
        let tries = open.tries.entry(name.to_owned()).or_insert(Tries {
            count: 0,
            last: now,
        });
        if tries.count >= TRIES_MAX {
            return Err(SessionError::Locked);
        }
        tries.count += 1;
        tries.last = now;
        Ok(())
    }

    /// Opens a session and gives its token.
    ///
    /// # Errors
    ///
    /// [`SessionError::Full`] when there is no place.
    pub fn open(
        &self,
        name: &str,
        content: T,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Bearer, SessionError> {
        let mut open = self.lock();
        open.sessions.retain(|_, session| session.lives_at(now));
        if open.sessions.len() >= SESSIONS_MAX {
            return Err(SessionError::Full);
        }
        open.tries.remove(name);
        let token = Bearer::generate(rng);
        let session = Session {
            name: name.into(),
            content: Arc::new(content),
            begun: now,
            used: now,
        };
        open.sessions.insert(token.hash(), session);
        Ok(token)
    }

    /// Who uses a token, and what their session holds.
    ///
    /// # Errors
    ///
    /// [`SessionError::Unknown`] when the session has ended or never was.
    pub fn find(&self, token: &Bearer, now: Timestamp) -> Result<(Arc<str>, Arc<T>), SessionError> {
        let mut open = self.lock();
        let hash = token.hash();
        match open.sessions.get_mut(&hash) {
            Some(session) if session.lives_at(now) => {
                session.used = now;
                Ok((Arc::clone(&session.name), Arc::clone(&session.content)))
            }
            Some(_ended) => {
                open.sessions.remove(&hash);
                Err(SessionError::Unknown)
            }
            None => Err(SessionError::Unknown),
        }
    }

    /// Ends a session.
    pub fn close(&self, token: &Bearer) {
        self.lock().sessions.remove(&token.hash());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open<T>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Session<T> {
    fn lives_at(&self, now: Timestamp) -> bool {
        now < self.used.plus_seconds(IDLE_SECONDS)
            && now < self.begun.plus_seconds(LIFETIME_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix(1_000_000);

    fn open(sessions: &Sessions<u8>) -> Bearer {
        sessions
            .open("sato", 7, START, &mut crate::random::os())
            .unwrap()
    }

    #[test]
    fn a_session_gives_its_name_and_content() {
        let sessions = Sessions::default();
        let token = open(&sessions);
        let (name, content) = sessions.find(&token, START).unwrap();
        assert_eq!((&*name, *content), ("sato", 7));
        let stranger = Bearer::generate(&mut crate::random::os());
        assert!(matches!(
            sessions.find(&stranger, START),
            Err(SessionError::Unknown)
        ));
    }

    #[test]
    fn an_idle_session_ends() {
        let sessions = Sessions::default();
        let token = open(&sessions);
        assert!(
            sessions
                .find(&token, START.plus_seconds(IDLE_SECONDS - 1))
                .is_ok()
        );
        assert!(
            sessions
                .find(&token, START.plus_seconds(2 * IDLE_SECONDS))
                .is_err()
        );
    }

    #[test]
    fn a_used_session_ends_after_its_lifetime() {
        let sessions = Sessions::default();
        let token = open(&sessions);
        let mut now = START;
        while now < START.plus_seconds(LIFETIME_SECONDS) {
            assert!(sessions.find(&token, now).is_ok());
            now = now.plus_seconds(IDLE_SECONDS - 1);
        }
        assert!(sessions.find(&token, now).is_err());
    }

    #[test]
    fn a_closed_session_is_dead() {
        let sessions = Sessions::default();
        let token = open(&sessions);
        sessions.close(&token);
        assert!(sessions.find(&token, START).is_err());
    }

    #[test]
    fn a_name_waits_after_too_many_tries() {
        let sessions = Sessions::<()>::default();
        for _ in 0..TRIES_MAX {
            assert_eq!(sessions.may_try("sato", START), Ok(()));
        }
        assert_eq!(sessions.may_try("sato", START), Err(SessionError::Locked));
        assert_eq!(sessions.may_try("suzuki", START), Ok(()));
        assert_eq!(
            sessions.may_try("sato", START.plus_seconds(LOCKED_SECONDS)),
            Ok(())
        );
    }
}
