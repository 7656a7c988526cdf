//! The rules one by one: each table row changes one fact of a case in which everything holds, and
//! exactly one rule may speak against it.
//!
//! Since the row's whole verdict is that one reason, leaving its rule out makes the row fail.

mod again;
mod counting;
mod opening;

use super::super::actor::Actor;
use super::super::audit::Recent;
use super::super::command::{Restated, Vouched};
use super::super::event::Road;
use super::super::evidence::{FoundComment, ReadComment, ReadIssue, ReadRepository};
use super::super::identity::{Ending, Identity, IdentityStatus};
use super::super::ids::{
    CommentId, IdentityNumber, IssueNumber, RepositoryId, RequestNumber, Slug, ThreadKey,
};
use super::super::key::Subject;
use super::super::policy::{Board, Factor, KnownRequester, Owner, Policy, Requesters};
use super::super::request::{Action, RequestStatus, Source, Summary, Wanted, digest};
use super::super::signed::Signature;
use super::super::thread::{BoardState, Seen, Standstill};
use super::*;

const BOT: UserId = UserId(5);
const ALICE: UserId = UserId(2);
const PIOTR: UserId = UserId(3);
const CAROL: UserId = UserId(4);
const CODEX: UserId = UserId(7);
const THREAD: ThreadKey = ThreadKey {
    repository: RepositoryId(17),
    issue: IssueNumber(12),
};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_564_800 + seconds).expect("within the calendar")
}

fn owner(login: &str) -> Owner {
    Owner {
        login: login.to_owned(),
        may_approve: true,
        ceiling: None,
        signing_keys: BTreeSet::new(),
        has_code: false,
    }
}

fn gate(quorum: u32) -> Gate {
    Gate {
        scopes: names(&["board:read", "card:write"]),
        max_ttl: 86_400,
        quorum,
        factors: [Factor::Comment].into(),
        self_approval: false,
        holder_rotation: false,
        offline: false,
        judge_required: false,
        cooling_off: None,
        open_hours: None,
    }
}

fn board() -> Board {
    Board {
        name: "kan".to_owned(),
        repository: "alice/board".to_owned(),
        repository_id: THREAD.repository,
        workspace: "kan-ductor".to_owned(),
        scopes: names(&["board:read", "card:write", "deploy:run"]),
        resources: None,
        modes: None,
        requesters: Requesters::Listed,
        machine_accounts: [CODEX].into(),
        known_requesters: [(CAROL, KnownRequester::default())].into(),
        max_open_requests: 50,
        control_issue: None,
        quiet_hours: None,
        list_in_thread: false,
        max_silence: None,
        owners: [(ALICE, owner("alice")), (PIOTR, owner("piotr"))].into(),
        gates: [("dev".to_owned(), gate(1))].into(),
        judges: std::collections::BTreeMap::new(),
    }
}

fn policy() -> Policy {
    Policy {
        installation: "i".repeat(64),
        forge: "https://forge.example".to_owned(),
        public_url: "https://gate.example".to_owned(),
        bot: BOT,
        token_prefix: "og".to_owned(),
        activation: 86_400,
        grace: 900,
        identity_ttl: 90 * 86_400,
        request_ttl: 72 * 3_600,
        closed_revoke: 86_400,
        boards: [(THREAD.repository, board())].into(),
        clients: std::collections::BTreeMap::new(),
        operators: std::collections::BTreeMap::new(),
    }
}

fn slug() -> Slug {
    Slug::parse("codex-kan-12").expect("a slug")
}

/// R1: codex asks in comment 9, the summary is comment 10.
fn request(policy: &Policy) -> Request {
    let effect = Wanted {
        identity: Some(slug()),
        scopes: names(&["board:read", "card:write"]),
        resources: None,
        modes: None,
        environment: "dev".to_owned(),
        ttl: Some(8 * 3_600),
        recipient: Some("age1x".to_owned()),
        ..Wanted::default()
    };
    let requester = Actor::User(CODEX);
    let number = RequestNumber(1);
    Request {
        number,
        thread: THREAD,
        action: Action::Issue,
        digest: digest(policy, number, THREAD, Action::Issue, &requester, &effect),
        signed_by: None,
        nonce: None,
        requester,
        asker_login: "codex".to_owned(),
        source: Source {
            subject: Some(Subject::Comment(9)),
            author: CODEX,
            body: Hash::of(b"/gate request"),
            operator: None,
        },
        effect,
        display_name: None,
        label: None,
        reason: None,
        asked_at: time(0),
        ends_at: time(72 * 3_600),
        status: RequestStatus::Open,
        summary: Some(Summary {
            comment: CommentId(10),
            body: Hash::of(b"summary"),
            editing: None,
            posted_at: Some(time(1)),
        }),
        shown: None,
        state: None,
        approvals: Vec::new(),
    }
}

/// An identity of that name.
fn identity(status: IdentityStatus) -> Identity {
    Identity {
        number: IdentityNumber(1),
        slug: slug(),
        display_name: None,
        thread: THREAD,
        requester: CODEX,
        owner: ALICE,
        scopes: names(&["board:read"]),
        resources: None,
        modes: None,
        environment: "dev".to_owned(),
        status,
        created_at: time(-100),
        expires_at: time(90 * 86_400),
        resumed_at: None,
        last_rotated: None,
        credentials: Vec::new(),
        recent: Recent::default(),
    }
}

fn ending() -> Ending {
    Ending {
        by: Actor::Bot,
        at: time(0),
        why: "its issue was closed".to_owned(),
    }
}

/// Gives the request its digest anew, as if it had been asked as it is now.
fn asked_anew(request: &mut Request, policy: &Policy) {
    request.digest = request.recompute(policy);
}

#[test]
fn deny_wins_and_silence_denies() {
    let deny = || Finding::Deny(Reason::NotAnOwner);
    assert_eq!(settle([].into_iter()), Err(vec![Reason::Silence]));
    assert_eq!(
        settle([Finding::Silent].into_iter()),
        Err(vec![Reason::Silence])
    );
    assert_eq!(
        settle([Finding::Allow, Finding::Silent].into_iter()),
        Ok(())
    );
    assert_eq!(
        settle([Finding::Allow, deny()].into_iter()),
        Err(vec![Reason::NotAnOwner])
    );
    assert_eq!(settle([deny()].into_iter()), Err(vec![Reason::NotAnOwner]));
}

#[test]
fn a_gate_that_asks_for_nothing_cannot_be_checked() {
    assert_eq!(cannot_check(&gate(1)), None);
    let mut none = gate(1);
    none.factors.clear();
    assert_eq!(cannot_check(&none), Some("no factor at all"));
}

#[test]
fn who_could_still_approve() {
    let policy = policy();
    let mut board = board();
    let mut request = request(&policy);
    let could = |board: &Board, request: &Request, identity: Option<&Identity>| {
        could_approve(board, request, identity, BOT).collect::<Vec<_>>()
    };
    assert_eq!(could(&board, &request, None), [ALICE, PIOTR]);

    request.requester = Actor::User(ALICE);
    assert_eq!(could(&board, &request, None), [PIOTR]);
    let mut of_piotr = identity(IdentityStatus::Active);
    of_piotr.requester = PIOTR;
    assert_eq!(could(&board, &request, Some(&of_piotr)), []);
    board
        .gates
        .get_mut("dev")
        .expect("it is there")
        .self_approval = true;
    assert_eq!(could(&board, &request, Some(&of_piotr)), [ALICE, PIOTR]);

    board.owners.insert(CODEX, owner("codex"));
    board.owners.insert(BOT, owner("bot"));
    assert_eq!(could(&board, &request, None), [ALICE, PIOTR]);
    board
        .owners
        .get_mut(&ALICE)
        .expect("it is there")
        .may_approve = false;
    assert_eq!(could(&board, &request, None), [PIOTR]);
}
