//! Requests that are refused when they are asked, each with its reason, and the limits on what is
//! open at once.

use super::*;
use crate::gate::event::Leak;
use crate::gate::ids::{IssueNumber, RepositoryId, UserId};
use crate::gate::key::Key;
use crate::gate::policy::{Factor, Requesters};
use crate::gate::thread::{MAX_IDENTITIES_IN_THREAD, OpenRequests};

/// Codex says a line; the code of the refusal.
fn refused(story: &mut Story, line: &str) -> String {
    let before = story.requests();
    story.say(kan(12), CODEX, line);
    assert_eq!(story.requests(), before, "{line}");
    story.last_code(kan(12))
}

#[test]
fn what_a_board_does_not_have_is_refused() {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read", "dev");
    for (line, code) in [
        (
            line.replace("board:read", "board:write"),
            "scopes_not_granted",
        ),
        (
            line.replace("board:read", "deploy:run"),
            "scopes_not_granted",
        ),
        (line.replace("ttl=8h", "ttl=25h"), "ttl_over_limit"),
        (line.replace("ttl=8h", "ttl=59s"), "ttl_under_limit"),
        (line.replace("=dev", "=production"), "no_gate"),
        (format!("{line} resources=inbox,outbox"), "bad_request"),
        (format!("{line} modes=autonomous"), "bad_request"),
        (
            line.replace("codex-*", &format!("{}-*", "x".repeat(34))),
            "bad_request",
        ),
        (format!("{line} extra=1"), "bad_form"),
    ] {
        assert_eq!(refused(&mut story, &line), code, "{line}");
    }
    story.say(
        kan(12),
        CODEX,
        &format!("{line} resources=inbox modes=interactive").replace("ttl=8h", "ttl=1m"),
    );
    assert_eq!(story.word(1), "open");
    story.say(kan(12), CODEX, &line.replace("ttl=8h", "ttl=24h"));
    assert_eq!(story.word(2), "open");
}

/// Every reason at once, so that nobody asks five times.
#[test]
fn every_reason_is_said_at_once() {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read,deploy:run", "dev").replace("ttl=8h", "ttl=30h");
    refused(&mut story, &line);
    assert_eq!(
        story.last_reply(kan(12)),
        "This gate does not grant `deploy:run`. The ttl is over this gate's limit of 1d."
    );
}

#[test]
fn without_an_environment_the_only_gate_or_dev_is_meant() {
    let line = request_line("codex-*", "board:read", "dev").replace(" environment=dev", "");
    let mut story = Story::new();
    story.say(kan(12), CODEX, &line);
    assert_eq!(story.request(1).effect.environment, "dev");
    story.reconfigure(KAN, |board| {
        board.gates.remove("dev");
    });
    story.say(kan(13), CODEX, &line);
    assert_eq!(story.request(2).effect.environment, "staging");

    // Which of several is never guessed.
    story.reconfigure(KAN, |board| {
        let staging = board.gates["staging"].clone();
        board.gates.insert("alpha".to_owned(), staging);
    });
    story.say(kan(12), CODEX, &line);
    assert_eq!(story.requests(), 2);
    assert!(
        story.last_reply(kan(12)).contains("no gate `dev`"),
        "{}",
        story.last_reply(kan(12))
    );
}

#[test]
fn a_gate_for_which_no_owner_has_a_key_is_shut_from_the_start() {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board
            .gates
            .get_mut("dev")
            .unwrap()
            .factors
            .insert(Factor::Signature);
    });
    assert_eq!(
        refused(&mut story, &request_line("codex-*", "board:read", "dev")),
        "too_few_owners"
    );
}

#[test]
fn what_stands_wrong_on_the_forge_is_refused() {
    let line = request_line("codex-*", "board:read", "dev");
    type Row = (fn(&mut Story), &'static str);
    let cases: [Row; 4] = [
        (
            |story| {
                story.forge.issues.get_mut(&kan(12)).unwrap().open = false;
            },
            "thread_closed",
        ),
        (
            |story| {
                story.forge.issues.get_mut(&kan(12)).unwrap().gone = true;
            },
            "thread_closed",
        ),
        (
            |story| {
                story.forge.issues.get_mut(&kan(12)).unwrap().body = "x".repeat(70_000);
            },
            "issue_too_large",
        ),
        (
            |story| {
                story.forge.names.insert(KAN, "guild/board".to_owned());
            },
            "repository_renamed",
        ),
    ];
    for (change, code) in cases {
        let mut story = Story::new();
        story.write(kan(12), CAROL, "hello");
        change(&mut story);
        assert_eq!(refused(&mut story, &line), code);
    }
    let mut story = Story::new();
    story.low_space = true;
    let id = story.write(kan(12), ALICE, &line);
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.last_code(kan(12)), "disk_nearly_full");
    let mut story = Story::new();
    let id = story.say(kan(12), CODEX, "hello");
    let created = story.forge.comments[&id].created;
    story.forge.edit(id, &line, created);
    story.arrive(story.delivery(id));
    story.settle();
    assert_eq!(story.last_code(kan(12)), "edited");
}

#[test]
fn names_belong_to_whoever_got_them() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "dev");
    // Only a grant reserves it.
    story.ask_for(kan(13), CAROL, "codex", "board:read", "dev");
    story.approve(kan(12), ALICE, 1);
    story.approve(kan(13), ALICE, 2);
    assert_eq!(story.word(2), "open");
    assert_eq!(story.last_code(kan(13)), "slug_taken");
    story.say(kan(14), CAROL, &request_line("codex", "board:read", "dev"));
    assert_eq!(story.last_code(kan(14)), "slug_taken");
    story.say(kan(13), CODEX, &request_line("codex", "board:read", "dev"));
    assert_eq!(story.last_code(kan(13)), "lives_elsewhere");
    story.say(
        kan(12),
        CODEX,
        &request_line("codex", "board:read", "staging"),
    );
    assert_eq!(story.last_code(kan(12)), "other_environment");
    // Another board cannot have it either.
    story.say(ops(5), CODEX, &request_line("codex", "board:read", "dev"));
    assert_eq!(story.last_code(ops(5)), "slug_taken");
    // An owner may ask for it, in its thread.
    story.ask_for(kan(12), PIOTR, "codex", "board:read", "dev");
    story.approve(kan(12), ALICE, 3);
    assert_eq!(story.word(3), "approved");
    assert_eq!(story.identity("codex").unwrap().requester, CODEX);
    // Revoked, it is still nobody else's.
    story.say(kan(12), ALICE, "/gate revoke codex");
    story.say(kan(12), PIOTR, &request_line("codex", "board:read", "dev"));
    assert_eq!(story.last_code(kan(12)), "slug_taken");
    story.ask_for(kan(15), CODEX, "codex", "board:read", "dev");
}

#[test]
fn nothing_is_asked_for_a_paused_identity_or_a_burnt_key() {
    let mut story = Story::new();
    story.issue(kan(12));
    story.set_open(kan(12), false);
    story.set_open(kan(12), true);
    let line = request_line("codex-*", "board:read", "dev");
    assert_eq!(refused(&mut story, &line), "identity_paused");

    story.leak(kan(13), vec![Leak::AgeKey(OTHER_RECIPIENT.to_owned())]);
    let line = line
        .replace(RECIPIENT, OTHER_RECIPIENT)
        .replace("codex-*", "other");
    assert_eq!(refused(&mut story, &line), "recipient_burnt");
}

#[test]
fn two_are_open_in_a_thread_and_a_few_of_one_requester() {
    let mut story = Story::new();
    let line = request_line("codex-*", "board:read", "dev");
    story.ask(kan(12));
    story.ask(kan(12));
    assert_eq!(refused(&mut story, &line), "too_many_open");
    assert!(story.last_reply(kan(12)).contains("R1 and R2"));
    story.say(kan(12), CODEX, "/gate withdraw R1");
    story.ask(kan(12));
    // What is past its end does not count.
    story.pass(72 * 3_600);
    story.ask(kan(12));
    assert_eq!(story.word(2), "ended");

    story.reconfigure(KAN, |board| board.max_open_requests = 2);
    story.ask(kan(13));
    story.say(kan(14), CODEX, &line);
    assert_eq!(story.last_code(kan(14)), "too_many_open");
    story.ask_for(kan(14), CAROL, "carol", "board:read", "dev");
    let own: OpenRequests = story.record(&Key::requester(KAN, CODEX)).unwrap();
    assert_eq!(own.requests.len(), 2, "ended ones are off the list");
}

#[test]
fn a_thread_holds_only_so_many_identities() {
    let mut story = Story::new();
    for number in 0..MAX_IDENTITIES_IN_THREAD {
        story.ask_for(kan(12), CODEX, &format!("id{number}"), "board:read", "dev");
        let request = u64::try_from(story.requests()).unwrap();
        story.approve(kan(12), ALICE, request);
    }
    let line = request_line("one-more", "board:read", "dev");
    assert_eq!(refused(&mut story, &line), "too_many_identities");
    story.ask_for(kan(12), CODEX, "id3", "board:read", "dev");
    story.say(kan(12), ALICE, "/gate revoke id4");
    story.ask_for(kan(12), CODEX, "one-more", "board:read", "dev");
}

#[test]
fn who_may_ask() {
    let line = request_line("x-*", "board:read", "dev");
    for (who, may) in [
        (CODEX, true),
        (ALICE, true),
        (CAROL, true),
        (STRANGER, false),
        (UserId(-1), false),
    ] {
        let mut story = Story::new();
        story.say(kan(12), who, &line);
        assert_eq!(story.requests() == 1, may, "{who}");
        assert_eq!(story.replies(kan(12)).is_empty(), !may, "{who}");
    }
    let mut story = Story::new();
    story.reconfigure(KAN, |board| board.requesters = Requesters::Anyone);
    story.say(kan(12), STRANGER, &line);
    assert_eq!(story.requests(), 1);
    story.say(kan(12), UserId(-1), &line);
    assert_eq!(story.requests(), 1);
    // Whoever asked may still take back when only listed ones may ask.
    story.reconfigure(KAN, |board| board.requesters = Requesters::Listed);
    story.say(kan(12), STRANGER, "/gate withdraw");
    assert_eq!(story.word(1), "withdrawn");
}

#[test]
fn a_request_that_too_few_could_approve_is_refused() {
    let mut story = Story::new();
    story.say(
        kan(12),
        ALICE,
        &request_line("mine", "board:read", "staging"),
    );
    assert_eq!(story.last_code(kan(12)), "too_few_owners");
    assert!(
        story
            .last_reply(kan(12))
            .contains("2 owners must approve and only 1 could")
    );
}

#[test]
fn a_board_that_is_not_configured_is_not_heard() {
    let mut story = Story::new();
    let elsewhere = crate::gate::ids::ThreadKey {
        repository: RepositoryId(4_711),
        issue: IssueNumber(1),
    };
    let lines = story.lines.len();
    story.say(elsewhere, ALICE, &request_line("x-*", "board:read", "dev"));
    assert_eq!(story.lines.len(), lines);
}

/// The digest covers everything that would come alive, and where.
#[test]
fn two_requests_never_have_one_code() {
    let mut story = Story::new();
    let mut codes = Vec::new();
    for (thread, line) in [
        (kan(12), request_line("codex", "board:read", "dev")),
        (kan(12), request_line("codex", "board:read", "dev")),
        (kan(13), request_line("codex", "board:read", "dev")),
        (kan(13), request_line("codex", "card:write", "dev")),
        (kan(14), request_line("codex", "board:read", "staging")),
        (
            kan(14),
            request_line("codex", "board:read", "dev").replace("8h", "7h"),
        ),
        (
            kan(15),
            request_line("codex", "board:read", "dev").replace(RECIPIENT, OTHER_RECIPIENT),
        ),
        (kan(15), request_line("codex2", "board:read", "dev")),
        (ops(12), request_line("codex", "board:read", "dev")),
    ] {
        story.say(thread, CODEX, &line);
        let number = u64::try_from(story.requests()).unwrap();
        codes.push(story.request(number).digest.as_str().to_owned());
    }
    assert_eq!(codes.len(), 9);
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 9);
}
