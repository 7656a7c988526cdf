//! What is shown, to whom, and how foreign text gets into it.

use super::*;
use crate::gate::identity::IdentityStatus;
use crate::gate::policy::{Client, Operator};

/// The environment and the standing of another board's identity are its own business: a name is
/// taken, and that is all.
#[test]
fn nothing_is_learnt_of_an_identity_of_another_board() {
    let mut story = Story::new();
    story.ask_for(kan(12), CODEX, "codex", "board:read", "dev");
    story.approve(kan(12), ALICE, 1);
    let mut answers = Vec::new();
    for environment in ["dev", "staging"] {
        story.say(
            ops(3),
            CODEX,
            &request_line("codex", "board:read", environment),
        );
        answers.push(story.last_reply(ops(3)));
    }
    story.set_open(kan(12), false);
    story.say(ops(3), CODEX, &request_line("codex", "board:read", "dev"));
    answers.push(story.last_reply(ops(3)));
    assert_eq!(
        answers[0],
        "That name belongs to somebody else; choose another."
    );
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

/// A client to which the token is none of its business learns nothing and wakes nothing.
#[test]
fn a_client_sees_its_boards_and_environments_only() {
    let client =
        |boards: &[crate::gate::ids::RepositoryId], environments: Option<&[&str]>| Client {
            boards: boards.iter().copied().collect(),
            environments: environments.map(names),
        };
    let mut story = Story::new();
    story.issue(kan(12));
    let mac = story.credential(1).mac;
    for (name, client) in [
        ("of the other board", Some(client(&[OPS], Some(&["dev"])))),
        (
            "of another environment",
            Some(client(&[KAN], Some(&["staging"]))),
        ),
        (
            "of no named environment, where there are two",
            Some(client(&[KAN], None)),
        ),
        ("of nothing", Some(client(&[], Some(&["dev"])))),
        ("unknown", None),
    ] {
        let mut policy = story.policy.clone();
        policy.clients.clear();
        policy
            .clients
            .extend(client.map(|client| ("kanban-api".to_owned(), client)));
        story.configure(policy);
        let lines = story.lines.len();
        assert_eq!(story.show(&mac), Answer::Inactive, "{name}");
        assert_eq!(story.lines.len(), lines, "{name}");
    }
    // Its holder needs no client, and the right client sees it.
    let activation = Event::Used {
        macs: vec![mac.clone()],
        client: None,
    };
    assert!(matches!(story.answer(&activation), Answer::Live(_)));
    knows(&mut story, client(&[KAN], Some(&["dev"])));
    assert!(matches!(story.show(&mac), Answer::Live(_)));
    story.reconfigure(KAN, |board| {
        board.gates.remove("staging");
    });
    knows(&mut story, client(&[KAN], None));
    assert!(matches!(story.show(&mac), Answer::Live(_)));
}

fn knows(story: &mut Story, client: Client) {
    let mut policy = story.policy.clone();
    policy.clients.insert("kanban-api".to_owned(), client);
    story.configure(policy);
}

/// What the forge says in an error may hold anything.
#[test]
fn what_the_forge_says_is_foreign_text() {
    let mut story = Story::new();
    story.issue(kan(12));
    let evil = format!(
        "![x](https://evil.example) @alice\n# head\u{202e}{}",
        "x".repeat(9_000)
    );
    story.answer(&Event::Unreadable {
        thread: kan(12),
        why: evil.clone(),
    });
    story.settle();
    assert_eq!(word(&story, "codex-kan-12"), "paused");
    let said = story.last_reply(kan(1));
    assert!(
        said.contains("`![x](https://evil.example) @\u{200b}alice # head"),
        "{said}"
    );
    assert!(
        said.len() < 600 && !said.contains("\n#") && !said.contains(" @alice"),
        "{said}"
    );
    let identity = story.identity("codex-kan-12").unwrap();
    match identity.status {
        IdentityStatus::Paused(ending) => {
            assert!(ending.why.len() < 300 && !ending.why.contains('\u{202e}'));
        }
        other => panic!("{other:?}"),
    }
}

/// A login is what somebody chose at the forge, and a bare `www.` becomes a link.
#[test]
fn a_login_that_is_not_configured_is_foreign_text() {
    let mut story = Story::new();
    story
        .forge
        .logins
        .insert(CODEX, "www.evil.example".to_owned());
    story.issue(kan(12));
    story.ask(kan(12));
    story.say(kan(12), CODEX, "/gate withdraw");
    let said = story.replies(kan(12));
    assert!(
        said[0].starts_with("**R1 · `www.evil.example` asks for"),
        "{}",
        said[0]
    );
    for said in &said {
        assert_eq!(
            said.matches("www.evil.example").count(),
            said.matches("`www.evil.example`").count(),
            "{said}"
        );
    }
}

/// No MAC of a token is in anything that is shown for debugging.
#[test]
fn debug_output_holds_no_mac() {
    let mut story = Story::new();
    story.issue(kan(12));
    let mac = story.credential(1).mac;
    story.show(&mac);
    story.say(kan(12), ALICE, "/gate revoke");
    let key = Key::check(&mac);
    let world = World::new(
        story
            .records
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect(),
    );
    let check: crate::gate::credential::Check = story.record(&key).unwrap();
    let used = Event::Used {
        macs: vec![mac.clone()],
        client: None,
    };
    let shown = [
        format!("{:?}", story.lines),
        format!(
            "{key:?} {world:?} {check:?} {:?} {used:?}",
            story.credential(1)
        ),
        format!(
            "{:?}",
            super::super::super::decide(World::default(), &used, &given(&story))
        ),
    ];
    assert!(serde_json::to_string(&key).unwrap().contains(mac.as_str()));
    for shown in shown {
        assert!(shown.contains("REDACTED"));
        assert!(!shown.contains(mac.as_str()));
    }
}

fn given(story: &Story) -> Given {
    Given {
        now: story.now,
        seq: Seq(99),
        policy: std::sync::Arc::new(story.policy.clone()),
        policy_hash: story.policy.hash(),
        nonce: "0".repeat(32),
        low_space: false,
        clock: None,
    }
}

/// Whatever the configuration lets through more than before, the boards that it concerns are told.
#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a change")]
fn boards_hear_of_everything_that_got_wider() {
    type Change = fn(&mut Policy);
    let rows: [(Change, &str, bool, bool); 15] = [
        (
            |policy| board(policy).resources = None,
            "resources are not limited any more",
            true,
            false,
        ),
        (
            |policy| board(policy).resources = Some(names(&["inbox", "x"])),
            "resources gained `x`",
            true,
            false,
        ),
        (
            |policy| board(policy).modes = Some(names(&[])),
            "modes lost `interactive`",
            false,
            false,
        ),
        (
            |policy| {
                let carol = board(policy).known_requesters.get_mut(&CAROL).unwrap();
                carol.recipients.insert(RECIPIENT.to_owned());
            },
            "what is vouched for of user 4 changed",
            true,
            false,
        ),
        (
            |policy| {
                let carol = board(policy).known_requesters.get_mut(&CAROL).unwrap();
                carol.signing_keys.insert("ssh-ed25519 AAAA".to_owned());
            },
            "what is vouched for of user 4 changed",
            true,
            false,
        ),
        (
            |policy| policy.activation *= 2,
            "an unused credential lives 2d instead of 1d",
            true,
            true,
        ),
        (
            |policy| policy.identity_ttl *= 2,
            "an identity lives 180d instead of 90d",
            true,
            true,
        ),
        (
            |policy| policy.request_ttl /= 2,
            "a request stays open 36h instead of 3d",
            false,
            true,
        ),
        (
            |policy| {
                let api = policy.clients.get_mut("kanban-api").unwrap();
                api.boards.remove(&OPS);
            },
            "what client `kanban-api` sees lost",
            false,
            true,
        ),
        (
            |policy| {
                let deploy = Client {
                    boards: [KAN].into(),
                    environments: Some(names(&["staging"])),
                };
                policy.clients.insert("deploy".to_owned(), deploy);
            },
            "what client `deploy` sees gained `staging`",
            true,
            false,
        ),
        (
            |policy| {
                policy.operators.insert("olga".to_owned(), operator());
            },
            "what operator `olga` may do gained `narrow`",
            true,
            false,
        ),
        (
            |policy| {
                let board = board(policy);
                let carol = board.known_requesters[&CAROL].clone();
                board.known_requesters.insert(STRANGER, carol);
            },
            "who may ask changed",
            true,
            false,
        ),
        (
            |policy| policy.operators.get_mut("home").unwrap().forge_id = Some(PIOTR),
            "who operator `home` is changed",
            true,
            false,
        ),
        (
            |policy| board(policy).max_open_requests = 51,
            "a requester may have 51 open requests instead of 50",
            true,
            false,
        ),
        (
            |policy| {
                board(policy).machine_accounts.clear();
            },
            "an account is no machine account any more",
            true,
            false,
        ),
    ];
    for (change, words, wider, everywhere) in rows {
        let mut policy = policy();
        policy.operators.insert("home".to_owned(), operator());
        let mut story = Story::with(policy.clone());
        change(&mut policy);
        story.configure(policy);
        let entries = story.lines.iter().flat_map(|line| &line.decision.entries);
        assert!(
            entries.into_iter().any(|entry| entry.text.contains(words)),
            "{words}"
        );
        let told = story.last_reply(kan(1));
        assert_eq!(told.contains(words), wider, "{words}");
        let who = told.contains("who operator");
        assert_eq!(
            who,
            words.contains("who operator"),
            "a new one is not another one"
        );
        let elsewhere = story.last_reply(ops(1)).contains(words);
        assert_eq!(elsewhere, wider && everywhere, "{words}");
    }
}

fn operator() -> Operator {
    Operator {
        forge_id: None,
        uid: Some(1_000),
        boards: [KAN].into(),
        rights: names(&["narrow"]),
    }
}

fn board(policy: &mut Policy) -> &mut crate::gate::policy::Board {
    policy.boards.get_mut(&KAN).unwrap()
}
