//! What people stop stands still once that was read, whatever else is going on.
//!
//! The reference believes the core where it says that it took something away; this sees to it that it
//! does so, for owners anywhere on their board and for requesters in their identity's thread.

use super::Life;
use crate::gate::actor::Actor;
use crate::gate::command::{self, Command, Less, Reading, Words};
use crate::gate::identity::Identity;
use crate::gate::ids::{CredentialNumber, RequestNumber, Slug};
use crate::gate::key::{Key, Table};
use crate::gate::request::Request;
use crate::gate::thread::Standstill;

/// What somebody wants to stop.
enum Stop {
    /// All of it, or one credential.
    Whole(Words),
    One(Words),
    /// What it then may still do.
    Less(Words, Less),
}

impl Life {
    /// What somebody stops by name stands still, unless it was let go on since: what was said in this
    /// comment, which was decided after this many lines.
    pub(super) fn obeyed(&self, id: i64, lines: usize) {
        let comment = &self.story.forge.comments[&id];
        let board = self.story.policy.board(comment.thread.repository).unwrap();
        let mut since = self.story.lines[lines..].iter();
        let goes_on = since.any(|line| {
            let mut entries = line.decision.entries.iter();
            entries.any(|entry| ["identity_resumed", "board_thawed"].contains(&entry.code.as_str()))
        });
        if goes_on {
            return;
        }
        let owner = board.owners.contains_key(&comment.author);
        let stop = match command::read(&comment.text) {
            Reading::Command(Command::Freeze(_)) if owner => {
                let key = Key::standstill(board.repository_id);
                assert!(self.story.record::<Standstill>(&key).is_some());
                return;
            }
            Reading::Command(Command::Deny(words)) if owner => {
                let number = words.first().and_then(RequestNumber::parse);
                let requests = self.all::<Request>(Table::Request).into_iter();
                let on_board = requests.filter(|one| one.thread.repository == board.repository_id);
                for request in on_board.filter(|one| Some(one.number) == number) {
                    assert!(!request.is_open(self.story.now), "{}", comment.text);
                }
                return;
            }
            Reading::Command(Command::Pause(words)) => Stop::Whole(words),
            Reading::Command(Command::Revoke(words)) => Stop::One(words),
            Reading::Command(Command::Narrow(words)) => match command::less(&words.after(1)) {
                Ok((less, _)) => Stop::Less(words, less),
                Err(_) => return,
            },
            Reading::Command(_) | Reading::Nothing | Reading::Fault(_) => return,
        };
        let (Stop::Whole(words) | Stop::One(words) | Stop::Less(words, _)) = &stop;
        let named = words.first().and_then(Slug::parse);
        let named = named.and_then(|slug| self.story.identity(slug.as_str()));
        let may = |one: &Identity| {
            let own = one.requester == comment.author && one.thread == comment.thread;
            one.board() == board.repository_id && (owner || own)
        };
        if let Some(identity) = named.filter(may) {
            self.stopped(&identity, &stop, &comment.text);
        }
    }

    fn stopped(&self, identity: &Identity, stop: &Stop, text: &str) {
        let one = match stop {
            Stop::One(words) => words.after(1).first().and_then(CredentialNumber::parse),
            Stop::Whole(_) | Stop::Less(..) => None,
        };
        let one = one.filter(|one| identity.credentials.contains(one));
        for number in &identity.credentials {
            let live = self.story.live(number.0).unwrap_or_default();
            let left = match stop {
                Stop::Less(_, less) => {
                    // What would be wider is refused as a whole.
                    let wanted = less
                        .scopes
                        .as_ref()
                        .filter(|all| all.is_subset(&identity.scopes) && less.ttl.is_none());
                    wanted.is_none_or(|wanted| live.is_subset(wanted))
                }
                Stop::Whole(_) | Stop::One(_) => live.is_empty(),
            };
            assert!(left || one.is_some_and(|one| one != *number), "{text}");
        }
    }

    /// Who paused or gave back an identity may do so and said so; an edited comment gives nothing back.
    pub(super) fn check_stopped(&self, line: usize) {
        let unread = self.story.lines[line].decision.cause["event"] == "unread";
        for entry in &self.story.lines[line].decision.entries {
            let Actor::User(user) = entry.actor else {
                continue;
            };
            let released = entry.code == "identity_released";
            // The forge was away: a delivery says so, and nothing ends by that.
            if unread {
                let stops = ["identity_paused", "board_frozen"];
                assert!(stops.contains(&entry.code.as_str()), "{entry:?}");
                continue;
            }
            if !released && entry.code != "identity_paused" {
                continue;
            }
            let key = Key::identity(entry.identity.unwrap());
            let identity: Identity = self.story.record(&key).unwrap();
            let board = self.story.policy.board(identity.board()).unwrap();
            let said = self.story.forge.comments.values().any(|comment| {
                let own = comment.thread == identity.thread && user == identity.requester;
                let owner = comment.thread.repository == identity.board()
                    && board.owner(user).is_some()
                    && !released;
                let verb = match command::read(&comment.text) {
                    Reading::Command(command) => command.verb(),
                    Reading::Nothing | Reading::Fault(_) => "",
                };
                let says = match verb {
                    "release" => released && comment.updated == comment.created,
                    "pause" | "revoke" | "narrow" => !released,
                    _ => false,
                };
                comment.author == user && !comment.deleted && (own || owner) && says
            });
            assert!(said, "nobody who may has said so (line {line}): {entry:?}");
        }
    }

    /// What operators asked for was asked by one who may, as who it is; nobody else stopped anything.
    pub(super) fn check_operators(&self, line: usize) {
        for entry in &self.story.lines[line].decision.entries {
            let (Actor::Operator(name), Some(thread)) = (&entry.actor, entry.thread) else {
                continue;
            };
            let known = self.story.policy.operators.get(name);
            let known = known.filter(|one| one.boards.contains(&thread.repository));
            let may = |right| known.is_some_and(|one| one.rights.contains(right));
            match entry.code.as_str() {
                "asked_by_operator" | "import_asked" => {
                    let key = Key::request(entry.request.unwrap());
                    let request: Request = self.story.record(&key).unwrap();
                    assert!(may("request") && request.source.subject.is_none());
                    assert_eq!(request.asker(), known.unwrap().forge_id);
                }
                "signature_brought" => assert!(may("request")),
                "identity_paused" | "identity_revoked" | "identity_released"
                | "identity_narrowed" | "credential_revoked" | "request_denied" => {
                    assert!(may("narrow") || name == "host", "{entry:?}");
                }
                _ => {}
            }
        }
    }
}
