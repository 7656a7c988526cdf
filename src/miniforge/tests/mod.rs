//! The quirks of a real forge, shown on the miniature one over HTTP.
//!
//! Each story is about one thing that `forgejo` source or a running server was seen to do. Nothing
//! sleeps: time is moved by hand, deliveries and held calls are waited for.

mod deliveries;
mod faults;
mod rights;
mod threads;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{MiniForge, Options, Right};
use crate::clock::Clock;
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId, ThreadKey, UserId};
use crate::miniforge::people::{Answered, Person};

/// The repository of the stories.
const BOARD: &str = "alice/board";

/// A forge with alice (owner, 2), carol (writer, 3), bob (reader, 4), root (site admin, 1).
struct Village {
    forge: MiniForge,
    clock: Clock,
    root: Person,
    alice: Person,
    carol: Person,
    bob: Person,
    board: RepositoryId,
}

impl Village {
    fn new() -> Self {
        Self::with(&Options::default())
    }

    fn with(options: &Options) -> Self {
        let start: Timestamp = "2026-11-25T12:00:00.250Z".parse().unwrap();
        let clock = Clock::manual(start);
        let forge = MiniForge::start_with(clock.clone(), options).unwrap();
        let [root, alice, carol, bob] =
            ["root", "alice", "carol", "bob"].map(|login| forge.add_user(login).unwrap());
        forge.change(|state| state.make_site_admin(root.id));
        let board = forge.add_repository(alice.id, "board");
        forge.set_right(board, carol.id, Right::Write);
        Self {
            forge,
            clock,
            root,
            alice,
            carol,
            bob,
            board,
        }
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn thread(&self, issue: IssueNumber) -> ThreadKey {
        ThreadKey {
            repository: self.board,
            issue,
        }
    }

    async fn issue(&self) -> IssueNumber {
        self.bob.open_issue(BOARD, "ask", "please").await.unwrap()
    }
}

/// One call with its answer, whatever that is.
async fn call(who: &Person, method: Method, path: &str, body: Value) -> Answered {
    let body = Some(&body).filter(|body| !body.is_null());
    who.call(method, path, body).await.unwrap()
}

/// A GET with its answer.
async fn get(who: &Person, path: &str) -> Answered {
    call(who, Method::GET, path, Value::Null).await
}

/// The ids in a list.
fn ids(answered: &Answered) -> Vec<i64> {
    let list = answered.json();
    let list = list.as_array().unwrap();
    list.iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}
