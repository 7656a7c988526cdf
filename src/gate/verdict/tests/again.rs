//! A past request under other rules: each row changes one thing of the rules, and the outcome is what
//! that rule makes of the evidence that was kept.

use super::super::super::approval::Approval;
use super::super::super::replay::{Again, Past};
use super::*;

/// R1, approved by Alice a minute after it was asked; and by Piotr, if `both`.
fn past(both: bool) -> Past {
    let mut request = request(&policy());
    let approval = |approver, comment| Approval {
        approver,
        comment: Some(CommentId(comment)),
        body: Hash::of(b"/gate approve"),
        scopes: request.effect.scopes.clone(),
        ttl: request.effect.ttl,
        signed_by: None,
        armor: None,
        code: false,
        vouched: None,
        created_at: time(60),
        counted_at: time(60),
        gate: Hash::of(b"the gate of that time"),
    };
    let mut approvals = vec![approval(ALICE, 11)];
    approvals.extend(both.then(|| approval(PIOTR, 12)));
    let seen = vec![time(60); approvals.len()];
    request.approvals = approvals;
    request.status = RequestStatus::Approved;
    Past {
        request,
        at: time(60),
        seen,
        state: BoardState::default(),
        standstill: None,
        slug: None,
        identity: None,
        judged: false,
    }
}

/// The rules with something changed on the board.
fn rules(change: impl FnOnce(&mut Board)) -> Policy {
    let mut policy = policy();
    change(
        policy
            .boards
            .get_mut(&THREAD.repository)
            .expect("it is there"),
    );
    policy
}

fn gated(change: impl FnOnce(&mut Gate)) -> Policy {
    rules(|board| change(board.gates.get_mut("dev").expect("it is there")))
}

fn of_alice(change: impl FnOnce(&mut Owner)) -> Policy {
    rules(|board| change(board.owners.get_mut(&ALICE).expect("she is there")))
}

fn granted(scopes: &[&str], hours: u64) -> Again {
    Again::Granted {
        scopes: names(scopes),
        ttl: hours * 3_600,
    }
}

/// The reasons of a shut gate, then those of approvals that were not counted.
fn shut(again: &Again) -> (Vec<Reason>, Vec<(UserId, Reason)>) {
    match again {
        Again::Shut { reasons, dropped } => (reasons.clone(), dropped.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_rules_give_the_same() {
    let all = ["board:read", "card:write"];
    assert_eq!(past(false).again(&policy()), granted(&all, 8));
    assert_eq!(
        past(true).again(&gated(|gate| gate.quorum = 2)),
        granted(&all, 8)
    );
}

#[test]
fn ceilings_and_limits_narrow_what_would_be_granted() {
    let lower = of_alice(|alice| alice.ceiling = Some(names(&["board:read"])));
    assert_eq!(past(false).again(&lower), granted(&["board:read"], 8));
    // What was asked is refused as a whole, as it would have been then.
    let less = gated(|gate| gate.scopes = names(&["board:read"]));
    let beyond = vec!["card:write".to_owned()];
    let (reasons, _) = shut(&past(false).again(&less));
    assert_eq!(reasons, [Reason::ScopesNotGranted(beyond)]);
    let (reasons, _) = shut(&past(false).again(&gated(|gate| gate.max_ttl = 3_600)));
    assert_eq!(reasons, [Reason::TtlOverLimit(3_600)]);
}

#[test]
fn an_approval_that_would_not_be_counted_is_named_with_its_reason() {
    let more = |counted: &[UserId], needed| Reason::MoreOwners {
        counted: counted.to_vec(),
        needed,
    };
    let five = || Some(300);
    let from = time(301);
    let hours = "Mon-Fri 00:00-00:01 UTC".to_owned();
    // Carol is an owner, too, so that somebody could approve.
    let with_carol = |policy: Policy| {
        let mut policy = policy;
        let board = policy
            .boards
            .get_mut(&THREAD.repository)
            .expect("it is there");
        board.owners.insert(CAROL, owner("carol"));
        policy
    };
    for (rules, reason) in [
        (
            of_alice(|alice| alice.may_approve = false),
            Reason::MayNotApprove,
        ),
        (
            rules(|board| drop(board.owners.remove(&ALICE))),
            Reason::NotAnOwner,
        ),
        (
            rules(|board| board.machine_accounts.extend([ALICE])),
            Reason::Machine,
        ),
        (
            gated(|gate| gate.cooling_off = five()),
            Reason::TooSoon(from),
        ),
        (
            gated(|gate| gate.open_hours = Some(hours.clone())),
            Reason::OutsideHours(hours.clone()),
        ),
    ] {
        let (reasons, dropped) = shut(&past(false).again(&with_carol(rules)));
        assert_eq!(
            (reasons, dropped),
            (vec![more(&[], 1)], vec![(ALICE, reason)])
        );
    }
    let (reasons, dropped) = shut(&past(false).again(&gated(|gate| gate.quorum = 2)));
    assert_eq!((reasons, dropped), (vec![more(&[ALICE], 2)], vec![]));
    // Two were there, and one is enough.
    let gone = of_alice(|alice| alice.may_approve = false);
    assert_eq!(
        past(true).again(&gone),
        granted(&["board:read", "card:write"], 8)
    );
}

#[test]
fn factors_that_were_not_brought_are_missing_now() {
    let keyed = |factor, change: fn(&mut Owner)| {
        rules(|board| {
            board.owners.values_mut().for_each(change);
            let gate = board.gates.get_mut("dev").expect("it is there");
            gate.factors.insert(factor);
        })
    };
    let code = keyed(Factor::Code, |owner| owner.has_code = true);
    let (_, dropped) = shut(&past(false).again(&code));
    assert_eq!(dropped, [(ALICE, Reason::NoCode)]);
    let signed = keyed(Factor::Signature, |owner| {
        owner.signing_keys = names(&["ssh-ed25519 AAAA"]);
    });
    let (reasons, dropped) = shut(&past(false).again(&signed));
    assert!(reasons.contains(&Reason::NobodyVouches), "{reasons:?}");
    assert_eq!(dropped, [(ALICE, Reason::NotSigned)]);
}

#[test]
fn a_signature_without_a_comment_is_not_enough_where_one_is_demanded_now() {
    let mut alone = past(false);
    alone.request.approvals[0].comment = None;
    let (_, dropped) = shut(&alone.again(&policy()));
    assert_eq!(dropped, [(ALICE, Reason::SignatureAlone("a comment"))]);
}

#[test]
fn who_may_not_ask_and_what_is_not_there_is_not_taken() {
    let strangers = rules(|board| board.machine_accounts.clear());
    assert_eq!(
        past(false).again(&strangers),
        Again::NotTaken("whoever asked may not ask".to_owned())
    );
    let mut with_mode = past(false);
    with_mode.request.effect.modes = Some(names(&["autonomous"]));
    let modes = rules(|board| board.modes = Some(names(&["interactive"])));
    assert_eq!(
        with_mode.again(&modes),
        Again::NotTaken("the board has no `autonomous` among its modes".to_owned())
    );
    let gone = rules(|board| board.gates.clear());
    let (reasons, _) = shut(&past(false).again(&gone));
    assert_eq!(reasons, [Reason::NoGate("dev".to_owned())]);
    let mut none = policy();
    none.boards.clear();
    assert_eq!(
        shut(&past(false).again(&none)).0,
        [Reason::NoGate("dev".to_owned())]
    );
}

#[test]
fn a_gate_that_waits_for_a_judgement_lets_through_what_was_judged_then() {
    let judged = |judged| Past {
        judged,
        ..past(false)
    };
    let waits = rules(|board| {
        let shut_on = BTreeSet::new();
        let login = "iskra".to_owned();
        let judge = super::super::super::policy::Judge { login, shut_on };
        board.judges.insert(UserId(21), judge);
        board
            .gates
            .get_mut("dev")
            .expect("it is there")
            .judge_required = true;
    });
    assert_eq!(
        judged(true).again(&waits),
        granted(&["board:read", "card:write"], 8)
    );
    let (reasons, _) = shut(&judged(false).again(&waits));
    assert_eq!(reasons, [Reason::NoJudgement(vec!["iskra".to_owned()])]);
}
