//! What stops one owner's comment from being counted.

use super::super::super::approval::{Approval, gate_hash};
use super::super::super::code::Code;
use super::super::super::evidence::FoundIssue;
use super::super::super::thread::LastSeen;
use super::super::counting::RULES;
use super::*;
use crate::secret::sshsig::{Signed, Touch};

/// Everything that one comment is judged against.
struct Facts {
    now: Timestamp,
    policy: Policy,
    request: Request,
    identity: Option<Identity>,
    restated: Restated,
    comment: CommentId,
    found: FoundComment,
    seen: Seen,
    sender: Option<UserId>,
    road: Road,
    asked_in_body: bool,
    from_host: bool,
    source: ReadComment,
    source_seen: Option<Seen>,
    summary: ReadComment,
    summary_seen: Option<Seen>,
    issue: ReadIssue,
    repository: ReadRepository,
    signature: Signature,
    last_counter: Option<u32>,
    one_time: CodeRead,
    brought: bool,
    away: Option<Away>,
}

fn signed(counter: Option<u32>) -> Signature {
    Signature::Good(Signed {
        fingerprint: "SHA256:alice".to_owned(),
        touch: counter.map(|counter| Touch {
            counter,
            pin: false,
        }),
    })
}

fn found(author: UserId, login: &str, body: &[u8], at: i64) -> FoundComment {
    FoundComment {
        author: Some(author),
        login: login.to_owned(),
        issue: THREAD.issue,
        body: Hash::of(body),
        created_at: time(at),
        updated_at: time(at),
        marker: None,
    }
}

impl Facts {
    /// Alice approves R1 in comment 11, and everything holds.
    fn whole() -> Self {
        let policy = policy();
        let request = request(&policy);
        let body = b"/gate approve";
        Self {
            now: time(62),
            restated: Restated {
                request: request.number,
                code: request.code(),
                scopes: names(&["board:read", "card:write"]),
                ttl: Some(8 * 3_600),
                otp: false,
                vouched: None,
                armor: None,
            },
            request,
            policy,
            identity: None,
            comment: CommentId(11),
            found: found(ALICE, "alice", body, 60),
            seen: Seen::new(Hash::of(body), time(61)),
            sender: Some(ALICE),
            road: Road::Hook,
            asked_in_body: false,
            from_host: false,
            source: ReadComment::Found(found(CODEX, "codex", b"/gate request", 0)),
            source_seen: Some(Seen::new(Hash::of(b"/gate request"), time(0))),
            summary: ReadComment::Found(found(BOT, "bot", b"summary", 1)),
            summary_seen: Some(Seen::new(Hash::of(b"summary"), time(1))),
            issue: ReadIssue::Found(FoundIssue {
                open: true,
                author: Some(CODEX),
                login: "codex".to_owned(),
                title: Hash::of(b"title"),
                body_lf: None,
                unlabelled: None,
                body: Some(Hash::of(b"text")),
                created_at: time(0),
            }),
            repository: ReadRepository::Named("alice/board".to_owned()),
            signature: Signature::Absent,
            last_counter: None,
            one_time: CodeRead::Absent,
            brought: false,
            away: None,
        }
    }

    /// Alice's signature for R1 comes without a comment, at a gate that demands nothing else.
    fn brought() -> Self {
        let mut facts = Self::whole();
        let gate = facts.board().gates.get_mut("dev").expect("it is there");
        gate.factors = [Factor::Signature].into();
        facts.signature = signed(None);
        facts.brought = true;
        facts
    }

    /// The same while the forge is away, and the gate counts it all the same.
    fn brought_meanwhile() -> Self {
        Self {
            away: Some(Away {
                offline: true,
                seen: Some(LastSeen {
                    open: true,
                    since: time(0),
                }),
                waits: false,
            }),
            ..Self::brought()
        }
    }

    fn demands(&mut self, factor: Factor) {
        let gate = self.board().gates.get_mut("dev").expect("it is there");
        gate.factors.insert(factor);
    }

    fn board(&mut self) -> &mut Board {
        self.policy
            .boards
            .get_mut(&THREAD.repository)
            .expect("it is there")
    }

    fn alice(&mut self) -> &mut Owner {
        self.board().owners.get_mut(&ALICE).expect("it is there")
    }

    fn spoken_by(&mut self, user: UserId, login: &str) {
        self.found.author = Some(user);
        self.found.login = login.to_owned();
        self.sender = Some(user);
    }

    fn read_issue(&mut self) -> &mut FoundIssue {
        match &mut self.issue {
            ReadIssue::Found(found) => found,
            ReadIssue::Gone => panic!("it is there"),
        }
    }

    fn case(&self) -> Case<'_> {
        Case {
            now: self.now,
            policy: &self.policy,
            board: self.policy.board(THREAD.repository).expect("it is there"),
            request: &self.request,
            identity: self.identity.as_ref(),
            restated: &self.restated,
            signature: &self.signature,
            last_counter: self.last_counter,
            seen: &self.seen,
            came: if self.brought {
                Came::Signature(self.found.author.unwrap_or(UserId(0)))
            } else {
                Came::Comment(InComment {
                    id: self.comment,
                    found: &self.found,
                    code: self.one_time,
                    unverified_sender: self.sender,
                    road: self.road,
                })
            },
            rests_on: match self.away {
                Some(away) => RestsOn::Away(away),
                None => RestsOn::Read(Box::new(self.evidence())),
            },
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            source: if self.from_host {
                SourceRead::Host
            } else if self.asked_in_body {
                SourceRead::Issue(&self.issue)
            } else {
                SourceRead::Comment(&self.source)
            },
            source_seen: self.source_seen.clone(),
            summary: &self.summary,
            summary_seen: self.summary_seen.clone(),
            issue: &self.issue,
            repository: &self.repository,
        }
    }
}

/// Changes one fact and says what must stop it.
type Row = (&'static str, fn(&mut Facts) -> Reason);

const WHO: [Row; 12] = [
    ("a writer", |facts| {
        facts.spoken_by(CAROL, "carol");
        Reason::NotAnOwner
    }),
    ("nobody", |facts| {
        facts.found.author = None;
        facts.sender = None;
        Reason::NotAnOwner
    }),
    ("the ghost, even if somebody made it an owner", |facts| {
        facts.board().owners.insert(UserId(-1), owner("ghost"));
        facts.spoken_by(UserId(-1), "ghost");
        Reason::NotAnOwner
    }),
    ("a writer with an owner's login", |facts| {
        facts.spoken_by(CAROL, "alice");
        Reason::NotAnOwner
    }),
    ("an owner who left", |facts| {
        facts.alice().may_approve = false;
        Reason::MayNotApprove
    }),
    ("an owner who asked", |facts| {
        facts.request.requester = Actor::User(ALICE);
        Reason::Asked
    }),
    ("the requester of the identity", |facts| {
        let mut identity = identity(IdentityStatus::Active);
        identity.requester = ALICE;
        facts.identity = Some(identity);
        Reason::Asked
    }),
    ("a machine account that is an owner, too", |facts| {
        facts.board().machine_accounts.insert(ALICE);
        Reason::Machine
    }),
    ("the bot, if somebody made it an owner", |facts| {
        facts.board().owners.insert(BOT, owner("bot"));
        facts.spoken_by(BOT, "bot");
        Reason::Machine
    }),
    ("sent by somebody else", |facts| {
        facts.sender = Some(CAROL);
        Reason::SentByAnother
    }),
    ("sent by nobody", |facts| {
        facts.sender = None;
        Reason::SentByAnother
    }),
    ("an owner with another login", |facts| {
        facts.found.login = "alice2".to_owned();
        Reason::LoginChanged {
            expected: "alice".to_owned(),
            found: "alice2".to_owned(),
        }
    }),
];

const WHEN: [Row; 18] = [
    ("in another thread", |facts| {
        facts.found.issue = IssueNumber(13);
        Reason::OtherThread(THREAD)
    }),
    ("found by reading back", |facts| {
        facts.road = Road::CatchUp;
        facts.sender = None;
        Reason::CaughtUp
    }),
    ("edited, and the forge says so", |facts| {
        facts.found.updated_at = time(61);
        Reason::Edited
    }),
    ("edited and back-dated", |facts| {
        facts.found.updated_at = time(59);
        Reason::Edited
    }),
    ("seen with another text before", |facts| {
        facts.seen.many = true;
        Reason::Edited
    }),
    ("first seen with another text", |facts| {
        facts.seen.first = Hash::of(b"One moment");
        Reason::Edited
    }),
    ("the summary itself", |facts| {
        facts.comment = CommentId(10);
        Reason::TooOld
    }),
    ("older than the summary", |facts| {
        facts.comment = CommentId(8);
        Reason::TooOld
    }),
    (
        "older than the request, if the summary has a low number",
        |facts| {
            facts.request.summary.as_mut().expect("it is there").comment = CommentId(1);
            facts.comment = CommentId(9);
            Reason::TooOld
        },
    ),
    ("before the summary is posted", |facts| {
        facts.request.summary = None;
        facts.summary = ReadComment::Gone;
        Reason::NoSummary
    }),
    ("before the gate's pause is over", |facts| {
        facts
            .board()
            .gates
            .get_mut("dev")
            .expect("it is there")
            .cooling_off = Some(61);
        Reason::TooSoon(time(62))
    }),
    ("outside the gate's hours", |facts| {
        let gate = facts.board().gates.get_mut("dev").expect("it is there");
        gate.open_hours = Some("Mon-Sun of some week".to_owned());
        Reason::OutsideHours("Mon-Sun of some week".to_owned())
    }),
    (
        "in a gate with a pause, after a summary of unknown time",
        |facts| {
            facts
                .board()
                .gates
                .get_mut("dev")
                .expect("it is there")
                .cooling_off = Some(1);
            let summary = facts.request.summary.as_mut().expect("it is there");
            summary.posted_at = None;
            Reason::NoSummary
        },
    ),
    ("written more than five minutes before it came", |facts| {
        facts.seen.at = time(361);
        Reason::NotInTime
    }),
    ("written more than five minutes after it came", |facts| {
        facts.seen.at = time(-241);
        Reason::NotInTime
    }),
    ("after the request's end", |facts| {
        facts.now = time(72 * 3_600);
        Reason::NotOpen("ended")
    }),
    ("after an owner denied", |facts| {
        facts.request.status = RequestStatus::Denied(PIOTR);
        Reason::NotOpen("denied")
    }),
    ("a second time by the same owner", |facts| {
        let board = board();
        facts.request.approvals.push(Approval {
            approver: ALICE,
            comment: Some(CommentId(11)),
            body: Hash::of(b"x"),
            scopes: names(&["board:read"]),
            ttl: Some(60),
            signed_by: None,
            armor: None,
            code: false,
            vouched: None,
            created_at: time(60),
            counted_at: time(60),
            gate: gate_hash(&board, &gate(1)),
        });
        Reason::Already
    }),
];

const FACTORS: [Row; 11] = [
    ("no signature where one is demanded", |facts| {
        facts.demands(Factor::Signature);
        Reason::NotSigned
    }),
    ("a signature that does not fit, at any gate", |facts| {
        facts.signature = Signature::Bad("other bytes".to_owned());
        Reason::BadSignature("other bytes".to_owned())
    }),
    ("a counter that stands still", |facts| {
        facts.signature = signed(Some(7));
        facts.last_counter = Some(7);
        Reason::CounterStands
    }),
    ("a counter that goes back", |facts| {
        facts.signature = signed(Some(6));
        facts.last_counter = Some(7);
        Reason::CounterStands
    }),
    ("an owner's unsigned word for a key", |facts| {
        facts.restated.vouched = Some(Vouched::Approver);
        Reason::NotVouched(Vouched::Approver)
    }),
    ("a config that does not vouch", |facts| {
        facts.restated.vouched = Some(Vouched::Config);
        Reason::NotVouched(Vouched::Config)
    }),
    ("a request that does not vouch", |facts| {
        facts.restated.vouched = Some(Vouched::Request);
        facts.signature = signed(None);
        Reason::NotVouched(Vouched::Request)
    }),
    ("no one-time code where one is demanded", |facts| {
        facts.demands(Factor::Code);
        Reason::NoCode
    }),
    ("a wrong one-time code, at any gate", |facts| {
        facts.one_time = CodeRead::Bad;
        Reason::BadCode
    }),
    ("a locked factor", |facts| {
        facts.demands(Factor::Code);
        facts.one_time = CodeRead::Locked(Some(time(900)));
        Reason::CodeLocked(Some(time(900)))
    }),
    ("a factor that the host has to unlock", |facts| {
        facts.demands(Factor::Code);
        facts.one_time = CodeRead::Locked(None);
        Reason::CodeLocked(None)
    }),
];

#[test]
fn a_signature_counts_whenever_and_however_it_was_found_until_the_request_ends() {
    let mut facts = Facts::whole();
    facts.demands(Factor::Signature);
    facts.signature = signed(Some(8));
    facts.last_counter = Some(7);
    facts.road = Road::CatchUp;
    facts.sender = None;
    facts.seen.at = time(7_200);
    facts.now = time(7_201);
    assert_eq!(count(&facts.case()), Ok(()));
    facts.signature = Signature::Absent;
    assert_eq!(
        count(&facts.case()),
        Err(vec![Reason::CaughtUp, Reason::NotInTime, Reason::NotSigned])
    );
}

#[test]
fn a_one_time_code_that_fits_is_what_its_gate_demands() {
    let mut facts = Facts::whole();
    facts.demands(Factor::Code);
    facts.one_time = CodeRead::Good;
    assert_eq!(count(&facts.case()), Ok(()));
}

const WHAT: [Row; 24] = [
    ("no scopes restated", |facts| {
        facts.restated.scopes.clear();
        Reason::NotRestated("scopes=…")
    }),
    ("no life restated", |facts| {
        facts.restated.ttl = None;
        Reason::NotRestated("ttl=…")
    }),
    ("a life where nothing gets one", |facts| {
        facts.request.action = Action::Resume;
        facts.request.effect.ttl = None;
        Reason::WiderTtl(None)
    }),
    ("who would own it", |facts| {
        facts.request.action = Action::Own;
        facts.request.effect.owner = Some(ALICE);
        Reason::Asked
    }),
    ("the code of another digest", |facts| {
        facts.restated.code = Code::of(&Hash::of(b"another"));
        Reason::WrongCode
    }),
    ("a scope more", |facts| {
        facts.restated.scopes.insert("deploy:run".to_owned());
        Reason::WiderScopes(vec!["deploy:run".to_owned()])
    }),
    ("a second more", |facts| {
        facts.restated.ttl = Some(8 * 3_600 + 1);
        Reason::WiderTtl(Some(8 * 3_600))
    }),
    ("no life at all", |facts| {
        facts.restated.ttl = Some(0);
        Reason::WiderTtl(Some(8 * 3_600))
    }),
    ("the request's comment was edited", |facts| {
        facts.source = ReadComment::Found(found(CODEX, "codex", b"/gate request more", 0));
        Reason::SourceChanged
    }),
    ("the request's comment is somebody else's now", |facts| {
        facts.source = ReadComment::Found(found(CAROL, "carol", b"/gate request", 0));
        Reason::SourceChanged
    }),
    ("the request's comment was once another text", |facts| {
        facts.source_seen.as_mut().expect("it is there").many = true;
        Reason::SourceChanged
    }),
    ("the request's comment was never seen", |facts| {
        facts.source_seen = None;
        Reason::SourceChanged
    }),
    ("the summary was once another text", |facts| {
        facts.summary_seen.as_mut().expect("it is there").many = true;
        Reason::SummaryChanged
    }),
    ("the request's comment is gone", |facts| {
        facts.source = ReadComment::Gone;
        Reason::SourceChanged
    }),
    ("nothing is shown where a comment asked", |facts| {
        facts.from_host = true;
        Reason::SourceChanged
    }),
    ("a comment is shown where nothing asked", |facts| {
        facts.request.source.subject = None;
        Reason::SourceChanged
    }),
    ("the request's body was edited", |facts| {
        facts.asked_in_body = true;
        facts.request.source.subject = Some(Subject::Issue(12));
        Reason::SourceChanged
    }),
    ("the summary was edited", |facts| {
        facts.summary = ReadComment::Found(found(BOT, "bot", b"summary of less", 1));
        Reason::SummaryChanged
    }),
    ("the summary is somebody else's", |facts| {
        facts.summary = ReadComment::Found(found(CAROL, "carol", b"summary", 1));
        Reason::SummaryChanged
    }),
    ("the summary is gone", |facts| {
        facts.summary = ReadComment::Gone;
        Reason::SummaryChanged
    }),
    ("the thread is closed", |facts| {
        facts.read_issue().open = false;
        Reason::ThreadClosed
    }),
    ("the thread is gone", |facts| {
        facts.issue = ReadIssue::Gone;
        Reason::ThreadClosed
    }),
    ("the issue's body is over the cap", |facts| {
        facts.read_issue().body = None;
        Reason::BodyTooLarge
    }),
    ("the repository has another name", |facts| {
        facts.repository = ReadRepository::Named("guild/board".to_owned());
        Reason::Renamed("guild/board".to_owned())
    }),
];

#[test]
fn a_comment_for_which_everything_holds_is_counted() {
    assert_eq!(count(&Facts::whole().case()), Ok(()));
}

#[test]
fn a_signature_that_an_operator_brings_is_counted_where_it_is_enough() {
    assert_eq!(count(&Facts::brought().case()), Ok(()));
    assert_eq!(count(&Facts::brought_meanwhile().case()), Ok(()));
}

#[test]
fn one_wrong_fact_is_one_reason() {
    for ((name, change), mut facts) in rows() {
        let reason = change(&mut facts);
        assert_eq!(count(&facts.case()), Err(vec![reason]), "{name}");
    }
}

/// What stops a signature that came without a comment.
const BROUGHT: [Row; 13] = [
    ("where a comment is demanded", |facts| {
        facts.demands(Factor::Comment);
        Reason::SignatureAlone("a comment")
    }),
    ("where a one-time code is demanded", |facts| {
        facts.demands(Factor::Code);
        Reason::SignatureAlone("a one-time code")
    }),
    ("a writer's", |facts| {
        facts.found.author = Some(CAROL);
        Reason::NotAnOwner
    }),
    ("of an owner who asked", |facts| {
        facts.request.requester = Actor::User(ALICE);
        Reason::Asked
    }),
    ("that does not fit", |facts| {
        facts.signature = Signature::Bad("other bytes".to_owned());
        Reason::BadSignature("other bytes".to_owned())
    }),
    ("whose counter stands still", |facts| {
        facts.signature = signed(Some(7));
        facts.last_counter = Some(7);
        Reason::CounterStands
    }),
    ("over a scope more", |facts| {
        facts.restated.scopes.insert("deploy:run".to_owned());
        Reason::WiderScopes(vec!["deploy:run".to_owned()])
    }),
    ("before the thread was told", |facts| {
        facts.request.summary = None;
        facts.summary = ReadComment::Gone;
        Reason::NotShown
    }),
    ("for a text that was edited", |facts| {
        facts.source = ReadComment::Found(found(CODEX, "codex", b"/gate request more", 0));
        Reason::SourceChanged
    }),
    ("in a closed thread", |facts| {
        facts.read_issue().open = false;
        Reason::ThreadClosed
    }),
    ("in a repository with another name", |facts| {
        facts.repository = ReadRepository::Named("guild/board".to_owned());
        Reason::Renamed("guild/board".to_owned())
    }),
    ("after the request's end", |facts| {
        facts.now = time(72 * 3_600);
        Reason::NotOpen("ended")
    }),
    ("outside the gate's hours", |facts| {
        let gate = facts.board().gates.get_mut("dev").expect("it is there");
        gate.open_hours = Some("Mon-Sun of some week".to_owned());
        Reason::OutsideHours("Mon-Sun of some week".to_owned())
    }),
];

/// What stops it while the forge is away.
const MEANWHILE: [Row; 5] = [
    ("where the gate does not say so", |facts| {
        facts.away.as_mut().expect("it is away").offline = false;
        Reason::ForgeAway
    }),
    ("in a thread that was never read", |facts| {
        facts.away.as_mut().expect("it is away").seen = None;
        Reason::NotSeenOpen
    }),
    ("while something waits that may stop it", |facts| {
        facts.away.as_mut().expect("it is away").waits = true;
        Reason::Unread
    }),
    ("that a board goes on", |facts| {
        facts.request.action = Action::Thaw;
        Reason::ForgeAway
    }),
    ("in a comment, which nobody can read", |facts| {
        facts.brought = false;
        Reason::ForgeAway
    }),
];

/// Every row with the facts that it changes.
fn rows() -> impl Iterator<Item = (&'static Row, Facts)> {
    let comments = WHO.iter().chain(&WHEN).chain(&WHAT).chain(&FACTORS);
    comments
        .map(|row| (row, Facts::whole()))
        .chain(BROUGHT.iter().map(|row| (row, Facts::brought())))
        .chain(
            MEANWHILE
                .iter()
                .map(|row| (row, Facts::brought_meanwhile())),
        )
}

/// The rule that allows apart, which denies whoever is no owner.
#[test]
fn every_rule_is_the_only_one_against_something() {
    let mut denied = vec![0; RULES.len()];
    for ((_, change), mut facts) in rows() {
        change(&mut facts);
        for (rule, denied) in RULES.iter().zip(&mut denied) {
            *denied += usize::from(matches!(rule(&facts.case()), Finding::Deny(_)));
        }
    }
    assert!(denied.iter().all(|times| *times > 0), "{denied:?}");
    for facts in [Facts::whole(), Facts::brought(), Facts::brought_meanwhile()] {
        let allows = |rule: &&fn(&Case<'_>) -> Finding| rule(&facts.case()) == Finding::Allow;
        let allowing = RULES.iter().filter(allows).count();
        assert_eq!(allowing, 1, "one rule allows");
    }
}

#[test]
fn a_repository_that_is_gone_is_not_in_its_place() {
    let mut facts = Facts::whole();
    facts.repository = ReadRepository::Gone;
    assert_eq!(
        count(&facts.case()),
        Err(vec![Reason::Renamed("nowhere".to_owned())])
    );
}

#[test]
fn every_reason_is_named_at_once() {
    let mut facts = Facts::whole();
    facts.restated.ttl = Some(8 * 3_600 + 1);
    facts.restated.code = Code::of(&Hash::of(b"another"));
    facts.read_issue().open = false;
    assert_eq!(
        count(&facts.case()),
        Err(vec![
            Reason::WrongCode,
            Reason::WiderTtl(Some(8 * 3_600)),
            Reason::ThreadClosed
        ])
    );
}

#[test]
fn what_is_within_the_limits_is_counted() {
    type Row = (&'static str, fn(&mut Facts));
    let rows: [Row; 10] = [
        ("narrower", |facts| {
            facts.restated.scopes.remove("card:write");
            facts.restated.ttl = Some(1);
        }),
        ("exactly five minutes late", |facts| {
            facts.seen.at = time(360)
        }),
        ("exactly five minutes early", |facts| {
            facts.seen.at = time(-240);
        }),
        ("the second after the summary", |facts| {
            facts.comment = CommentId(12);
        }),
        ("just before the end", |facts| {
            facts.now = time(72 * 3_600 - 1)
        }),
        ("an identity that codex asked for", |facts| {
            facts.identity = Some(identity(IdentityStatus::Active));
        }),
        ("self-approval, by the asker", |facts| {
            facts.request.requester = Actor::User(ALICE);
            let board = facts.board();
            board
                .gates
                .get_mut("dev")
                .expect("it is there")
                .self_approval = true;
        }),
        ("asked in the body, which stands", |facts| {
            facts.asked_in_body = true;
            facts.request.source.subject = Some(Subject::Issue(12));
            facts.request.source.body = Hash::of(b"text");
            facts.source_seen = Some(Seen::new(Hash::of(b"text"), time(0)));
        }),
        ("asked on the host, where no text is", |facts| {
            facts.from_host = true;
            facts.request.source.subject = None;
            facts.source_seen = None;
        }),
        (
            "asked in the body, whose number is not a comment's",
            |facts| {
                facts.asked_in_body = true;
                facts.request.source.subject = Some(Subject::Issue(99));
                facts.request.source.body = Hash::of(b"text");
                facts.source_seen = Some(Seen::new(Hash::of(b"text"), time(0)));
            },
        ),
    ];
    for (name, change) in rows {
        let mut facts = Facts::whole();
        change(&mut facts);
        assert_eq!(count(&facts.case()), Ok(()), "{name}");
    }
}
