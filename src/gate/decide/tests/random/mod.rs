//! Random histories: people, a machine account and a thief of the hook secret do what they like on
//! two boards, and the invariants hold after every step.
//!
//! What the core says is checked against what the forge in memory knows: who wrote which words, and
//! whether anybody touched them (`oracle`), and against a plain model of who may hold what (`model`).
//! Every decision is also made from a world with all records.

use std::collections::{BTreeMap, BTreeSet};

mod acts;
mod factors;
mod hosts;
mod model;
mod oracle;
mod reach;
mod words;

use proptest::prelude::*;

use self::acts::{Act, Twist, Way, Words, act, words};
use self::factors::{Made, STRENGTHS, key, rules, strengthen};
use self::model::Model;
use self::oracle::{Yes, no_wider};
use self::reach::Reach;
use super::*;
use crate::gate::credential::Credential;
use crate::gate::decide::{Answer, Claim};
use crate::gate::event::{Event, Leak, Look};
use crate::gate::ids::{CommentId, RequestNumber, ThreadKey, UserId};
use crate::gate::import::Line;
use crate::gate::key::Table;
use crate::gate::request::Request;
use crate::gate::world::decode;

const PEOPLE: [UserId; 7] = [ALICE, PIOTR, CODEX, BUILDER, CAROL, BOT, STRANGER];

/// How many changes of the configuration there are.
const CONFIGURATIONS: u8 = 24;
/// The one after which everybody may ask.
const ANYBODY_ASKS: u8 = 7;
/// The first one after which the gates are of another kind.
const OTHER_GATES: u8 = 11;
/// The kind of gate that is no more than it was.
const PLAIN: u8 = STRENGTHS - 1;

/// Picks one of a list.
fn pick<T: Copy>(list: &[T], which: u8) -> Option<T> {
    list.get(usize::from(which) % list.len().max(1)).copied()
}

fn thread(which: u8) -> ThreadKey {
    [kan(12), kan(12), kan(13), ops(12)][usize::from(which) % 4]
}

/// A story that is lived at random.
struct Life {
    story: Story,
    late: Vec<crate::gate::event::Arrival>,
    checked: usize,
    /// What was counted, as it was found to be right when it was counted.
    counted: BTreeMap<(RequestNumber, UserId, Option<CommentId>), Yes>,
    model: Model,
    /// What every signature was made for.
    signed: BTreeMap<String, Made>,
    /// Codes that were counted.
    codes: BTreeSet<(UserId, u64)>,
    /// The request that each judgement served.
    served: BTreeMap<i64, RequestNumber>,
    /// Files that wait or came.
    files: BTreeMap<RequestNumber, Vec<Line>>,
    wishes: u64,
    secrets: u64,
    reach: Reach,
    /// Nothing of it is judged.
    unjudged: bool,
}

impl Life {
    fn new() -> Self {
        Self {
            story: Story::with(rules()),
            late: Vec::new(),
            checked: 0,
            counted: BTreeMap::new(),
            model: Model::default(),
            signed: BTreeMap::new(),
            codes: BTreeSet::new(),
            served: BTreeMap::new(),
            files: BTreeMap::new(),
            wishes: 0,
            secrets: 0,
            reach: Reach::default(),
            unjudged: false,
        }
    }

    fn all<T: crate::gate::world::Record>(&self, table: Table) -> Vec<T> {
        self.story
            .records
            .iter()
            .filter(|(key, _)| key.table == table)
            .map(|(_, value)| decode(value).unwrap())
            .collect()
    }

    fn ids(&self) -> Vec<i64> {
        self.story.forge.comments.keys().copied().collect()
    }

    /// Takes a delivery in now, later or never.
    fn deliver(&mut self, arrival: crate::gate::event::Arrival, way: Way) {
        match way {
            Way::Delivered => self.take_in(arrival),
            Way::Late => self.late.push(arrival),
            Way::Unseen => {}
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm a kind of act, and no wildcard"
    )]
    fn act(&mut self, act: &Act) {
        match act {
            Act::Say(who, place, words, way) => self.say(*who, *place, words, *way),
            Act::Edit(which, words, way) => self.edit(*which, words, *way),
            Act::Delete(which, way) => {
                if let Some(id) = pick(&self.ids(), *which) {
                    let thread = self.story.forge.comments[&id].thread;
                    self.story.forge.delete(id);
                    let arrival = self.story.trigger(thread, Look::Deleted(CommentId(id)));
                    self.deliver(arrival, *way);
                }
            }
            Act::Toggle(which, way) => {
                let thread = thread(*which);
                if let Some(issue) = self.story.forge.issues.get_mut(&thread) {
                    issue.open = !issue.open;
                    let arrival = self.story.trigger(thread, Look::Issue);
                    self.deliver(arrival, *way);
                }
            }
            Act::Replay(which) => {
                let count = self.story.deliveries.len().max(1);
                let old = self
                    .story
                    .deliveries
                    .get(usize::from(*which) % count)
                    .cloned();
                if let Some(old) = old {
                    self.story.arrive_again(old);
                }
            }
            Act::Forge(id, who, place, words) => self.forge(*id, *who, *place, words),
            Act::Turn(which) => self.turn(*which),
            Act::CatchUp(which) => {
                if let Some(id) = pick(&self.ids(), *which) {
                    self.take_in(self.story.caught_up(id));
                }
            }
            Act::Stray(which) => {
                let thread = thread(*which);
                let now = self.story.now;
                let id = self
                    .story
                    .forge
                    .write(thread, BOT, "all is well", now, false);
                let arrival = self.story.trigger(thread, Look::Stray(CommentId(id)));
                self.story.arrive(arrival);
            }
            Act::Leak(which) => self.leak(*which),
            Act::Use(which) => {
                if let Some(credential) = self.token(*which) {
                    let may = self.story.live(credential.number.0);
                    let says = match self.story.show(&credential.mac) {
                        Answer::Live(live) => Some(live.scopes),
                        _ => None,
                    };
                    assert_eq!(says, may, "a check says what lives");
                }
            }
            Act::Swap(which) => {
                if let Some(credential) = self.token(*which) {
                    let key = format!("key-{}", which % 2);
                    self.story.wish(credential.number.0, &key);
                }
            }
            Act::Claim(which) => self.claim(*which),
            Act::HolderPause(which) => {
                if let Some(credential) = self.token(*which) {
                    let macs = vec![credential.mac];
                    self.story.answer(&Event::HolderPaused { macs });
                    let living = self.story.live(credential.number.0);
                    assert_eq!(living, None, "its holder let it stand still");
                }
            }
            Act::GiveUp(which) => {
                if let Some(credential) = self.token(*which) {
                    let macs = vec![credential.mac];
                    self.story.answer(&Event::GivenUp { macs });
                    let living = self.story.live(credential.number.0);
                    assert_eq!(living, None, "its holder gave it up");
                }
            }
            Act::Agree(which) => self.agree(*which),
            Act::Through(which, how) => self.through(*which, *how),
            Act::Configure(which) => self.configure(*which),
            Act::Compare(which) => {
                let thread = thread(*which);
                self.story.answer(&Event::Compare { thread });
            }
            Act::Pass(which) => {
                let spans = [1, 5, 11, 61, 301, 901, 901, 3_600, 30_000, 90_000, 300_000];
                self.story.pass(pick(&spans, *which).unwrap_or(1));
            }
            Act::Timers => self.story.timers(),
            Act::Wish(who, place, words) => {
                self.story.settle();
                self.wish(*who, *place, words);
            }
            Act::Order(who, what, which) => self.order(*who, *what, *which),
            Act::Bring(which, who, twist) => {
                self.story.settle();
                self.bring(*which, *who, twist);
            }
            Act::Away(which, who) => self.away(*which, *who),
            Act::Import(who, how) => self.import(*who, *how),
            Act::Judge(which, how, way) => self.judge(*which, *how, *way),
            Act::Sight(which) => self.sight(*which),
            Act::Outbox(stands) => self.story.outbox_stands = *stands,
            Act::Settle => {
                for late in std::mem::take(&mut self.late) {
                    self.take_in(late);
                }
                self.story.settle();
            }
        }
    }

    fn say(&mut self, who: u8, place: u8, words: &Words, way: Way) {
        // Mostly owners and the agents, so that things happen.
        let people = [
            ALICE, PIOTR, CODEX, CODEX, ALICE, PIOTR, CAROL, BUILDER, STRANGER,
        ];
        let who = pick(&people, who).unwrap_or(CAROL);
        let wished = thread(place);
        let (text, right) = self.text(who, words, wished);
        let place = if place < 240 { right } else { wished };
        let id = self.story.write(place, who, &text);
        let delivery = self.story.delivery(id);
        let lines = self.story.lines.len();
        self.deliver(delivery, way);
        // Else it waits beside what comes next.
        if id % 4 != 0 {
            self.story.settle();
            if way == Way::Delivered {
                self.obeyed(id, lines);
            }
        }
    }

    fn leak(&mut self, which: u8) {
        let credentials: Vec<Credential> = self.all(Table::Credential);
        let leak = match credentials.get(usize::from(which)) {
            Some(credential) => Leak::Token(vec![credential.mac.clone()]),
            None if which > 250 => Leak::AgeKey(RECIPIENT.to_owned()),
            None => return,
        };
        let id = self.story.write(kan(99), STRANGER, "[removed]");
        let mut arrival = self.story.delivery(id);
        arrival.leaks = vec![leak];
        self.story.arrive(arrival);
    }

    /// One of all tokens that there ever were, mostly a newer one.
    fn token(&self, which: u8) -> Option<Credential> {
        let mut all: Vec<Credential> = self.all(Table::Credential);
        all.reverse();
        let count = if which < 128 { 2 } else { all.len() };
        let place = usize::from(which) % count.min(all.len()).max(1);
        (place < all.len()).then(|| all.swap_remove(place))
    }

    fn claim(&mut self, which: u8) {
        let asked = self.all::<Request>(Table::Request).into_iter();
        let known: Vec<_> = asked
            .filter_map(|one| Some((one.thread.repository, one.effect.challenge?)))
            .collect();
        let place = usize::from(which) % known.len().max(1);
        match known.get(place).filter(|_| which < 250) {
            Some((repository, challenge)) => {
                self.story.claim(*repository, challenge);
            }
            None => {
                let claim = self.story.claim(KAN, &words::challenge(-1));
                assert_eq!(claim, Claim::Unknown);
            }
        }
    }

    fn edit(&mut self, which: u8, words: &Words, way: Way) {
        let Some(id) = pick(&self.ids(), which) else {
            return;
        };
        let (thread, who) = {
            let comment = &self.story.forge.comments[&id];
            (comment.thread, comment.author)
        };
        let (text, _) = self.text(who, words, thread);
        // An unseen edit also sets the time back.
        let updated = match way {
            Way::Unseen => self.story.forge.comments[&id].created,
            Way::Delivered | Way::Late => self.story.now,
        };
        self.story.forge.edit(id, &text, updated);
        let arrival = self.story.edited(id);
        self.deliver(arrival, way);
    }

    /// Whoever can edit looks for an ordinary comment below an open request's summary.
    fn turn(&mut self, which: u8) {
        let open: Vec<Request> = self
            .all::<Request>(Table::Request)
            .into_iter()
            .filter(|request| request.is_open(self.story.now))
            .collect();
        let mut found = Vec::new();
        for (id, comment) in &self.story.forge.comments {
            let request = open.iter().find(|request| request.thread == comment.thread);
            let ordinary = comment.author != BOT && !comment.text.starts_with('/');
            if let (Some(request), true) = (request, ordinary) {
                found.push((*id, request.number.0));
            }
        }
        found.reverse();
        let Some((id, number)) = pick(&found, which % 4) else {
            return;
        };
        let request = self.story.request(number);
        let comment = &self.story.forge.comments[&id];
        let (created, author) = (comment.created, comment.author);
        let line = crate::gate::reply::approve_line(&request);
        // Whoever can edit has no key of anybody.
        let how = if which.is_multiple_of(2) {
            Twist::Bare
        } else {
            Twist::Foreign
        };
        let line = self.fitted(&request, author, &line, &how, false);
        self.story.forge.edit(id, &line, created);
        let mut arrival = self.story.delivery(id);
        if which % 4 == 3 {
            arrival.accepted.unverified_sender = Some(CAROL);
        }
        self.take_in(arrival);
        self.story.settle();
    }

    /// A thief of the hook secret speaks of comments that are, were or will be, by anybody.
    fn forge(&mut self, id: u8, who: u8, place: u8, words: &Words) {
        let thread = thread(place);
        let who = pick(&PEOPLE, who).unwrap_or(ALICE);
        let (text, _) = self.text(who, words, thread);
        let id = match id % 4 {
            0 => self.story.forge.last_id + 1,
            1 => self.story.forge.last_id + 2,
            _ => pick(&self.ids(), id).unwrap_or(1),
        };
        let text = match self.story.forge.comments.get(&id) {
            Some(comment) if place < 128 => comment.text.clone(),
            Some(_) | None => text,
        };
        let arrival = self.story.forged(thread, id, who, &text);
        self.take_in(arrival);
    }

    fn configure(&mut self, which: u8) {
        let which = which % CONFIGURATIONS;
        self.story.reconfigure(KAN, |board| {
            if let Some(kind) = which
                .checked_sub(OTHER_GATES)
                .filter(|kind| *kind <= STRENGTHS)
            {
                return strengthen(board, kind);
            }
            let dev = board.gates.get_mut("dev").unwrap();
            match which {
                0 => drop(dev.scopes.remove("card:write")),
                1 => board.owners.get_mut(&ALICE).unwrap().ceiling = Some(names(&["board:read"])),
                2 => {
                    let carol = crate::gate::policy::Owner {
                        login: "carol".to_owned(),
                        signing_keys: [key(CAROL).public()].into(),
                        ..board.owners[&PIOTR].clone()
                    };
                    board.owners.insert(CAROL, carol);
                }
                3 => board.owners.get_mut(&PIOTR).unwrap().may_approve = false,
                4 => board.gates.get_mut("staging").unwrap().quorum = 1,
                5 => drop(board.machine_accounts.insert(PIOTR)),
                6 => dev.max_ttl = 600,
                ANYBODY_ASKS => board.requesters = crate::gate::policy::Requesters::Anyone,
                8 => dev.quorum = 2,
                9 => drop(board.scopes.remove("deploy:run")),
                10 => drop(board.machine_accounts.remove(&BUILDER)),
                _ => *board = rules().boards[&KAN].clone(),
            }
        });
    }

    /// A history to its end, looked at after every step.
    fn lived(&mut self, acts: &[Act]) {
        for act in acts {
            self.act(act);
            self.check();
        }
        self.rest();
        self.check();
    }

    /// Lets everything that waits come to its end.
    fn rest(&mut self) {
        self.story.outbox_stands = false;
        for _ in 0..8 {
            self.act(&Act::Settle);
            if self.story.waiting().is_empty() {
                return;
            }
            self.story.pass(61);
        }
        panic!("something waits for ever");
    }
}

/// A beginning in which something lives and something is open, so that short histories say much.
fn begun() -> Life {
    let mut life = Life::new();
    life.story.issue(kan(12));
    life.story
        .ask_for(kan(13), CODEX, "one", "board:read,deploy:run", "staging");
    life.story.approve(kan(13), ALICE, 2);
    life.story.say(kan(13), PIOTR, "One moment");
    life.check();
    life
}

/// A secret from before works that no identity has.
fn with_a_secret_alone(life: &mut Life) {
    life.import(0, 20);
    for owner in [ALICE, PIOTR] {
        life.story.approve(kan(12), owner, 3);
    }
}

/// The same, and one more thing has happened: what is read first decides what that is.
fn begun_with(which: u8) -> Life {
    let mut life = begun();
    if which % 7 == 6 {
        with_a_secret_alone(&mut life);
    }
    let mac = life.story.credential(1).mac;
    let slug = "codex-kan-12";
    let claimed = words::challenge(0);
    let story = &mut life.story;
    match which % 7 {
        0 => {
            story.show(&mac);
            story.say(kan(12), CODEX, &format!("/gate rotate {slug}"));
            story.approve(kan(12), PIOTR, 3);
        }
        1 => {
            story.say(kan(12), CODEX, &format!("/gate pause {slug}"));
            story.say(kan(12), CODEX, &format!("/gate resume {slug}"));
            story.say(kan(12), ALICE, &format!("/gate resume {slug}"));
        }
        2 => {
            story.show(&mac);
            story.say(kan(13), PIOTR, "/gate freeze");
            story.say(kan(13), PIOTR, "/gate thaw");
            story.approve(kan(13), PIOTR, 3);
        }
        3 => {
            let line = request_line(slug, "board:read,card:write", "dev").replace(
                &format!("recipient={RECIPIENT}"),
                &format!("challenge={claimed}"),
            );
            story.say(kan(12), CODEX, &line);
            story.approve(kan(12), ALICE, 3);
            story.claim(KAN, &claimed);
        }
        4 => {
            story.say(kan(12), PIOTR, &format!("/gate own {slug}"));
            story.say(
                kan(12),
                CODEX,
                &format!("/gate rotate {slug} c1 challenge={claimed}"),
            );
            story.approve(kan(12), ALICE, 4);
        }
        6 => {
            let line = format!("/gate link c2 {slug}");
            story.say(kan(12), PIOTR, &line);
        }
        _ => {
            story.say(
                kan(12),
                ALICE,
                &format!("/gate narrow {slug} scopes=board:read"),
            );
            story.ask(kan(12));
        }
    }
    life.check();
    go_on_with(&mut life, which / 7);
    life
}

/// Most of them go on with gates of another kind.
fn go_on_with(life: &mut Life, which: u8) {
    let kinds = [0, 0, 1, 2, 3, 4, 5, PLAIN, PLAIN, PLAIN];
    let kind = pick(&kinds, which).unwrap_or(PLAIN);
    life.story.reconfigure(KAN, |board| strengthen(board, kind));
}

proptest! {
    // 32 each, unless `PROPTEST_CASES` says otherwise: an eighth of that.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, max_shrink_iters: 400, ..ProptestConfig::default() })]

    /// Invariants 1, 2 and 3, every ceiling, and the equality of both worlds.
    #[test]
    fn no_credential_without_enough_owners_on_that_digest(
        acts in prop::collection::vec(act(), 1..22),
    ) {
        let mut life = begun();
        life.lived(&acts);
    }

    /// However something came to be: what works is never more than a plain model allows, and what
    /// people and holders stop stands still at once. Invariants 1 to 3 and 6 for every verb.
    #[test]
    fn nobody_ever_holds_more_than_a_plain_model_allows(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..15),
    ) {
        let mut life = begun_with(beginning);
        life.lived(&acts);
    }

    /// Invariant 4.
    #[test]
    fn replays_in_any_order_change_nothing(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..13),
        order in prop::collection::vec(any::<u8>(), 1..40),
        away in 0..3_i64,
    ) {
        let mut life = begun_with(beginning);
        life.unjudged = true;
        for act in &acts {
            // What a stranger said is decided, and refused, once everybody may ask; and what nobody
            // has read yet is read, once a made-up or old delivery happens to name it.
            let later = match act {
                Act::Configure(which) => which % CONFIGURATIONS == ANYBODY_ASKS,
                Act::Say(_, _, _, way)
                | Act::Edit(_, _, way)
                | Act::Delete(_, way)
                | Act::Toggle(_, way) => matches!(way, Way::Unseen),
                _ => false,
            };
            if !later {
                life.act(act);
            }
        }
        life.rest();
        life.story.pass(away * 4_000);
        let records = life.story.records.clone();
        let posts = life.story.forge.comments.len();
        for which in order {
            life.act(&Act::Replay(which));
            if which % 3 == 0 {
                life.story.settle();
            }
        }
        life.rest();
        for (key, value) in &life.story.records {
            prop_assert_eq!(records.get(key), Some(value), "{:?}", key);
        }
        prop_assert_eq!(records.len(), life.story.records.len());
        prop_assert_eq!(posts, life.story.forge.comments.len());
    }

    /// Invariant 3, its second half; nor do closing and opening, strangers in the bot's clothes,
    /// leaks, time, and cuts of the policy.
    #[test]
    fn edits_deletions_and_the_like_never_widen(
        beginning in any::<u8>(),
        acts in prop::collection::vec(act(), 1..11),
        touches in prop::collection::vec((any::<u8>(), words(), any::<u8>(), any::<bool>()), 1..10),
    ) {
        let mut life = begun_with(beginning);
        // What was approved so far is judged before anybody touches it.
        life.lived(&acts);
        for (which, words, kind, seen) in touches {
            let before = life.authority();
            let way = if seen { Way::Delivered } else { Way::Unseen };
            life.act(&match kind % 6 {
                0 => Act::Delete(which, way),
                1 => Act::Toggle(which, way),
                2 => Act::Stray(which),
                3 => Act::Leak(which),
                _ => Act::Edit(which, words, way),
            });
            life.rest();
            no_wider(&before, &life.authority());
            life.check();
        }
    }
}
