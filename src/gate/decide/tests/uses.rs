//! Uses that are written down, what resource servers say, and what is shown of both.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::gate::actor::Actor;
use crate::gate::audit::{Entry, REPORTED, USED};
use crate::gate::decide::{Answer, Event};
use crate::gate::ids::{CredentialNumber, Hash};
use crate::gate::key::{Key, Table};
use crate::gate::uses::{REPORT_BYTES_A_DAY, Report, Reported, Tally, Use, Uses};

const API: &str = "kanban-api";

impl Story {
    /// An identity whose token `kanban-api` was shown alive; the number of its credential.
    fn used(&mut self, issue: i64) -> u64 {
        let number = self.issue(kan(issue));
        let mac = self.credential(number).mac;
        assert!(matches!(self.show(&mac), Answer::Live(_)));
        number
    }

    fn report(&self, credential: u64, event: &str) -> Report {
        Report {
            credential: Some(CredentialNumber(credential)),
            seen: false,
            action: "card:write".to_owned(),
            object: Some("roadmap".to_owned()),
            outcome: Some("ok".to_owned()),
            at: self.now,
            event_id: event.to_owned(),
            event: Hash::of(event.as_bytes()),
        }
    }

    /// What becomes of reports, all of them.
    fn reported(&mut self, client: &str, reports: &[Report]) -> Vec<Reported> {
        let mut outcomes = Vec::new();
        while outcomes.len() < reports.len() {
            let event = Event::Reported {
                client: client.to_owned(),
                reports: reports[outcomes.len()..].to_vec(),
            };
            match self.answer(&event) {
                Answer::Reported(some) if !some.is_empty() => outcomes.extend(some),
                other => panic!("{other:?}"),
            }
        }
        outcomes
    }

    fn newest_entry(&self) -> &Entry {
        let entries = &self.lines.last().unwrap().decision.entries;
        entries.last().unwrap()
    }

    /// The largest line since one, in bytes of what the decision brings to it.
    fn largest_line(&self, from: usize) -> usize {
        let size = |line: &Line| {
            let decision = &line.decision;
            json!([decision.cause, decision.changes, decision.entries])
                .to_string()
                .len()
        };
        self.lines[from..].iter().map(size).max().unwrap()
    }
}

fn tally(credential: u64, client: Option<&str>, uses: Use) -> Tally {
    Tally {
        credential: CredentialNumber(credential),
        client: client.map(str::to_owned),
        uses,
    }
}

#[test]
fn uses_are_written_down_for_each_credential_and_party() {
    let mut story = Story::new();
    let number = story.used(12);
    let first = story.now;
    story.pass(3_360);
    let uses = Use {
        first,
        last: story.now,
        count: 12,
    };
    let tallies = vec![
        tally(number, None, Use::once(story.now)),
        tally(number, Some(API), uses),
        tally(99, Some(API), uses),
    ];
    let lines = story.lines.len();
    assert_eq!(story.answer(&Event::Uses(tallies)), Answer::Counted(3));
    assert_eq!(story.lines.len(), lines + 1, "one line");
    let entries = &story.lines.last().unwrap().decision.entries;
    let [holder, client] = &entries[..] else {
        panic!("what is not there was not used: {entries:?}")
    };
    assert_eq!(holder.actor, Actor::Holder(CredentialNumber(number)));
    assert_eq!(
        (client.code.as_str(), &client.actor),
        (USED, &Actor::Client(API.to_owned()))
    );
    let identity = story.identity("codex-kan-12").unwrap();
    assert_eq!(client.identity, Some(identity.number));
    assert_eq!(client.credential, Some(CredentialNumber(number)));
    assert_eq!(client.owner, Some(ALICE));
    assert!(
        client.text.starts_with("used 12 times, from "),
        "{}",
        client.text
    );
    let record: Uses = story.record(&Key::uses(CredentialNumber(number))).unwrap();
    assert_eq!(record.clients[API], uses);
    assert_eq!(record.holder, Some(Use::once(story.now)));
    assert_eq!(record.last(), Some(story.now));
}

#[test]
fn who_was_shown_it_first_is_known_at_once() {
    let mut story = Story::new();
    let number = story.used(12);
    let uses: Uses = story.record(&Key::uses(CredentialNumber(number))).unwrap();
    assert_eq!((uses.clients[API].count, uses.last()), (0, Some(story.now)));
}

#[test]
fn a_line_of_uses_stays_small_whoever_they_are() {
    let mut story = Story::new();
    let number = story.used(12);
    let from = story.lines.len();
    let mut left: Vec<Tally> = (0..200)
        .map(|client| {
            let name = format!("{client:0>64}");
            tally(number, Some(&name), Use::once(story.now))
        })
        .collect();
    let mut lines = 0;
    while !left.is_empty() {
        let Answer::Counted(taken @ 1..) = story.answer(&Event::Uses(left.clone())) else {
            panic!("none was taken")
        };
        left.drain(..taken);
        lines += 1;
    }
    assert!(lines > 1);
    assert!(
        story.largest_line(from) < 15_000,
        "{}",
        story.largest_line(from)
    );
    let entries = story.entries();
    assert_eq!(entries.iter().filter(|code| **code == USED).count(), 200);
}

#[test]
fn a_report_is_kept_as_the_word_of_who_says_it() {
    let mut story = Story::new();
    let number = story.used(12);
    let report = story.report(number, "e1");
    let lines = story.lines.len();
    assert_eq!(story.reported(API, &[report]), [Reported::Accepted]);
    assert_eq!(story.lines.len(), lines + 1);
    let entry = story.newest_entry();
    assert_eq!(entry.code, REPORTED);
    assert_eq!(entry.text, "kanban-api says: card:write roadmap: ok");
    assert_eq!(entry.actor, Actor::Client(API.to_owned()));
    assert_eq!(entry.credential, Some(CredentialNumber(number)));
    let facts = entry.facts.as_ref().unwrap().as_object().unwrap();
    assert!(facts.keys().all(|name| name.starts_with("unverified_")));
    assert_eq!(facts["unverified_object"], "roadmap");
    assert_eq!(facts["unverified_event_id"], "e1");
}

#[test]
fn an_event_that_comes_again_does_nothing() {
    let mut story = Story::new();
    let number = story.used(12);
    let report = story.report(number, "e1");
    let twice = [report.clone(), report.clone()];
    assert_eq!(
        story.reported(API, &twice),
        [Reported::Accepted, Reported::Known]
    );
    story.pass(60);
    let lines = story.lines.len();
    assert_eq!(story.reported(API, &[report]), [Reported::Known]);
    assert_eq!(story.lines.len(), lines, "nothing was written");
}

/// Whatever a resource server was not shown, it learns nothing about.
#[test]
fn only_what_it_was_shown_alive_can_be_reported() {
    let mut story = Story::new();
    let number = story.used(12);
    let unused = story.issue(kan(13));
    let unknown = Report {
        credential: None,
        ..story.report(number, "e0")
    };
    let lines = story.lines.len();
    let reports = [story.report(99, "e1"), story.report(unused, "e2"), unknown];
    assert_eq!(
        story.reported(API, &reports),
        [Reported::UnknownCredential; 3]
    );
    assert_eq!(story.lines.len(), lines, "nothing was written");
    // Shown since uses were last written down is as good, if it may see it.
    let seen = Report {
        seen: true,
        ..story.report(unused, "e3")
    };
    let twice = [seen.clone(), seen];
    assert_eq!(
        story.reported("ops-api", &twice[..1]),
        [Reported::UnknownCredential]
    );
    assert_eq!(story.reported(API, &twice[..1]), [Reported::Accepted]);
    // What it was shown once and may not see any more is as unknown.
    let mut policy = story.policy.clone();
    policy.clients.get_mut(API).unwrap().boards = [OPS].into();
    story.configure(policy);
    let again = story.report(number, "e4");
    assert_eq!(story.reported(API, &[again]), [Reported::UnknownCredential]);
}

#[test]
fn a_report_is_about_a_time_in_which_the_credential_lived() {
    let mut story = Story::new();
    let number = story.used(12);
    story.pass(600);
    let issued = story.credential(number).issued_at;
    let now = story.now;
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12");
    let revoked = story.now;
    story.pass(3_600);
    for (event, at, outcome) in [
        (
            "a",
            issued - SignedDuration::from_secs(1),
            Reported::OutsideItsLife,
        ),
        ("b", issued, Reported::Accepted),
        ("c", now, Reported::Accepted),
        ("d", revoked, Reported::Accepted),
        (
            "e",
            revoked + SignedDuration::from_secs(1),
            Reported::OutsideItsLife,
        ),
    ] {
        let report = Report {
            at,
            ..story.report(number, event)
        };
        assert_eq!(story.reported(API, &[report]), [outcome], "{event}");
    }
    // A living one is not reported about in the future, but clocks differ.
    let number = story.used(13);
    for (seconds, outcome) in [(60, Reported::Accepted), (61, Reported::OutsideItsLife)] {
        let report = Report {
            at: story.now + SignedDuration::from_secs(seconds),
            ..story.report(number, &seconds.to_string())
        };
        assert_eq!(story.reported(API, &[report]), [outcome], "{seconds}");
    }
}

#[test]
fn a_resource_server_may_have_so_much_written_down_in_a_day() {
    let mut story = Story::new();
    let number = story.used(12);
    let from = story.lines.len();
    let mut event = 0;
    let until = loop {
        let reports: Vec<Report> = (0..16)
            .map(|_| {
                event += 1;
                Report {
                    object: Some("x".repeat(700)),
                    ..story.report(number, &event.to_string())
                }
            })
            .collect();
        let fed = Event::Reported {
            client: API.to_owned(),
            reports,
        };
        match story.answer(&fed) {
            Answer::Reported(some) => assert!(!some.is_empty()),
            Answer::TooMuch(until) => break until,
            other => panic!("{other:?}"),
        }
        // Both ways of deciding everything take long with so many records.
        story
            .records
            .retain(|key, _| !matches!(key.table, Table::Audit | Table::AuditBy));
    };
    assert!(until > story.now && until.as_second() % 86_400 == 0);
    assert!(
        story.largest_line(from) < 16_000,
        "{}",
        story.largest_line(from)
    );
    let size = |line: &Line| {
        json!([line.decision.changes, line.decision.entries])
            .to_string()
            .len()
    };
    let all: usize = story.lines[from..].iter().map(size).sum();
    let most = usize::try_from(REPORT_BYTES_A_DAY).unwrap();
    assert!(all < most && all > most / 2, "{all}");
    // Others may, and it may again tomorrow.
    story.now = until;
    let report = story.report(number, "tomorrow");
    let outcome = story.reported(API, &[report]);
    assert!(matches!(
        outcome[..],
        [Reported::Accepted | Reported::OutsideItsLife]
    ));
}

#[test]
fn uses_and_reports_leave_the_disks_reserve_alone() {
    let mut story = Story::new();
    let number = story.used(12);
    let tallies = vec![tally(number, Some(API), Use::once(story.now))];
    let report = story.report(number, "e1");
    for event in [
        Event::Uses(tallies),
        Event::Reported {
            client: API.to_owned(),
            reports: vec![report],
        },
    ] {
        story.answer(&event);
        assert!(!story.lines.last().unwrap().decision.under_reserve);
    }
}

#[test]
fn an_entry_names_the_identity_of_its_credential_and_who_answers_for_it() {
    let mut story = Story::new();
    story.used(12);
    story.say(kan(12), PIOTR, "/gate revoke codex-kan-12");
    let identity = story.identity("codex-kan-12").unwrap();
    let mut named = 0;
    for entry in story.lines.iter().flat_map(|line| &line.decision.entries) {
        if entry.credential.is_some() {
            assert_eq!(entry.identity, Some(identity.number), "{entry:?}");
        }
        if entry.identity.is_some() {
            assert_eq!(entry.owner, Some(ALICE), "{entry:?}");
            named += 1;
        }
    }
    assert_eq!(named, 3, "issued, used for the first time, revoked");
}
