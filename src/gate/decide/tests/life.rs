//! The normal life: a request, its summary, an approval, a credential in use, and its end.

use super::super::*;
use super::*;
use crate::gate::credential::{CredentialStatus, Live};
use crate::gate::effect::{Effect, Reaction, Role};
use crate::gate::event::What;
use crate::gate::evidence::{Need, Reads};
use crate::gate::grant::{GrantRecord, GrantStatus};
use crate::gate::ids::{CommentId, CredentialNumber, RequestNumber, Slug};
use crate::gate::key::Key;
use crate::gate::time::after;

#[test]
fn an_agent_asks_and_an_owner_approves() {
    let mut story = Story::new();
    let asked = story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read,card:write", "dev"),
    );
    let request = story.request(1);
    assert!(request.effect.identity == Slug::parse("codex-kan-12"));
    assert_eq!(story.reactions[&Some(CommentId(asked))], Reaction::Eyes);
    let summary = story.last_reply(kan(12));
    for part in [
        "**R1 · `codex` asks for `codex-kan-12`** · dev",
        "one of @alice @piotr",
        &story.approve_line(1),
    ] {
        assert!(summary.contains(part), "{summary}");
    }
    assert_eq!(
        request.summary.as_ref().map(|summary| summary.comment),
        Some(CommentId(asked + 1))
    );

    let approved = story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");
    assert_eq!(story.reactions[&Some(CommentId(approved))], Reaction::Yes);
    assert!(
        story
            .last_reply(kan(12))
            .starts_with("**R1 approved by alice: `codex-kan-12` c1**")
    );
    let credential = story.credential(1);
    assert_eq!(credential.scopes, names(&["board:read", "card:write"]));
    assert_eq!(credential.approvers, [ALICE].into());
    assert_eq!(credential.recipient.as_deref(), Some(RECIPIENT));
    assert_eq!(credential.expires_at, after(story.now, 8 * 3_600));
    let grant: GrantRecord = story.record(&Key::grant(RequestNumber(1))).unwrap();
    assert_eq!(grant.status, GrantStatus::Consumed(CredentialNumber(1)));
    assert_eq!(grant.digest, request.digest);
    assert_eq!(
        story.replies(kan(12)).len(),
        2,
        "a normal life has two comments"
    );
    let codes = [
        "policy_changed",
        "request_opened",
        "approval_counted",
        "credential_issued",
    ];
    assert_eq!(story.entries(), codes);
    let entries = story.lines.iter().flat_map(|line| &line.decision.entries);
    let entry = entries.last().unwrap();
    assert_eq!(entry.thread, Some(kan(12)));
    assert_eq!(entry.request, Some(RequestNumber(1)));
    assert_eq!(entry.identity, credential.identity);
    assert_eq!(entry.credential, Some(credential.number));
    assert_eq!(entry.actor, crate::gate::actor::Actor::User(ALICE));
}

/// What is missing is asked for in two rounds, and nothing is written before everything was read.
#[test]
fn an_approval_asks_for_everything_it_rests_on_and_then_for_a_candidate() {
    let mut story = Story::new();
    let asked = story.say(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    story.arrive(story.delivery(id));
    let waiting = story.waiting()[0];
    let at = Some(story.now);
    let mut reads = Reads {
        at,
        ..Reads::default()
    };
    let step = |story: &mut Story, reads: &Reads| {
        let lines = story.lines.len();
        let event = Event::Waiting {
            line: waiting,
            reads: Box::new(reads.clone()),
        };
        match story.feed(&event) {
            Step::Gather(needs) => {
                assert_eq!(story.lines.len(), lines, "nothing is written");
                needs.into_iter().collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    let own = CommentId(id);
    assert_eq!(step(&mut story, &reads), [Need::Comment(own)]);
    reads
        .comments
        .insert(own, story.forge.read_comment(KAN, own));
    let (source, summary) = (CommentId(asked), CommentId(asked + 1));
    let issue = kan(12).issue;
    assert_eq!(
        step(&mut story, &reads),
        [
            Need::Comment(source),
            Need::Comment(summary),
            Need::Issue(issue),
            Need::Repository
        ]
    );
    for id in [source, summary] {
        reads.comments.insert(id, story.forge.read_comment(KAN, id));
    }
    reads.issues.insert(issue, story.forge.read_issue(kan(12)));
    reads.repository = Some(story.forge.read_repository(KAN));
    let candidate = step(&mut story, &reads);
    assert!(
        matches!(&candidate[..], [Need::Candidate { request: RequestNumber(1), slug, recipient }]
        if slug.as_str() == "codex-kan-12" && recipient.as_deref() == Some(RECIPIENT))
    );

    // What was read eleven seconds ago is not counted.
    story.pass(11);
    assert_eq!(step(&mut story, &reads), [Need::Comment(own)]);
    story.settle();
    assert_eq!(story.word(1), "approved");
}

/// A candidate that was minted for another recipient is not used.
#[test]
fn a_candidate_for_something_else_is_minted_anew() {
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story.approve_line(1);
    let id = story.write(kan(12), ALICE, &line);
    story.arrive(story.delivery(id));
    let waiting = story.waiting()[0];
    let mut reads = Reads {
        at: Some(story.now),
        ..Reads::default()
    };
    for id in story.forge.comments.keys() {
        let id = CommentId(*id);
        reads.comments.insert(id, story.forge.read_comment(KAN, id));
    }
    reads
        .issues
        .insert(kan(12).issue, story.forge.read_issue(kan(12)));
    reads.repository = Some(story.forge.read_repository(KAN));
    let right = crate::gate::evidence::Candidate {
        request: RequestNumber(1),
        slug: story.request(1).effect.identity.unwrap(),
        recipient: Some(RECIPIENT.to_owned()),
        mac: crate::gate::ids::Mac::new(&[1; 32]),
        pepper_id: "p1".to_owned(),
        sealed: String::new(),
    };
    let changes: [fn(&mut crate::gate::evidence::Candidate); 3] = [
        |candidate| candidate.request = RequestNumber(2),
        |candidate| candidate.recipient = Some(OTHER_RECIPIENT.to_owned()),
        |candidate| candidate.slug = crate::gate::ids::Slug::parse("another").unwrap(),
    ];
    for change in changes {
        let mut candidate = right.clone();
        change(&mut candidate);
        reads.candidate = Some(candidate);
        let event = Event::Waiting {
            line: waiting,
            reads: Box::new(reads.clone()),
        };
        assert!(matches!(story.feed(&event), Step::Gather(needs) if needs.len() == 1));
    }
    reads.candidate = Some(right);
    let event = Event::Waiting {
        line: waiting,
        reads: Box::new(reads),
    };
    assert!(matches!(story.feed(&event), Step::Decided(_)));
    assert_eq!(story.credentials(), 1);
}

#[test]
fn a_token_comes_alive_with_its_first_use_and_ends_with_the_revoke() {
    let mut story = Story::new();
    story.issue(kan(12));
    let mac = story.credential(1).mac;
    let lines = story.lines.len();
    let first = story.show(&mac);
    let Answer::Live(live) = first else {
        panic!("{first:?}")
    };
    let Live {
        scopes,
        first_use,
        check,
        workspace,
        ..
    } = *live;
    assert!(first_use);
    assert_eq!(check.status, CredentialStatus::Active(story.now));
    let recent = story.identity("codex-kan-12").unwrap().recent;
    let codes: Vec<_> = recent
        .entries()
        .iter()
        .map(|entry| entry.code.as_str())
        .collect();
    assert_eq!(codes, ["credential_issued", "credential_first_used"]);
    assert_eq!(scopes, names(&["board:read", "card:write"]));
    assert_eq!(workspace, "kan-ductor");
    assert_eq!(story.lines.len(), lines + 1, "the first use is journaled");
    assert_eq!(
        story.credential(1).status,
        CredentialStatus::Active(story.now)
    );

    story.pass(60);
    let again = story.show(&mac);
    assert!(matches!(again, Answer::Live(live) if !live.first_use));
    assert_eq!(story.lines.len(), lines + 1, "and no later one");

    let id = story.say(
        kan(12),
        ALICE,
        "/gate revoke codex-kan-12 the agent\u{2019}s laptop was stolen",
    );
    assert_eq!(story.show(&mac), Answer::Inactive);
    assert_eq!(story.reactions[&Some(CommentId(id))], Reaction::Yes);
    assert_eq!(
        story.last_reply(kan(12)),
        "**`codex-kan-12` is revoked**, with 1 of its credentials: `the agent\u{2019}s laptop was stolen`."
    );
    assert_eq!(
        story.identity("codex-kan-12").unwrap().word(story.now),
        "revoked"
    );
}

#[test]
fn what_is_not_used_within_a_day_and_what_is_over_its_end_is_inactive() {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.gates.get_mut("dev").unwrap().max_ttl = 10 * 86_400
    });
    let line = request_line("codex-*", "board:read", "dev").replace("ttl=8h", "ttl=3d");
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 1);
    story.say(kan(12), CODEX, &line);
    story.approve(kan(12), ALICE, 2);
    let (used, unused) = (story.credential(1).mac, story.credential(2).mac);
    assert!(matches!(story.show(&used), Answer::Live(_)));
    story.pass(86_400);
    assert_eq!(story.show(&unused), Answer::Inactive);
    assert!(matches!(story.show(&used), Answer::Live(_)));
    story.pass(2 * 86_400 - 1);
    assert_eq!(story.show(&used), Answer::Inactive);
    assert_eq!(
        story.show(&crate::gate::ids::Mac::new(&[0xff; 32])),
        Answer::Inactive
    );
}

#[test]
fn life_runs_from_the_approval_and_no_longer_than_the_identity() {
    let mut story = Story::new();
    story.ask(kan(12));
    story.pass(50 * 60);
    let line = story.approve_line(1).replace("ttl=8h", "ttl=1h");
    story.say(kan(12), ALICE, &line);
    let credential = story.credential(1);
    assert_eq!(credential.expires_at, after(credential.issued_at, 3_600));
    assert_eq!(
        credential.status,
        CredentialStatus::Pending(credential.expires_at)
    );

    let mut policy = policy();
    policy.identity_ttl = 600;
    let mut story = Story::with(policy);
    story.issue(kan(12));
    assert_eq!(story.credential(1).expires_at, after(story.now, 600));
}

#[test]
fn an_approval_may_narrow() {
    let mut story = Story::new();
    story.ask(kan(12));
    let line = story
        .approve_line(1)
        .replace("board:read,card:write", "board:read")
        .replace("ttl=8h", "ttl=10m");
    story.say(kan(12), ALICE, &line);
    assert_eq!(story.live(1), Some(names(&["board:read"])));
    assert_eq!(story.credential(1).expires_at, after(story.now, 600));
    assert_eq!(
        story.identity("codex-kan-12").unwrap().scopes,
        names(&["board:read"])
    );
}

#[test]
fn a_new_issue_may_ask_in_its_body() {
    let mut story = Story::new();
    story.open(
        kan(12),
        CODEX,
        &request_line("codex-*", "board:read", "dev"),
    );
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.word(1), "approved");

    story.open(kan(13), CODEX, "/gate revoke codex-kan-12");
    assert_eq!(story.last_code(kan(13)), "only_requests_in_issues");
    assert!(story.live(1).is_some());
}

/// Two must approve: who is counted and who is missing is said, and the identity's owner is whoever
/// approved first.
#[test]
fn a_quorum_of_two_counts_two_people() {
    let mut story = Story::new();
    story.ask_for(
        kan(12),
        CODEX,
        "codex-*",
        "board:read,deploy:run",
        "staging",
    );
    let first = story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.word(1), "open");
    assert_eq!(story.reactions[&Some(CommentId(first))], Reaction::Yes);
    assert_eq!(
        story.last_reply(kan(12)),
        "R1: counted piotr (1 of 2); still to come from alice."
    );
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.last_code(kan(12)), "already_counted");
    assert_eq!(story.credentials(), 0);
    story.approve(kan(12), ALICE, 1);
    assert_eq!(story.credential(1).approvers, [ALICE, PIOTR].into());
    assert_eq!(story.identity("codex-kan-12").unwrap().owner, PIOTR);
}

#[test]
fn ceilings_cut_and_never_uncount() {
    let mut story = Story::new();
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&["board:read", "card:write"]));
    });
    story.ask_for(
        kan(12),
        CODEX,
        "codex-*",
        "board:read,deploy:run",
        "staging",
    );
    story.approve(kan(12), ALICE, 1);
    story.approve(kan(12), PIOTR, 1);
    assert_eq!(story.credential(1).scopes, names(&["board:read"]));

    // Where their ceilings leave nothing in common, it is found out by the last of them.
    story.reconfigure(KAN, |board| {
        board.owners.get_mut(&PIOTR).unwrap().ceiling = Some(names(&["deploy:run"]));
    });
    let both = "board:read,deploy:run";
    story.ask_for(kan(13), CODEX, "codex-*", both, "staging");
    story.approve(kan(13), PIOTR, 2);
    let last = story.approve(kan(13), ALICE, 2);
    assert_eq!(story.reactions[&Some(CommentId(last))], Reaction::No);
    assert_eq!(story.word(2), "void");
    assert_eq!(story.last_code(kan(13)), "nothing_left");

    // Where one of them could hand on nothing of it, it is refused when it is asked.
    let asked = story.requests();
    let line = request_line("codex-*", "card:write,deploy:run", "staging");
    story.say(kan(14), CODEX, &line);
    story.say(
        kan(14),
        CODEX,
        &request_line("codex-*", "deploy:run", "staging"),
    );
    assert_eq!(story.requests(), asked);
}

/// A second request of a living identity is one more credential, and the identity may do both.
#[test]
fn a_second_request_adds_to_the_identity() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "dev");
    story.approve(kan(12), ALICE, 1);
    let first_end = story.identity("codex").unwrap().expires_at;
    story.pass(100);
    story.ask_for(kan(12), CODEX, "codex", "card:write", "dev");
    assert!(
        story
            .last_reply(kan(12))
            .contains("one more credential, new for it: `card:write`")
    );
    story.approve(kan(12), PIOTR, 2);
    let identity = story.identity("codex").unwrap();
    assert_eq!(identity.number.0, 1);
    assert_eq!(identity.scopes, names(&["board:read", "card:write"]));
    assert_eq!(
        identity.credentials,
        [CredentialNumber(1), CredentialNumber(2)]
    );
    assert_eq!(identity.owner, ALICE);
    assert!(identity.expires_at > first_end);
    assert_eq!(
        story.live(1),
        Some(names(&["board:read"])),
        "the first does no more"
    );
    assert_eq!(story.live(2), Some(names(&["card:write"])));
}

#[test]
fn what_an_identity_is_for_grows_to_everything_and_not_back() {
    let mut story = Story::new();
    for (more, resources, modes) in [
        (
            " resources=inbox modes=interactive",
            Some(&["inbox"][..]),
            Some(&["interactive"][..]),
        ),
        (
            " resources=roadmap modes=interactive",
            Some(&["inbox", "roadmap"]),
            Some(&["interactive"]),
        ),
        (" modes=interactive", None, Some(&["interactive"])),
        (" resources=inbox", None, None),
        (" resources=inbox modes=interactive", None, None),
    ] {
        let line = request_line("codex", "board:read", "dev") + more;
        story.say(kan(12), CODEX, &line);
        story.approve(kan(12), ALICE, u64::try_from(story.requests()).unwrap());
        let identity = story.identity("codex").unwrap();
        assert_eq!(identity.resources, resources.map(names), "{more}");
        assert_eq!(identity.modes, modes.map(names), "{more}");
    }
    assert_eq!(story.credential(1).resources, Some(names(&["inbox"])));
}

/// Ended credentials are forgotten, living ones and the newest are not: whoever revokes the identity
/// revokes every one that works.
#[test]
fn however_many_credentials_live_all_of_them_are_revoked() {
    let mut story = Story::new();
    for _ in 0..23 {
        story.issue(kan(12));
    }
    let identity = story.identity("codex-kan-12").unwrap();
    assert_eq!(identity.credentials.len(), 23);
    for number in 1..=23 {
        assert!(story.live(number).is_some(), "c{number}");
    }
    story.say(kan(12), ALICE, "/gate revoke codex-kan-12 c5");
    story.issue(kan(12));
    let identity = story.identity("codex-kan-12").unwrap();
    assert!(
        !identity.credentials.contains(&CredentialNumber(5)),
        "it ended"
    );
    assert!(identity.credentials.contains(&CredentialNumber(24)));
    story.say(kan(12), ALICE, "/gate revoke");
    for number in 1..=24 {
        assert_eq!(story.live(number), None, "c{number}");
    }
}

/// The one comment with the sealed file goes to the request's own thread, and nothing but sealed
/// files, summaries and answers is ever posted.
#[test]
fn the_sealed_file_is_posted_once() {
    let mut story = Story::new();
    story.issue(kan(12));
    let posted: Vec<&Effect> = story
        .lines
        .iter()
        .flat_map(|line| &line.decision.effects)
        .filter(|effect| matches!(effect, Effect::Post(post) if post.body.contains("BEGIN AGE")))
        .collect();
    assert!(matches!(&posted[..], [Effect::Post(post)]
        if post.thread == kan(12) && post.role == Role::Credential(CredentialNumber(1))));
    let inbox = story.waiting();
    assert!(inbox.is_empty(), "{inbox:?}");
    assert!(
        !story
            .deliveries
            .iter()
            .any(|delivery| matches!(delivery.accepted.what, What::Look(_)))
    );
}
