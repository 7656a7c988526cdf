//! Questions to a store, compared with what a look at every line finds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::gate::audit::REPORTED;
use crate::gate::ids::{IssueNumber, RepositoryId};
use crate::store::{Body, Options, Step, Writer};

/// A store in which things happened, and what happened.
struct House {
    _directory: TempDir,
    writer: Writer<Vec<Entry>, u64>,
    happened: Vec<(Place, Entry)>,
}

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn thread(issue: i64) -> ThreadKey {
    ThreadKey {
        repository: RepositoryId(17),
        issue: IssueNumber(issue),
    }
}

/// What happens in a line: every identity has two credentials and a thread of its own.
fn entry(number: u64) -> Entry {
    let identity = number % 5;
    let actor = match number % 4 {
        0 => Actor::User(UserId(2)),
        1 => Actor::Client("kanban-api".to_owned()),
        2 => Actor::Holder(CredentialNumber(identity * 2)),
        _ => Actor::Bot,
    };
    let code = if number % 4 == 1 {
        REPORTED
    } else {
        "identity_paused"
    };
    let mut entry = Entry::new(code, actor, number.to_string())
        .in_thread(thread(i64::try_from(identity).unwrap()))
        .about_identity(IdentityNumber(identity))
        .about_credential(CredentialNumber(identity * 2 + number % 2));
    entry.owner = Some(UserId(2 + i64::try_from(identity % 2).unwrap()));
    entry
}

impl House {
    /// A line a second, of two entries each.
    async fn with_lines(lines: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(noon());
        let options = Options::new(directory.path(), "5e".repeat(32), clock.clone());
        let opened = crate::store::open(options, Arc::default()).unwrap();
        let writer = opened.start(|_, entries: Vec<Entry>, stamp| Step::Commit {
            body: Body {
                policy: "p".to_owned(),
                cause: json!({"kind": "test"}),
                changes: Vec::new(),
                entries: entries.iter().map(|entry| json!(entry)).collect(),
                effects: Vec::new(),
                under_reserve: false,
            },
            answer: stamp.seq,
        });
        let mut happened = Vec::new();
        for line in 0..lines {
            clock.advance(SignedDuration::from_secs(1));
            let entries = vec![entry(line * 2), entry(line * 2 + 1)];
            let seq = writer.submit(entries.clone()).await.unwrap();
            for (place, entry) in (0..).zip(entries) {
                happened.push((Place::new(clock.now(), seq, place), entry));
            }
        }
        happened.reverse();
        Self {
            _directory: directory,
            writer,
            happened,
        }
    }

    fn find(&self, query: &Query) -> Page {
        find(&self.writer.store(), query).unwrap()
    }
}

/// Questions of every kind, with as many answers as there are.
fn questions() -> Vec<Query> {
    let all = Query {
        most: 1_000,
        ..Query::default()
    };
    let mut questions = vec![all.clone()];
    let mut ask = |change: &dyn Fn(&mut Query)| {
        let mut query = all.clone();
        change(&mut query);
        questions.push(query);
    };
    ask(&|query| query.identity = Some(IdentityNumber(3)));
    ask(&|query| query.credential = Some(CredentialNumber(7)));
    ask(&|query| query.thread = Some(thread(4)));
    ask(&|query| query.owner = Some(UserId(2)));
    ask(&|query| query.owner = Some(UserId(3)));
    ask(&|query| query.owner = Some(UserId(9)));
    ask(&|query| query.actor = Some(Actor::Bot));
    ask(&|query| query.actor = Some(Actor::Client("kanban-api".to_owned())));
    ask(&|query| {
        query.identity = Some(IdentityNumber(3));
        query.actor = Some(Actor::Bot);
        query.owner = Some(UserId(3));
    });
    questions
}

fn since(seconds: i64) -> Option<Timestamp> {
    Some(noon() + SignedDuration::from_secs(seconds))
}

#[tokio::test]
async fn every_question_finds_what_a_look_at_every_line_finds() {
    let house = House::with_lines(150).await;
    for query in questions() {
        for (from, to) in [
            (None, None),
            (since(40), None),
            (None, since(90)),
            (since(40), since(90)),
        ] {
            let query = Query {
                since: from,
                until: to,
                ..query.clone()
            };
            let expected: Vec<_> = house
                .happened
                .iter()
                .filter(|(place, entry)| {
                    query.fits(entry)
                        && from.is_none_or(|from| place.time() >= from)
                        && to.is_none_or(|to| place.time() <= to)
                })
                .cloned()
                .collect();
            let page = house.find(&query);
            assert_eq!(page.rest, None);
            assert_eq!(page.entries, expected, "{query:?}");
        }
    }
}

#[tokio::test]
async fn what_is_too_much_for_one_answer_is_gone_on_with() {
    let house = House::with_lines(150).await;
    for query in questions() {
        let whole = house.find(&query).entries;
        let mut part = Query { most: 7, ..query };
        let mut found = Vec::new();
        loop {
            let page = house.find(&part);
            assert!(page.entries.len() <= 7);
            found.extend(page.entries);
            match page.rest {
                Some(rest) => part.before = Some(rest),
                None => break,
            }
        }
        assert_eq!(found, whole);
    }
}

#[tokio::test]
async fn whoever_follows_gets_what_is_newer() {
    let house = House::with_lines(20).await;
    let (newest, _) = house.happened[0];
    let (known, _) = house.happened[5];
    let query = |newer| Query {
        newer: Some(newer),
        most: 100,
        ..Query::default()
    };
    assert_eq!(house.find(&query(newest)).entries, []);
    assert_eq!(house.find(&query(known)).entries, house.happened[..5]);
}

#[tokio::test]
async fn what_resource_servers_say_can_be_left_out() {
    let house = House::with_lines(60).await;
    let query = Query {
        identity: Some(IdentityNumber(1)),
        known_only: true,
        most: 100,
        ..Query::default()
    };
    let known = house.find(&query).entries;
    assert!(!known.is_empty() && known.iter().all(|(_, entry)| entry.code != REPORTED));
    let all = house.find(&Query {
        known_only: false,
        ..query
    });
    assert!(all.entries.iter().any(|(_, entry)| entry.code == REPORTED));
    assert!(all.entries.len() > known.len());
}
