//! The forge as the bot's tasks use it: the client, where each board's repository is now, and what
//! was last heard of it.
//!
//! A repository is found by its id; a path is only how it is called at the moment, since names can
//! be changed and used again. Whoever decides asks anew (`locate`), whoever posts may use a path of
//! the last few seconds (`path`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::forgejo::client::RepositoryPath;
use crate::forgejo::{Answer, Client, ForgejoError};
use crate::gate::ids::RepositoryId;
use crate::gate::time::seconds_between;

/// How long a path may be used without asking again, in seconds.
const KNOWN: i64 = 10;

/// Seconds of failing calls after which the forge is away.
pub const AWAY_AFTER: i64 = 5;

/// A repository's path and when it was asked for.
#[derive(Clone, Debug)]
struct Place {
    path: RepositoryPath,
    name: String,
    at: Timestamp,
}

/// What was last heard of the forge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// When a call last succeeded.
    pub well: Option<Timestamp>,
    /// Why the last call failed, if it did.
    pub trouble: Option<String>,
    /// Since when every call fails, if it does.
    pub failing_since: Option<Timestamp>,
}

/// The forge.
#[derive(Debug)]
pub struct Forge {
    /// The calls.
    pub client: Client,
    clock: Clock,
    places: Mutex<BTreeMap<RepositoryId, Place>>,
    heard: Mutex<Heard>,
}

impl Forge {
    /// Wraps a client.
    pub fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            places: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    /// Asks where a repository is now: its path and its full name.
    pub async fn locate(
        &self,
        repository: RepositoryId,
    ) -> Result<(RepositoryPath, String), ForgejoError> {
        let asked = self.note(self.client.repository_by_id(repository).await);
        // A repository that is not there, or may not be seen, says nothing about what is in it.
        let asked = match asked {
            Err(ForgejoError::NotFound) => Err(ForgejoError::Transient {
                why: format!("the forge shows no repository with the id {repository}"),
                retry_after: None,
                answered: true,
                may_have_acted: false,
            }),
            other => other,
        }?;
        let name = asked.value.full_name;
        let path = RepositoryPath::parse(&name).ok_or(ForgejoError::NotFound)?;
        let place = Place {
            path: path.clone(),
            name: name.clone(),
            at: self.clock.now(),
        };
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(repository, place);
        Ok((path, name))
    }

    /// Where a repository is, as known for at most ten seconds.
    pub async fn path(&self, repository: RepositoryId) -> Result<RepositoryPath, ForgejoError> {
        let known = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&repository)
            .cloned();
        match known {
            Some(place) if seconds_between(place.at, self.clock.now()).abs() < KNOWN => {
                Ok(place.path)
            }
            Some(_) | None => Ok(self.locate(repository).await?.0),
        }
    }

    /// The full name that a repository had when it was last asked for.
    pub fn last_name(&self, repository: RepositoryId) -> Option<String> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(&repository).map(|place| place.name.clone())
    }

    /// Notes how a call went. A thing that is not there is an answer as good as any.
    pub fn note<T>(
        &self,
        answer: Result<Answer<T>, ForgejoError>,
    ) -> Result<Answer<T>, ForgejoError> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Ok(_) | Err(ForgejoError::NotFound | ForgejoError::TooLarge { .. }) => {
                *heard = Heard {
                    well: Some(self.clock.now()),
                    trouble: None,
                    failing_since: None,
                };
            }
            Err(error) => {
                heard.trouble = Some(error.to_string());
                heard.failing_since.get_or_insert(self.clock.now());
            }
        }
        answer
    }

    /// What was last heard.
    pub fn heard(&self) -> Heard {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Since when the forge is away: nothing of it answers, and that not only for a moment. A forge that
    /// answers and refuses is not away. Asks it once more.
    pub async fn away_since(&self) -> Option<Timestamp> {
        let asked = self.note(self.client.version().await);
        let since = self.heard().failing_since?;
        let lasts = seconds_between(since, self.clock.now()) >= AWAY_AFTER;
        (matches!(asked, Err(ForgejoError::Transient { .. })) && lasts).then_some(since)
    }

    /// True if the forge answers at all.
    pub async fn answers(&self) -> bool {
        self.note(self.client.version().await).is_ok()
    }
}
