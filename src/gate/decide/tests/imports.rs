//! Secrets from before: who may hand them in, through which gate they come, and what stops them.

mod stopped;

use super::super::*;
use super::*;

use crate::gate::credential::{CredentialKind, CredentialStatus};
use crate::gate::grant::{GrantRecord, GrantStatus};
use crate::gate::ids::{CredentialNumber, IssueNumber, Mac, RequestNumber, Slug, UserId};
use crate::gate::import::{Import, Line, MOST_ALONE, MOST_ROWS, Row};
use crate::gate::key::{Key, Table};
use crate::gate::operator::{By, Way};
use crate::gate::policy::Operator;
use crate::gate::request::Source;
use crate::gate::thread::BoardState;

const UID: u32 = 1_000;

/// A board where `piotr-at-home` may hand secrets in as Carol, and an identity with one token in #12.
fn ready() -> Story {
    let mut rules = policy();
    rules.operators.insert("home".to_owned(), operator(CAROL));
    let mut story = Story::with(rules);
    for issue in [20, 30] {
        story.open(kan(issue), CODEX, "");
    }
    story.issue(kan(12));
    story
}

fn operator(forge_id: UserId) -> Operator {
    Operator {
        forge_id: Some(forge_id),
        uid: Some(UID),
        boards: [KAN].into(),
        rights: names(&["read", "request"]),
    }
}

fn mac(number: u8) -> Mac {
    Mac::new(&[number; 32])
}

fn line(number: u8, scopes: &[&str], identity: Option<&str>) -> Line {
    Line {
        macs: vec![mac(number), mac(number + 100)],
        pepper_id: "p1".to_owned(),
        label: format!("robot <{number}>"),
        scopes: names(scopes),
        expires_at: None,
        identity: identity.map(|slug| Slug::parse(slug).expect("a slug")),
    }
}

/// A file of two: one for the identity, one for none.
fn two() -> Vec<Line> {
    vec![
        line(1, &["board:read"], Some("codex-kan-12")),
        line(2, &["board:read"], None),
    ]
}

fn by(name: &str, way: Way) -> By {
    let name = name.to_owned();
    By::Operator { name, way }
}

fn file(lines: Vec<Line>) -> Import {
    Import {
        by: by("home", Way::User(UID)),
        board: KAN,
        issue: IssueNumber(20),
        file: Hash::of(b"the file"),
        lines,
        reads: Box::default(),
    }
}

/// The file is handed in and both owners approve.
fn imported(lines: Vec<Line>) -> Story {
    let mut story = ready();
    assert_eq!(story.import(file(lines)), Ok(RequestNumber(2)));
    story.approve(kan(20), ALICE, 2);
    story.approve(kan(20), PIOTR, 2);
    assert_eq!(story.word(2), "approved", "{}", story.last_reply(kan(20)));
    story
}

/// One secret that no identity has.
fn alone() -> Story {
    imported(vec![line(2, &["board:read"], None)])
}

#[test]
fn what_owners_approve_is_what_works_and_nothing_is_it_before() {
    let mut story = ready();
    assert_eq!(story.import(file(two())), Ok(RequestNumber(2)));
    let said = story.last_reply(kan(20));
    for part in [
        "**R2 · `operator home` asks that 2 secrets from before work here** · all gates of the board together",
        "- may `board:read` in ",
        "each for 1 d at most",
        Hash::of(b"the file").as_str(),
        "- `robot ‹1›`: `board:read`; for `codex-kan-12`",
        "- `robot ‹2›`: `board:read`; for no identity",
        "- needs 2 of @alice @piotr",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(story.show(&mac(1)), Answer::Inactive);
    story.approve(kan(20), ALICE, 2);
    assert_eq!(story.credentials(), 1, "one owner is not enough");
    story.approve(kan(20), PIOTR, 2);
    assert_eq!(story.word(2), "approved");
    let (linked, lone) = (story.credential(2), story.credential(3));
    assert_eq!(
        linked.identity,
        story.identity("codex-kan-12").map(|one| one.number)
    );
    assert_eq!(lone.identity, None);
    for one in [&linked, &lone] {
        assert_eq!(one.kind, CredentialKind::Legacy);
        assert_eq!(one.approvers, [ALICE, PIOTR].into());
        assert_eq!(story.live(one.number.0), Some(names(&["board:read"])));
    }
    let grant: GrantRecord = story
        .record(&Key::grant(RequestNumber(2)))
        .expect("a grant");
    let (first, last) = (linked.number, lone.number);
    assert_eq!(grant.status, GrantStatus::Imported(first, last));
    // All of it is one line, and the rows are gone.
    let line = story.lines.iter().find(|line| {
        let entries = &line.decision.entries;
        entries
            .iter()
            .any(|entry| entry.code == "credential_imported")
    });
    let of: Vec<&Entry> = line.expect("a line").decision.entries.iter().collect();
    assert_eq!(
        of.iter()
            .filter(|entry| entry.code == "credential_imported")
            .count(),
        2
    );
    assert!(story.records.keys().all(|key| key.table != Table::Legacy));
    assert!(
        story
            .last_reply(kan(20))
            .contains("- c3 `robot ‹2›`: `board:read`, ends ")
    );
    assert!(
        story
            .last_reply(kan(12))
            .contains("Secrets from before are `codex-kan-12`'s now")
    );
}

#[test]
fn a_file_for_one_environment_goes_through_that_gate_alone() {
    let mut story = ready();
    let lines = vec![line(1, &["board:read", "card:write"], Some("codex-kan-12"))];
    story.import(file(lines)).expect("a request");
    assert_eq!(story.request(2).effect.environment, "dev");
    story.approve(kan(20), ALICE, 2);
    assert_eq!(story.live(2), Some(names(&["board:read", "card:write"])));
}

#[test]
fn nobody_else_hands_in_anything_and_that_is_written_down() {
    type Change = fn(&mut Policy, &mut Import);
    let cases: [(&str, Change); 8] = [
        ("no operator of that name", |_, import| {
            import.by = by("away", Way::Host);
        }),
        ("asks for nothing in its own name", |_, import| {
            import.by = By::Host
        }),
        ("another user of this host", |_, import| {
            import.by = by("home", Way::User(0));
        }),
        ("another user of this host", |policy, _| {
            change(policy, |one| one.uid = None)
        }),
        ("no right on that board", |policy, _| {
            change(policy, |one| one.boards = [OPS].into())
        }),
        ("not the right `request`", |policy, _| {
            change(policy, |one| one.rights = names(&["read", "narrow"]));
        }),
        ("no `forge_id`", |policy, _| {
            change(policy, |one| one.forge_id = None)
        }),
        ("no such board", |_, import| {
            import.board = crate::gate::ids::RepositoryId(99)
        }),
    ];
    fn change(policy: &mut Policy, with: impl Fn(&mut Operator)) {
        with(policy.operators.get_mut("home").expect("an operator"));
    }
    for (why, change) in cases {
        let mut story = ready();
        let mut rules = story.policy.clone();
        let mut import = file(two());
        change(&mut rules, &mut import);
        story.configure(rules);
        let said = story.import(import).expect_err(why);
        assert!(said.contains(why), "{said}");
        assert_eq!(story.requests(), 1);
        assert_eq!(story.entries().last(), Some(&"import_refused"));
    }
}

#[test]
fn what_cannot_come_is_told_for_every_line_and_nothing_is_asked() {
    let mut story = imported(two());
    story.say(kan(12), ALICE, "/gate pause codex-kan-12");
    let said = story
        .import(file(vec![
            line(3, &["board:read"], None),
            line(2, &["board:read"], None),
            Line {
                macs: vec![mac(50), mac(1)],
                ..line(50, &["board:read"], None)
            },
            line(3, &["board:read"], None),
            line(4, &["board:read"], Some("nobody")),
            line(5, &["board:read"], Some("codex-kan-12")),
        ]))
        .expect_err("faults");
    assert_eq!(
        said,
        "line 2: is known here already, as c3; \
         line 3: is known here already, as c2; \
         line 4: is the same secret as another line's; \
         line 5: there is no identity `nobody` on this board; \
         line 6: `codex-kan-12` is paused"
    );
    assert_eq!(story.requests(), 2);
    // A secret that was taken back does not come back by its file.
    story.say(kan(20), ALICE, "/gate revoke c3");
    assert!(
        story
            .import(file(vec![line(2, &["board:read"], None)]))
            .is_err()
    );
}

#[test]
fn what_no_gate_grants_is_refused_when_it_is_asked() {
    for (lines, why) in [
        (Vec::new(), "1 to 100 come at once"),
        (
            (0..=MOST_ROWS)
                .map(|_| line(1, &["board:read"], None))
                .collect(),
            "1 to 100 come at once",
        ),
        (vec![line(1, &["card:write"], None)], "does not grant"),
        (
            vec![line(1, &["deploy:run"], Some("codex-kan-12"))],
            "may do nothing of what it asks for",
        ),
    ] {
        let mut story = ready();
        let said = story.import(file(lines)).expect_err(why);
        assert!(said.contains(why), "{said}");
    }
    let mut story = ready();
    story.set_open(kan(20), false);
    assert!(
        story
            .import(file(two()))
            .expect_err("closed")
            .contains("closed")
    );
    story.set_open(kan(20), true);
    story.say(kan(20), ALICE, "/gate freeze");
    assert!(story.import(file(two())).is_err());
}

#[test]
fn who_hands_in_or_asked_for_an_identity_does_not_approve() {
    let mut story = ready();
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), operator(PIOTR));
    story.configure(rules);
    let said = story.import(file(two())).expect_err("too few");
    assert!(said.contains("owner"), "{said}");
    // For one owner's gate: whose account it is does not count, the other does.
    let mut lines = two();
    lines.pop();
    story.import(file(lines)).expect("a request");
    story.approve(kan(20), PIOTR, 2);
    assert_eq!(story.last_code(kan(20)), "asked_for_it");
    assert_eq!(story.word(2), "open");
    story.approve(kan(20), ALICE, 2);
    assert_eq!(story.word(2), "approved");
    // Alice asked for this identity herself.
    let number = story.ask_for(kan(13), ALICE, "mine", "board:read", "dev");
    story.approve(kan(13), PIOTR, number);
    let mut rules = story.policy.clone();
    rules.operators.insert("home".to_owned(), operator(CAROL));
    story.configure(rules);
    let lines = vec![line(7, &["board:read"], Some("mine"))];
    story.import(file(lines)).expect("a request");
    story.approve(kan(20), ALICE, 4);
    assert_eq!(story.last_code(kan(20)), "asked_for_it");
    story.approve(kan(20), PIOTR, 4);
    assert_eq!(story.word(4), "approved");
}

#[test]
fn what_changes_under_a_request_voids_it() {
    for change in [
        |story: &mut Story| {
            story.say(kan(12), ALICE, "/gate pause codex-kan-12");
        },
        |story: &mut Story| {
            story.say(
                kan(12),
                ALICE,
                "/gate narrow codex-kan-12 scopes=card:write",
            );
        },
        |story: &mut Story| {
            let key = Key::legacy(RequestNumber(2), 0);
            let mut row: Row = story.record(&key).expect("a row");
            row.scopes = names(&["board:read", "card:write"]);
            story.records.insert(key, crate::gate::world::encode(&row));
        },
        |story: &mut Story| {
            story.records.remove(&Key::legacy(RequestNumber(2), 1));
        },
    ] {
        let mut story = ready();
        story.import(file(two())).expect("a request");
        story.approve(kan(20), ALICE, 2);
        change(&mut story);
        story.approve(kan(20), PIOTR, 2);
        assert_eq!(story.word(2), "void");
        assert_eq!(story.credentials(), 1);
        assert_eq!(story.show(&mac(1)), Answer::Inactive);
    }
}

#[test]
fn two_files_with_one_secret_give_one_credential() {
    let mut story = ready();
    for number in [2, 3] {
        let lines = vec![line(2, &["board:read"], None)];
        assert_eq!(story.import(file(lines)), Ok(RequestNumber(number)));
    }
    for number in [2, 3] {
        story.approve(kan(20), ALICE, number);
        story.approve(kan(20), PIOTR, number);
    }
    assert_eq!((story.word(2), story.word(3)), ("approved", "void"));
    assert_eq!(story.credentials(), 2);
}

#[test]
fn a_narrower_approval_cuts_every_line_or_none_comes() {
    let mut story = ready();
    let lines = vec![
        line(1, &["board:read"], Some("codex-kan-12")),
        line(2, &["card:write"], Some("codex-kan-12")),
    ];
    story.import(file(lines)).expect("a request");
    let narrow = story.approve_line(2).replace(",card:write", "");
    story.say(kan(20), ALICE, &narrow);
    assert_eq!(story.word(2), "void");
    assert_eq!(story.credentials(), 1);

    let mut story = ready();
    let lines = vec![line(1, &["board:read", "card:write"], Some("codex-kan-12"))];
    story.import(file(lines)).expect("a request");
    let narrow = story
        .approve_line(2)
        .replace(",card:write", "")
        .replace("ttl=1d", "ttl=2h");
    story.say(kan(20), ALICE, &narrow);
    assert_eq!(story.live(2), Some(names(&["board:read"])));
    story.pass(2 * 3_600);
    assert_eq!(story.live(2), None);
}

#[test]
fn a_line_ends_when_it_says_and_never_after_its_gate() {
    let mut story = ready();
    let mut lines = two();
    let soon = story.now + jiff::SignedDuration::from_hours(3);
    lines[0].expires_at = Some(soon);
    lines[1].expires_at = Some(story.now + jiff::SignedDuration::from_hours(9_000));
    story.import(file(lines)).expect("a request");
    story.approve(kan(20), ALICE, 2);
    story.approve(kan(20), PIOTR, 2);
    let at = story.credential(3).issued_at;
    assert_eq!(story.credential(2).expires_at, soon);
    let day = jiff::SignedDuration::from_hours(24);
    assert_eq!(story.credential(3).expires_at, at + day);
}

#[test]
fn a_request_from_the_host_needs_no_text_and_one_from_the_forge_does() {
    let mut story = ready();
    story.import(file(two())).expect("a request");
    let request = story.request(2);
    let Source {
        subject,
        author,
        body,
        operator,
    } = request.source;
    assert_eq!(operator, None);
    assert_eq!(
        (subject, author, body),
        (None, CAROL, Hash::of(b"the file"))
    );
    assert_eq!(request.requester, crate::gate::actor::Actor::User(CAROL));
    // Whose account asked may take it back, and its rows go with it.
    story.say(kan(20), CAROL, "/gate withdraw R2");
    assert_eq!(story.word(2), "withdrawn");
    assert!(story.records.keys().all(|key| key.table != Table::Legacy));
}

#[test]
fn the_most_that_come_at_once_are_one_line_of_the_journal() {
    let lines = (0..MOST_ROWS).map(|number| {
        let number = u8::try_from(number).expect("at most 100");
        let whose = (number % 4 == 0).then_some("codex-kan-12");
        line(number, &["board:read"], whose)
    });
    let story = imported(lines.collect());
    assert_eq!(story.credentials(), 1 + MOST_ROWS);
    let bytes = |line: &super::story::Line| {
        let changes = serde_json::to_string(&line.decision.changes).expect("plain data");
        let entries = serde_json::to_string(&line.decision.entries).expect("plain data");
        changes.len() + entries.len()
    };
    let longest = story.lines.iter().map(bytes).max();
    assert!(longest < Some(256 * 1024), "{longest:?}");
    let mut story = ready();
    let lines = (0..50).map(|number| line(number, &["board:read"], Some("codex-kan-12")));
    let said = story.import(file(lines.collect())).expect_err("too many");
    assert!(said.contains("has 1 living credentials already"), "{said}");
}
