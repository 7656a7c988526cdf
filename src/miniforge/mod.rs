//! A small stateful Forgejo in process, for the demo and the tests.
//!
//! It speaks real HTTP on loopback and answers, delivers and stumbles as Forgejo 15 does, as far as
//! a bot that reads and writes issues can see. Where it and a real forge differ it is wrong: the
//! stories run on both. It keeps everything in memory and is no forge for people.

mod api;
mod control;
mod courier;
mod events;
mod faults;
mod hooks;
mod json;
mod log;
mod look;
pub mod people;
mod records;
mod server;
mod shapes;
mod state;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::net::TcpSocket;

pub use faults::{Fault, FaultId};
pub use hooks::{Delivery, Hook, Outcome, hmac_sha256};
pub use log::LoggedCall;
pub use people::Person;
pub use records::{Comment, Issue, Label, Reaction, Repository, Right, Settings, User};
pub use state::State;

use crate::clock::Clock;
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId, ThreadKey, UserId};
use server::{Running, Shared};

/// Where the forge listens.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Listens on `::1` instead of `127.0.0.1`.
    pub ipv6: bool,
    /// The path under which it lives, as `/git`; empty for none.
    pub sub_path: String,
}

/// A running miniature forge; it ends when dropped.
#[derive(Debug)]
pub struct MiniForge {
    shared: Arc<Shared>,
    address: SocketAddr,
    url: String,
    presence: Mutex<Presence>,
}

/// Whether anybody listens.
#[derive(Debug)]
enum Presence {
    /// It serves.
    Here(Running),
    /// The port is kept without listening, so that nobody else takes it and callers are refused.
    Away(Option<TcpSocket>),
}

impl MiniForge {
    /// Starts a forge on a free port of 127.0.0.1.
    pub fn start(clock: Clock) -> anyhow::Result<Self> {
        Self::start_with(clock, &Options::default())
    }

    /// Starts a forge where the options say.
    pub fn start_with(clock: Clock, options: &Options) -> anyhow::Result<Self> {
        let ip: IpAddr = if options.ipv6 {
            Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        let listener = TcpListener::bind((ip, options.port))
            .context("cannot listen for the miniature forge")?;
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        let sub_path = options.sub_path.trim_matches('/');
        let separator = if sub_path.is_empty() { "" } else { "/" };
        let url = format!("http://{address}{separator}{sub_path}");
        let shared = Shared::new(clock, url.clone());
        courier::start(shared.clone())?;
        let running = Running::start(listener, shared.clone())?;
        Ok(Self {
            shared,
            address,
            url,
            presence: Mutex::new(Presence::Here(running)),
        })
    }

    /// The root address, with the sub-path and without a final slash.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses connections, and ends those that are open, until it comes back.
    pub async fn go_away(&self) {
        let socket = if self.address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let socket = socket.ok();
        let former = std::mem::replace(&mut *self.presence(), Presence::Away(None));
        if let Presence::Here(running) = former {
            running.stop().await;
        }
        if let Some(socket) = socket {
            let kept = socket
                .set_reuseaddr(true)
                .and_then(|()| socket.bind(self.address));
            *self.presence() = Presence::Away(kept.ok().map(|()| socket));
        }
    }

    /// Listens again on the same port, with everything as it was.
    pub fn come_back(&self) -> anyhow::Result<()> {
        let mut presence = self.presence();
        if let Presence::Away(kept) = &mut *presence {
            drop(kept.take());
            let listener = TcpListener::bind(self.address).context("the port was taken")?;
            *presence = Presence::Here(Running::start(listener, self.shared.clone())?);
        }
        Ok(())
    }

    /// Ends it and waits until the port is closed.
    pub async fn stop(self) {
        self.go_away().await;
    }

    /// Looks at anything in its state.
    pub fn look<T>(&self, how: impl FnOnce(&State) -> T) -> T {
        how(&self.shared.lock().state)
    }

    /// Changes its state as nobody can over HTTP: renames, rights, blocks, deleted accounts.
    pub fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(|inner| how(&mut inner.state))
    }

    /// Changes how it behaves.
    pub fn settings(&self, how: impl FnOnce(&mut Settings)) {
        self.change(|state| how(&mut state.settings));
    }

    /// The lock of the presence; a panic of another holder does not spoil it.
    fn presence(&self) -> std::sync::MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MiniForge {
    fn drop(&mut self) {
        self.shared.change(|inner| inner.stopped = true);
        if let Presence::Here(running) =
            std::mem::replace(&mut *self.presence(), Presence::Away(None))
        {
            running.stop_soon();
        }
    }
}

/// People and repositories.
impl MiniForge {
    /// Makes an account with the next number.
    pub fn add_user(&self, login: &str) -> anyhow::Result<Person> {
        let now = self.shared.clock.now();
        let id = self.change(|state| state.add_user(login, None, now));
        self.person(id)
    }

    /// Makes an account with this number.
    pub fn add_user_with_id(&self, login: &str, id: UserId) -> anyhow::Result<Person> {
        let now = self.shared.clock.now();
        self.change(|state| state.add_user(login, Some(id), now));
        self.person(id)
    }

    /// Somebody who has an account here.
    pub fn person(&self, id: UserId) -> anyhow::Result<Person> {
        let found = self.look(|state| state.users.get(&id).cloned());
        let user = found.with_context(|| format!("nobody has the number {id}"))?;
        Person::new(&self.url, &user.login, id, &user.token)
    }

    /// Makes a public repository with the next number.
    pub fn add_repository(&self, owner: UserId, name: &str) -> RepositoryId {
        let now = self.shared.clock.now();
        self.change(|state| state.add_repository(owner, name, None, now))
    }

    /// Makes a public repository with this number.
    pub fn add_repository_with_id(&self, owner: UserId, name: &str, id: RepositoryId) {
        let now = self.shared.clock.now();
        self.change(|state| state.add_repository(owner, name, Some(id), now));
    }

    /// Gives a right in a repository.
    pub fn set_right(&self, repository: RepositoryId, user: UserId, right: Right) {
        self.change(|state| state.set_right(repository, user, right));
    }
}

/// Threads.
impl MiniForge {
    /// Opens a pull request; its hooks are told.
    pub fn open_pull(
        &self,
        repository: RepositoryId,
        author: UserId,
        title: &str,
        body: &str,
    ) -> Option<IssueNumber> {
        let now = state::whole_seconds(self.shared.clock.now());
        self.change(|state| {
            let thread = state.add_issue(repository, author, (title, body), true, now)?;
            state.tell_of_issue(thread, author, "opened", None);
            Some(thread.issue)
        })
    }

    /// Leaves one of the forge's own notes in a thread: it is in no list and answers 204.
    pub fn add_note(&self, thread: ThreadKey, author: UserId) -> CommentId {
        let now = state::whole_seconds(self.shared.clock.now());
        self.change(|state| state.add_comment(thread, author, "", false, now))
    }

    /// Gives an issue another text, without a delivery as large as it.
    pub fn set_issue_body(&self, thread: ThreadKey, body: &str) {
        self.change(|state| {
            if let Some(issue) = state.issues.get_mut(&thread) {
                issue.body = body.to_owned();
            }
        });
    }

    /// Locks an issue, or unlocks it; no hook hears of it.
    pub fn lock(&self, thread: ThreadKey, locked: bool) {
        self.change(|state| {
            if let Some(issue) = state.issues.get_mut(&thread) {
                issue.locked = locked;
            }
        });
    }

    /// An issue as it is now.
    pub fn issue(&self, thread: ThreadKey) -> Option<Issue> {
        self.look(|state| state.issues.get(&thread).cloned())
    }

    /// The names of an issue's labels.
    pub fn labels(&self, thread: ThreadKey) -> Vec<String> {
        self.look(|state| {
            let ids = state
                .issues
                .get(&thread)
                .map(|issue| issue.labels.as_slice());
            let named = ids
                .unwrap_or_default()
                .iter()
                .filter_map(|id| state.labels.get(id));
            named.map(|label| label.name.clone()).collect()
        })
    }

    /// The comments of a thread, oldest first.
    pub fn comments(&self, thread: ThreadKey) -> Vec<Comment> {
        self.look(|state| state.plain_comments(thread).into_iter().cloned().collect())
    }

    /// A comment or note by its number; `None` if it was deleted.
    pub fn comment(&self, id: CommentId) -> Option<Comment> {
        self.look(|state| state.comments.get(&id).cloned())
    }
}
