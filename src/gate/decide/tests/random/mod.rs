//! Random histories: people, machine accounts, operators and a thief of the hook secret do what they
//! like on two boards, and what must never happen does not.
//!
//! What the core says is checked against what the forge in memory knows: who wrote which words, and
//! whether anybody touched them (`oracle`), and against a reference of who may hold what (`model`).
//! Every decision is also made from a world with all records. `properties` are the tests themselves.

use std::collections::{BTreeMap, BTreeSet};

mod acts;
mod authority;
mod beginnings;
mod blind;
mod configured;
mod consent;
mod factors;
mod holders;
mod hosts;
mod judging;
pub(crate) mod kept;
mod lost;
mod model;
mod obeyed;
mod oracle;
mod people;
mod played;
mod properties;
mod reach;
mod reports;
mod unread;
mod witness;
mod words;

use self::acts::Act;
use self::factors::{Made, rules};
use self::oracle::Yes;
use self::reach::Reach;
use self::reports::Servers;
use self::witness::Witness;
use super::*;
use crate::gate::event::{Arrival, Event};
use crate::gate::ids::{CommentId, RequestNumber, ThreadKey, UserId};
use crate::gate::import::Line;
use crate::gate::key::Table;
use crate::gate::world::{Record, decode};

const PEOPLE: [UserId; 7] = [ALICE, PIOTR, CODEX, BUILDER, CAROL, BOT, STRANGER];

/// Picks one of a list.
fn pick<T: Copy>(list: &[T], which: u8) -> Option<T> {
    list.get(usize::from(which) % list.len().max(1)).copied()
}

fn thread(which: u8) -> ThreadKey {
    [kan(12), kan(12), kan(13), ops(12)][usize::from(which) % 4]
}

/// What was counted, as it was found to be right when it was counted.
type Counted = BTreeMap<(RequestNumber, UserId, Option<CommentId>), Yes>;

/// A story that is lived at random.
struct Life {
    story: Story,
    late: Vec<Arrival>,
    checked: usize,
    counted: Counted,
    /// What the reference was told.
    witness: Witness,
    /// What every signature was made for.
    signed: BTreeMap<String, Made>,
    /// Codes that were counted.
    codes: BTreeSet<(UserId, u64)>,
    /// How often a security key was touched, and the last counter of each that was counted.
    touched: u32,
    touches: BTreeMap<UserId, u32>,
    /// Keys that their requesters really signed for.
    pledged: BTreeSet<(UserId, String)>,
    servers: Servers,
    /// Copies of the store.
    copies: Vec<lost::Copy>,
    /// How far the records had come, while lines are missing and nobody accepted that.
    lost: Option<u64>,
    /// Losses that were accepted.
    losses: u32,
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
            witness: Witness::default(),
            signed: BTreeMap::new(),
            codes: BTreeSet::new(),
            touched: 0,
            touches: BTreeMap::new(),
            pledged: BTreeSet::new(),
            servers: Servers::default(),
            copies: Vec::new(),
            lost: None,
            losses: 0,
            files: BTreeMap::new(),
            wishes: 0,
            secrets: 0,
            reach: Reach::default(),
            unjudged: false,
        }
    }

    fn all<T: Record>(&self, table: Table) -> Vec<T> {
        let records = self.story.records.iter();
        let records = records.filter(|(key, _)| key.table == table);
        records.map(|(_, value)| decode(value).unwrap()).collect()
    }

    fn ids(&self) -> Vec<i64> {
        self.story.forge.comments.keys().copied().collect()
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm a kind of act, and no wildcard"
    )]
    fn act(&mut self, act: &Act) {
        match act {
            Act::Say(who, place, words, way) => self.say(*who, *place, words, *way),
            Act::Edit(which, words, way) => self.edit(*which, words, *way),
            Act::Delete(which, way) => self.delete(*which, *way),
            Act::Toggle(which, way) => self.toggle(*which, *way),
            Act::Replay(which) => self.replay(*which),
            Act::Forge(id, who, place, words) => self.forge(*id, *who, *place, words),
            Act::Turn(which) => self.turn(*which),
            Act::CatchUp(which) => {
                if let Some(id) = pick(&self.ids(), *which) {
                    self.take_in(self.story.caught_up(id));
                }
            }
            Act::Stray(which) => self.stray(*which),
            Act::Leak(which) => self.leak(*which),
            Act::Use(which, who) => self.shows(*which, *who),
            Act::Count(which) => self.count_uses(*which),
            Act::Report(which, who, when) => self.report(*which, *who, *when),
            Act::Unread(who, which, then) => self.unread(*who, *which, *then),
            Act::Unreadable(which) => self.unreadable(*which),
            Act::Vanish(which) => self.vanish(*which),
            Act::Unheard(which) => self.unheard(*which),
            Act::Copy => self.copy(),
            Act::Lose(which) => self.lose(*which),
            Act::Accept => self.accept_loss(),
            Act::Swap(which) => self.swaps(*which),
            Act::Claim(which) => self.claim(*which),
            Act::HolderPause(which) => {
                self.holder_stops(*which, |macs| Event::HolderPaused { macs });
            }
            Act::GiveUp(which) => self.holder_stops(*which, |macs| Event::GivenUp { macs }),
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

    /// A history to its end, looked at after every step.
    fn lived(&mut self, acts: &[Act]) {
        self.copy();
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
