//! What keeps a gate shut though somebody approved, what is refused when asked, and what is granted.

use super::super::super::approval::{Approval, gate_hash};
use super::super::super::thread::Hold;
use super::super::opening::{RULES, When};
use super::*;

const ISKRA: UserId = UserId(21);
const NOVA: UserId = UserId(22);

/// Everything that a gate is judged against.
struct Facts {
    now: Timestamp,
    policy: Policy,
    state: BoardState,
    standstill: Option<Standstill>,
    request: Request,
    slug: Option<SlugOwner>,
    identity: Option<Identity>,
    judgements: Vec<(UserId, Standing)>,
    burnt: bool,
    low_space: bool,
    clock: Option<String>,
    history_lost: bool,
}

impl Facts {
    /// R1, approved by Alice as it was asked.
    fn whole() -> Self {
        let policy = policy();
        let mut facts = Self {
            now: time(60),
            state: BoardState::default(),
            standstill: None,
            request: request(&policy),
            policy,
            slug: None,
            identity: None,
            judgements: Vec::new(),
            burnt: false,
            low_space: false,
            clock: None,
            history_lost: false,
        };
        facts.approve(ALICE);
        facts
    }

    fn approve(&mut self, approver: UserId) {
        let approval = Approval {
            approver,
            comment: Some(CommentId(11)),
            body: Hash::of(b"/gate approve"),
            scopes: self.request.effect.scopes.clone(),
            ttl: self.request.effect.ttl,
            signed_by: None,
            armor: None,
            code: false,
            vouched: None,
            created_at: time(60),
            counted_at: time(60),
            gate: Hash::of(b"filled in by `gates`"),
        };
        self.request.approvals.push(approval);
        self.gates();
    }

    /// Every approval was given under the gate in force.
    fn gates(&mut self) {
        let gate = gate_hash(self.board(), self.gate());
        for approval in &mut self.request.approvals {
            approval.gate = gate.clone();
        }
    }

    fn board(&self) -> &Board {
        self.policy.board(THREAD.repository).expect("it is there")
    }

    fn gate(&self) -> &Gate {
        &self.board().gates["dev"]
    }

    fn change_board(&mut self, change: fn(&mut Board)) {
        change(
            self.policy
                .boards
                .get_mut(&THREAD.repository)
                .expect("it is there"),
        );
        self.gates();
    }

    fn change_gate(&mut self, change: fn(&mut Gate)) {
        change(
            self.policy
                .boards
                .get_mut(&THREAD.repository)
                .and_then(|board| board.gates.get_mut("dev"))
                .expect("it is there"),
        );
        self.gates();
    }

    /// The gate demands a judgement, and these are there.
    fn judged(&mut self, judgements: Vec<(UserId, Standing)>) {
        self.change_gate(|gate| gate.judge_required = true);
        self.change_board(|board| {
            for (user, login) in [(ISKRA, "iskra"), (NOVA, "nova")] {
                let judge = crate::gate::policy::Judge {
                    login: login.to_owned(),
                    shut_on: names(&["reject"]),
                };
                board.judges.insert(user, judge);
            }
        });
        self.judgements = judgements;
    }

    fn lives(&mut self, change: fn(&mut Identity)) {
        let mut identity = identity(IdentityStatus::Active);
        change(&mut identity);
        self.slug = Some(SlugOwner {
            repository: THREAD.repository,
            requester: identity.requester,
            identity: identity.number,
            slug: slug(),
        });
        self.identity = Some(identity);
    }

    fn case(&self) -> Opened<'_> {
        static HASH: std::sync::LazyLock<Hash> = std::sync::LazyLock::new(|| Hash::of(b"policy"));
        Opened {
            around: Around {
                now: self.now,
                policy: &self.policy,
                policy_hash: &HASH,
                board: self.board(),
                state: &self.state,
                standstill: self.standstill.as_ref(),
                gate: self.gate(),
                request: &self.request,
                burnt: self.burnt,
                low_space: self.low_space,
                clock: self.clock.as_deref(),
                history_lost: self.history_lost,
            },
            slug: self.slug.as_ref(),
            identity: self.identity.as_ref(),
            judgements: &self.judgements,
        }
    }

    /// The recipient is pinned for whoever asked.
    fn vouches(&mut self) {
        self.change_board(|board| {
            let known = KnownRequester {
                recipients: names(&["age1x"]),
                signing_keys: BTreeSet::new(),
            };
            board.known_requesters.insert(CODEX, known);
        });
    }

    /// The request is of another kind, and was asked so.
    fn asks(&mut self, action: Action) {
        self.request.action = action;
        asked_anew(&mut self.request, &self.policy);
    }

    fn reasons(&self) -> Vec<Reason> {
        match judge(&self.case()) {
            Verdict::Open(_) => Vec::new(),
            Verdict::Shut(reasons) => reasons,
        }
    }
}

fn standstill() -> Standstill {
    Standstill {
        by: ALICE,
        at: time(30),
        why: "by user 2".to_owned(),
    }
}

/// Changes one fact and says what must shut the gate.
type Row = (&'static str, fn(&mut Facts) -> Reason);

/// What no approval could mend: refused when asked, too.
const MENDED_BY_NOBODY: [Row; 21] = [
    ("a board that stands still", |facts| {
        facts.standstill = Some(standstill());
        Reason::Frozen
    }),
    ("a board that goes on already", |facts| {
        facts.asks(Action::Thaw);
        facts.request.effect.since = Some(time(30));
        asked_anew(&mut facts.request, &facts.policy);
        Reason::NotFrozen
    }),
    ("a standstill that began later", |facts| {
        facts.asks(Action::Thaw);
        facts.standstill = Some(standstill());
        facts.request.effect.since = Some(time(29));
        asked_anew(&mut facts.request, &facts.policy);
        Reason::NotFrozen
    }),
    ("a successor of nothing", |facts| {
        facts.asks(Action::Rotate);
        Reason::NotLiving
    }),
    ("an identity that works", |facts| {
        facts.asks(Action::Resume);
        facts.lives(|_| {});
        Reason::NotPaused
    }),
    ("an owner for what is released", |facts| {
        facts.asks(Action::Own);
        facts.lives(|identity| identity.status = IdentityStatus::Released(ending()));
        Reason::NotLiving
    }),
    ("lines of the journal are missing", |facts| {
        facts.history_lost = true;
        Reason::HistoryLost
    }),
    ("a scope that the gate lacks", |facts| {
        facts.request.effect.scopes.insert("deploy:run".to_owned());
        asked_anew(&mut facts.request, &facts.policy);
        Reason::ScopesNotGranted(vec!["deploy:run".to_owned()])
    }),
    ("a scope that the board lacks", |facts| {
        facts.change_board(|board| {
            board.scopes.remove("card:write");
        });
        Reason::ScopesNotGranted(vec!["card:write".to_owned()])
    }),
    ("a longer life than the gate's", |facts| {
        facts.request.effect.ttl = Some(86_401);
        asked_anew(&mut facts.request, &facts.policy);
        Reason::TtlOverLimit(86_400)
    }),
    ("a slug of another requester", |facts| {
        facts.lives(|identity| {
            identity.requester = CAROL;
            identity.status = IdentityStatus::Revoked(ending());
        });
        Reason::SlugTaken
    }),
    ("a living identity of another requester", |facts| {
        facts.lives(|identity| identity.requester = CAROL);
        Reason::SlugTaken
    }),
    ("a slug of another board", |facts| {
        facts.lives(|identity| identity.status = IdentityStatus::Revoked(ending()));
        facts.slug.as_mut().expect("it is there").repository = RepositoryId(18);
        Reason::SlugTaken
    }),
    ("an identity of another board", |facts| {
        facts.lives(|identity| identity.thread.repository = RepositoryId(18));
        Reason::SlugTaken
    }),
    ("an identity of another thread", |facts| {
        facts.lives(|identity| identity.thread.issue = IssueNumber(13));
        Reason::LivesElsewhere(ThreadKey {
            repository: THREAD.repository,
            issue: IssueNumber(13),
        })
    }),
    ("an identity of another environment", |facts| {
        facts.lives(|identity| identity.environment = "staging".to_owned());
        Reason::OtherEnvironment("staging".to_owned())
    }),
    ("a paused identity", |facts| {
        facts.lives(|identity| identity.status = IdentityStatus::Paused(ending()));
        Reason::Paused
    }),
    ("a burnt recipient", |facts| {
        facts.burnt = true;
        Reason::RecipientBurnt
    }),
    ("no factor at all", |facts| {
        facts.change_gate(|gate| gate.factors.clear());
        Reason::CannotCheck("no factor at all")
    }),
    ("a full disk", |facts| {
        facts.low_space = true;
        Reason::LowSpace
    }),
    ("nothing asked for", |facts| {
        facts.request.effect.scopes.clear();
        asked_anew(&mut facts.request, &facts.policy);
        Reason::NothingLeft
    }),
];

/// What may pass, or comes with approvals.
const AT_THE_END: [Row; 24] = [
    ("after the request's end", |facts| {
        facts.now = time(72 * 3_600);
        Reason::NotOpen("ended")
    }),
    ("a request that is void", |facts| {
        facts.request.status = RequestStatus::Void("x".to_owned());
        Reason::NotOpen("void")
    }),
    ("other content than the digest's", |facts| {
        facts.request.effect.recipient = Some("age1y".to_owned());
        Reason::DigestDiffers
    }),
    ("another installation", |facts| {
        facts.policy.installation = "j".repeat(64);
        Reason::DigestDiffers
    }),
    ("an approval of another gate", |facts| {
        facts.request.approvals[0].gate = Hash::of(b"another");
        Reason::DigestDiffers
    }),
    ("nothing that the approver may hand on", |facts| {
        facts.change_board(|board| {
            let alice = board.owners.get_mut(&ALICE).expect("it is there");
            alice.ceiling = Some(BTreeSet::new());
        });
        Reason::NothingLeft
    }),
    ("nothing restated", |facts| {
        facts.request.approvals[0].scopes = names(&["deploy:run"]);
        Reason::NothingLeft
    }),
    ("an approval that brings no signature", |facts| {
        facts.change_gate(|gate| {
            gate.factors.insert(Factor::Signature);
        });
        facts.vouches();
        Reason::NotSigned
    }),
    ("an approval that brings no one-time code", |facts| {
        facts.change_gate(|gate| {
            gate.factors.insert(Factor::Code);
        });
        Reason::NoCode
    }),
    ("a key that nobody vouches for", |facts| {
        facts.change_gate(|gate| {
            gate.factors.insert(Factor::Signature);
        });
        facts.request.approvals[0].signed_by = Some("SHA256:alice".to_owned());
        Reason::NobodyVouches
    }),
    (
        "a key that a key vouches for which is pinned no more",
        |facts| {
            facts.change_gate(|gate| {
                gate.factors.insert(Factor::Signature);
            });
            facts.request.approvals[0].signed_by = Some("SHA256:alice".to_owned());
            facts.request.signed_by = Some("SHA256:codex".to_owned());
            Reason::NobodyVouches
        },
    ),
    ("nobody approved", |facts| {
        facts.request.approvals.clear();
        Reason::MoreOwners {
            counted: vec![],
            needed: 1,
        }
    }),
    ("nobody approved and a quorum of nobody", |facts| {
        facts.change_gate(|gate| gate.quorum = 0);
        facts.request.approvals.clear();
        Reason::MoreOwners {
            counted: vec![],
            needed: 1,
        }
    }),
    ("one of two", |facts| {
        facts.change_gate(|gate| gate.quorum = 2);
        Reason::MoreOwners {
            counted: vec![ALICE],
            needed: 2,
        }
    }),
    ("the same one twice", |facts| {
        facts.change_gate(|gate| gate.quorum = 2);
        facts.approve(ALICE);
        Reason::MoreOwners {
            counted: vec![ALICE],
            needed: 2,
        }
    }),
    ("no judgement", |facts| {
        facts.judged(vec![]);
        Reason::NoJudgement(vec!["iskra".to_owned(), "nova".to_owned()])
    }),
    ("a judgement for another request", |facts| {
        facts.judged(vec![(ISKRA, Standing::Missing)]);
        Reason::NoJudgement(vec!["iskra".to_owned(), "nova".to_owned()])
    }),
    ("a judgement by nobody who is a judge", |facts| {
        facts.judged(vec![(CODEX, Standing::Serves)]);
        Reason::NoJudgement(vec!["iskra".to_owned(), "nova".to_owned()])
    }),
    ("a judgement that was found by reading back", |facts| {
        facts.judged(vec![(ISKRA, Standing::Undelivered)]);
        Reason::JudgementNotDelivered("iskra".to_owned())
    }),
    ("a judgement for an older text", |facts| {
        facts.judged(vec![(ISKRA, Standing::Older)]);
        Reason::JudgementOlder("iskra".to_owned())
    }),
    (
        "one judgement that was changed beside a good one",
        |facts| {
            facts.judged(vec![(ISKRA, Standing::Serves), (NOVA, Standing::Changed)]);
            Reason::JudgementChanged("nova".to_owned())
        },
    ),
    ("one objection beside a good one", |facts| {
        let objects = Standing::Objects("reject".to_owned());
        facts.judged(vec![(ISKRA, Standing::Serves), (NOVA, objects)]);
        Reason::JudgeObjects {
            judge: "nova".to_owned(),
            action: "reject".to_owned(),
        }
    }),
    ("a hold", |facts| {
        let hold = Hold {
            user: PIOTR,
            found: "pjotr".to_owned(),
            since: time(0),
        };
        facts.state.holds.insert("login:3".to_owned(), hold);
        Reason::Held("owner 3 is called pjotr now, not piotr".to_owned())
    }),
    ("a clock that jumped", |facts| {
        facts.clock = Some("it jumped".to_owned());
        Reason::Clock("it jumped".to_owned())
    }),
];

#[test]
fn a_gate_for_which_everything_holds_is_open() {
    let facts = Facts::whole();
    let Verdict::Open(opening) = judge(&facts.case()) else {
        panic!("{:?}", facts.reasons());
    };
    assert_eq!(opening.approvers(), &[ALICE].into());
    assert_eq!(opening.scopes(), &names(&["board:read", "card:write"]));
    assert_eq!(opening.ttl(), 8 * 3_600);
    assert_eq!(opening.request(), &facts.request);
    assert_eq!(opening.policy(), &Hash::of(b"policy"));
}

#[test]
fn a_judgement_lets_through_and_never_opens() {
    let rows = [
        vec![(ISKRA, Standing::Serves)],
        vec![(ISKRA, Standing::Serves), (NOVA, Standing::Serves)],
        vec![(ISKRA, Standing::Missing), (NOVA, Standing::Serves)],
        vec![(ISKRA, Standing::Older), (NOVA, Standing::Serves)],
        vec![(ISKRA, Standing::Undelivered), (NOVA, Standing::Serves)],
    ];
    for row in rows {
        let mut facts = Facts::whole();
        facts.judged(row.clone());
        assert_eq!(facts.reasons(), [], "{row:?}");
        facts.request.approvals.clear();
        assert_eq!(facts.reasons().len(), 1, "nobody approved: {row:?}");
    }
    // Where the gate asks for none, an objection is advice.
    let mut facts = Facts::whole();
    facts.judged(vec![(ISKRA, Standing::Objects("reject".to_owned()))]);
    facts.change_gate(|gate| gate.judge_required = false);
    assert_eq!(facts.reasons(), []);
}

/// Whoever must not approve is not counted, even where somebody noted an approval: an owner no more,
/// one who left, a machine account, the bot, and who benefits.
#[test]
fn nobody_is_counted_who_must_not_approve() {
    type Change = fn(&mut Facts);
    let rows: [(&str, Change); 6] = [
        ("no owner any more", |facts| {
            facts.change_board(|board| {
                board.owners.remove(&ALICE);
            });
        }),
        ("one who left", |facts| {
            facts.change_board(|board| {
                board.owners.get_mut(&ALICE).expect("an owner").may_approve = false;
            });
        }),
        ("a machine account", |facts| {
            facts.change_board(|board| {
                board.machine_accounts.insert(ALICE);
            });
        }),
        ("the bot", |facts| facts.policy.bot = ALICE),
        ("who asked", |facts| {
            facts.request.requester = Actor::User(ALICE);
            facts.request.digest = facts.request.recompute(&facts.policy);
        }),
        ("the identity's requester", |facts| {
            facts.lives(|identity| identity.requester = ALICE);
            facts.request.requester = Actor::User(PIOTR);
            facts.request.digest = facts.request.recompute(&facts.policy);
        }),
    ];
    let nobody = Reason::MoreOwners {
        counted: Vec::new(),
        needed: 1,
    };
    for (name, change) in rows {
        let mut facts = Facts::whole();
        change(&mut facts);
        assert!(facts.reasons().contains(&nobody), "{name}");
    }
    // Where the gate allows it, who asked counts.
    let mut facts = Facts::whole();
    facts.change_gate(|gate| gate.self_approval = true);
    facts.request.requester = Actor::User(ALICE);
    facts.request.digest = facts.request.recompute(&facts.policy);
    assert_eq!(facts.reasons(), []);
}

#[test]
fn one_wrong_fact_is_one_reason() {
    for (name, change) in MENDED_BY_NOBODY.iter().chain(&AT_THE_END) {
        let mut facts = Facts::whole();
        let reason = change(&mut facts);
        assert_eq!(facts.reasons(), [reason], "{name}");
    }
}

#[test]
fn what_nobody_could_mend_is_refused_when_it_is_asked() {
    for (name, change) in &MENDED_BY_NOBODY {
        let mut facts = Facts::whole();
        let reason = change(&mut facts);
        facts.request.approvals.clear();
        assert_eq!(refusals(&facts.case()), [reason], "{name}");
    }
    let mut facts = Facts::whole();
    facts.request.approvals.clear();
    facts.change_gate(|gate| gate.quorum = 2);
    assert_eq!(refusals(&facts.case()), []);
    facts.change_gate(|gate| gate.quorum = 3);
    assert_eq!(
        refusals(&facts.case()),
        [Reason::TooFewOwners {
            could: 2,
            needed: 3
        }]
    );
}

#[test]
fn every_rule_is_the_only_one_against_something() {
    let mut denied = vec![0; RULES.len()];
    let mut asked = vec![0; RULES.len()];
    for (_, change) in MENDED_BY_NOBODY.iter().chain(&AT_THE_END) {
        let mut facts = Facts::whole();
        change(&mut facts);
        for ((_, _, rule), denied) in RULES.iter().zip(&mut denied) {
            *denied += usize::from(matches!(rule(&facts.case()), Finding::Deny(_)));
        }
    }
    for (_, change) in &MENDED_BY_NOBODY {
        let mut facts = Facts::whole();
        change(&mut facts);
        facts.request.approvals.clear();
        for ((_, _, rule), asked) in RULES.iter().zip(&mut asked) {
            *asked += usize::from(matches!(rule(&facts.case()), Finding::Deny(_)));
        }
    }
    for ((name, when, _), (denied, asked)) in RULES.iter().zip(denied.iter().zip(&asked)) {
        match when {
            // Too few owners is the one rule that only asking knows; it has a test of its own.
            When::Asked => assert_eq!(*name, "enough_owners"),
            When::Opening => assert!(*denied > 0, "{name}"),
            When::Both => assert!(*denied > 0 && *asked > 0, "{name}"),
        }
    }
    let allowing = RULES
        .iter()
        .filter(|(_, _, rule)| rule(&Facts::whole().case()) == Finding::Allow)
        .count();
    assert_eq!(allowing, 1, "one rule allows");
}

#[test]
fn an_owner_may_ask_for_a_living_identity_of_somebody_else() {
    let mut facts = Facts::whole();
    facts.lives(|identity| identity.requester = CODEX);
    facts.request.requester = Actor::User(PIOTR);
    asked_anew(&mut facts.request, &facts.policy);
    assert_eq!(facts.reasons(), []);
    facts.identity.as_mut().expect("it is there").status = IdentityStatus::Revoked(ending());
    assert_eq!(facts.reasons(), [Reason::SlugTaken]);
}

#[test]
fn its_own_requester_may_ask_for_a_revoked_or_an_expired_one_again() {
    let mut facts = Facts::whole();
    facts.lives(|identity| identity.status = IdentityStatus::Revoked(ending()));
    assert_eq!(facts.reasons(), []);
    facts.lives(|identity| identity.expires_at = time(0));
    assert_eq!(facts.reasons(), []);
}

/// requested ∩ restated ∩ gate ∩ board ∩ ceiling: each alone cuts.
#[test]
fn every_ceiling_cuts_what_is_granted() {
    type Row = (&'static str, fn(&mut Facts));
    let rows: [Row; 5] = [
        ("restated", |facts| {
            facts.request.approvals[0].scopes = names(&["board:read"]);
        }),
        ("a second restatement", |facts| {
            facts.approve(PIOTR);
            facts.request.approvals[1].scopes = names(&["board:read", "deploy:run"]);
        }),
        ("ceiling", |facts| {
            facts.change_board(|board| {
                let alice = board.owners.get_mut(&ALICE).expect("it is there");
                alice.ceiling = Some(names(&["board:read", "deploy:run"]));
            });
        }),
        ("another approver's ceiling", |facts| {
            facts.approve(PIOTR);
            facts.change_board(|board| {
                let piotr = board.owners.get_mut(&PIOTR).expect("it is there");
                piotr.ceiling = Some(names(&["board:read"]));
            });
        }),
        ("requested", |facts| {
            facts.request.effect.scopes = names(&["board:read"]);
            asked_anew(&mut facts.request, &facts.policy);
        }),
    ];
    for (name, change) in rows {
        let mut facts = Facts::whole();
        change(&mut facts);
        match judge(&facts.case()) {
            Verdict::Open(opening) => {
                assert_eq!(opening.scopes(), &names(&["board:read"]), "{name}");
            }
            Verdict::Shut(reasons) => panic!("{name}: {reasons:?}"),
        }
    }
    // Gate and board cut, too, though another rule shuts before that is granted.
    let mut facts = Facts::whole();
    facts.change_gate(|gate| {
        gate.scopes.remove("card:write");
    });
    assert_eq!(
        super::super::opening::granted(&facts.case()),
        names(&["board:read"])
    );
    let mut facts = Facts::whole();
    facts.change_board(|board| {
        board.scopes.remove("card:write");
    });
    assert_eq!(
        super::super::opening::granted(&facts.case()),
        names(&["board:read"])
    );
}

#[test]
fn the_shortest_life_is_granted() {
    let mut facts = Facts::whole();
    facts.approve(PIOTR);
    facts.request.approvals[1].ttl = Some(600);
    let life = |facts: &Facts| super::super::opening::granted_ttl(&facts.case());
    assert_eq!(life(&facts), 600);
    facts.request.approvals[1].ttl = Some(999_999);
    assert_eq!(life(&facts), 8 * 3_600);
    facts.change_gate(|gate| gate.max_ttl = 120);
    assert_eq!(life(&facts), 120);
}

/// The forge's admin may ask in anybody's name: somebody outside of the forge knows the key.
#[test]
fn a_signed_gate_opens_for_a_key_that_somebody_vouches_for() {
    type Row = (&'static str, fn(&mut Facts));
    let rows: [Row; 2] = [
        ("the config", Facts::vouches),
        ("the approver", |facts| {
            facts.request.approvals[0].vouched = Some(Vouched::Approver);
        }),
    ];
    for (name, change) in rows {
        let mut facts = Facts::whole();
        facts.change_gate(|gate| {
            gate.factors.insert(Factor::Signature);
        });
        facts.request.approvals[0].signed_by = Some("SHA256:alice".to_owned());
        change(&mut facts);
        assert_eq!(facts.reasons(), [], "{name}");
    }
}
