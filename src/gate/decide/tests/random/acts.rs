//! What people, the forge and a thief of the hook secret can do, and how often they do it.

use proptest::prelude::*;

/// One thing that somebody does. Numbers pick among what is there at that time.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Somebody says something, and it is delivered or not.
    Say(u8, u8, Words, Way),
    /// Somebody edits a comment, seen, unseen or within its second.
    Edit(u8, Words, Way),
    /// Somebody deletes a comment.
    Delete(u8, Way),
    /// An issue is closed or opened.
    Toggle(u8, Way),
    /// An old delivery comes once more.
    Replay(u8),
    /// A delivery that the forge did not make.
    Forge(u8, u8, u8, Words),
    /// An old comment is turned into an approval, unseen, and delivered as if it were new.
    Turn(u8),
    /// A delivered comment is read back.
    CatchUp(u8),
    /// Somebody writes as the bot.
    Stray(u8),
    /// A secret stands in a text.
    Leak(u8),
    /// A token is shown to a resource server.
    Use(u8, u8),
    /// Uses are written down.
    Count(u8),
    /// A resource server says what a credential did.
    Report(u8, u8, u8),
    /// Somebody wants something stopped while the forge cannot be read.
    Unread(u8, u8, u8),
    /// A thread cannot be read for ten minutes.
    Unreadable(u8),
    /// An issue is deleted.
    Vanish(u8),
    /// An owner approves, and nobody hears that the bot's answers were posted.
    Unheard(u8),
    /// Somebody copies the store.
    Copy,
    /// The store comes back from a copy.
    Lose(u8),
    /// An operator accepts that lines are missing.
    Accept,
    /// Somebody shows the verifier of a challenge, or of one that nobody knows.
    Claim(u8),
    /// A holder lets its identity stand still.
    HolderPause(u8),
    /// A holder gives its token up.
    GiveUp(u8),
    /// Every owner of its board approves a request as it was asked.
    Agree(u8),
    /// Somebody asks for something, and every owner approves it.
    Through(u8, u8),
    /// A holder wants a successor of its token.
    Swap(u8),
    /// The configuration changes.
    Configure(u8),
    /// What lives in a thread is compared with the configuration.
    Compare(u8),
    /// Time passes.
    Pass(u8),
    /// Whatever is due by now is looked at.
    Timers,
    /// An operator, the host or nobody asks for something, in a thread or for one.
    Wish(u8, u8, Words),
    /// One of them orders that something stops or does less.
    Order(u8, u8, u8),
    /// One of them brings a signature for a request.
    Bring(u8, u8, Twist),
    /// The forge is away, and operators do what they can.
    Away(u8, u8),
    /// One of them hands secrets in.
    Import(u8, u8),
    /// Somebody judges the issue of a request.
    Judge(u8, u8, Way),
    /// An owner's account is looked at.
    Sight(u8),
    /// Posts stand still, or go on.
    Outbox(bool),
    /// What waits is decided and done.
    Settle,
}

/// What somebody says.
#[derive(Clone, Debug)]
pub(super) enum Words {
    Request(u8, u8, bool),
    Approve(u8, Twist),
    Deny(u8),
    Withdraw,
    Revoke(u8),
    Pause(u8),
    Release(u8),
    Resume(u8),
    Rotate(u8, u8),
    Own(u8),
    Link(u8, u8),
    Narrow(u8, u8),
    Freeze,
    Thaw,
    Other(u8),
}

/// How an approval differs from the line that was to be copied.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Twist {
    Plain,
    Narrower,
    Shorter,
    WrongCode,
    Wider,
    Quoted,
    NotAlone,
    /// Without a code or a signature.
    Bare,
    /// With another's.
    Foreign,
    /// With an old code, or one for less than the line says.
    Stale,
    /// Nobody says whose key the token goes to.
    Unvouched,
    /// It says that the configuration vouches for that key.
    ByConfig,
    /// It says that the requester signed for that key.
    ByRequest,
    /// By a copy of a security key.
    Copied,
}

/// How a change becomes known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    Delivered,
    Late,
    Unseen,
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let way = || {
        prop_oneof![
            6 => Just(Way::Delivered),
            1 => Just(Way::Late),
            1 => Just(Way::Unseen),
        ]
    };
    let n = any::<u8>;
    prop_oneof![
        40 => (n(), n(), words(), way()).prop_map(|(who, place, words, way)| Act::Say(who, place, words, way)),
        2 => (n(), words(), way()).prop_map(|(which, words, way)| Act::Edit(which, words, way)),
        1 => (n(), way()).prop_map(|(which, way)| Act::Delete(which, way)),
        1 => (n(), way()).prop_map(|(which, way)| Act::Toggle(which, way)),
        2 => n().prop_map(Act::Replay),
        2 => (n(), n(), n(), words()).prop_map(|(id, who, place, words)| Act::Forge(id, who, place, words)),
        3 => n().prop_map(Act::Turn),
        1 => n().prop_map(Act::CatchUp),
        1 => n().prop_map(Act::Stray),
        1 => n().prop_map(Act::Leak),
        5 => (n(), n()).prop_map(|(which, who)| Act::Use(which, who)),
        2 => n().prop_map(Act::Count),
        3 => (n(), n(), n()).prop_map(|(which, who, when)| Act::Report(which, who, when)),
        2 => (n(), n(), n()).prop_map(|(who, which, then)| Act::Unread(who, which, then)),
        1 => n().prop_map(Act::Unreadable),
        1 => n().prop_map(Act::Vanish),
        1 => n().prop_map(Act::Unheard),
        1 => Just(Act::Copy),
        1 => n().prop_map(Act::Lose),
        2 => Just(Act::Accept),
        3 => n().prop_map(Act::Claim),
        1 => n().prop_map(Act::HolderPause),
        1 => n().prop_map(Act::GiveUp),
        8 => n().prop_map(Act::Agree),
        8 => (n(), n()).prop_map(|(which, how)| Act::Through(which, how)),
        2 => n().prop_map(Act::Swap),
        1 => n().prop_map(Act::Configure),
        1 => n().prop_map(Act::Compare),
        2 => n().prop_map(Act::Pass),
        1 => Just(Act::Timers),
        4 => (n(), n(), words()).prop_map(|(who, place, words)| Act::Wish(who, place, words)),
        3 => (n(), n(), n()).prop_map(|(who, what, which)| Act::Order(who, what, which)),
        4 => (n(), n(), twist()).prop_map(|(which, who, twist)| Act::Bring(which, who, twist)),
        3 => (n(), n()).prop_map(|(which, who)| Act::Away(which, who)),
        3 => (n(), n()).prop_map(|(who, how)| Act::Import(who, how)),
        2 => (n(), n(), way()).prop_map(|(which, how, way)| Act::Judge(which, how, way)),
        1 => n().prop_map(Act::Sight),
        1 => any::<bool>().prop_map(Act::Outbox),
        4 => Just(Act::Settle),
    ]
}

fn twist() -> impl Strategy<Value = Twist> {
    prop_oneof![
        16 => Just(Twist::Plain),
        1 => Just(Twist::Narrower),
        1 => Just(Twist::Shorter),
        1 => Just(Twist::WrongCode),
        1 => Just(Twist::Wider),
        1 => Just(Twist::Quoted),
        1 => Just(Twist::NotAlone),
        1 => Just(Twist::Bare),
        1 => Just(Twist::Foreign),
        1 => Just(Twist::Stale),
        1 => Just(Twist::Unvouched),
        1 => Just(Twist::ByConfig),
        1 => Just(Twist::ByRequest),
        1 => Just(Twist::Copied),
    ]
}

pub(super) fn words() -> impl Strategy<Value = Words> {
    let n = any::<u8>;
    prop_oneof![
        4 => (n(), n(), any::<bool>()).prop_map(|(name, scopes, staging)| Words::Request(name, scopes, staging)),
        8 => (n(), twist()).prop_map(|(number, twist)| Words::Approve(number, twist)),
        1 => n().prop_map(Words::Deny),
        1 => Just(Words::Withdraw),
        1 => n().prop_map(Words::Revoke),
        2 => n().prop_map(Words::Pause),
        1 => n().prop_map(Words::Release),
        3 => n().prop_map(Words::Resume),
        3 => (n(), n()).prop_map(|(name, how)| Words::Rotate(name, how)),
        2 => n().prop_map(Words::Own),
        2 => (n(), n()).prop_map(|(which, to)| Words::Link(which, to)),
        1 => (n(), n()).prop_map(|(name, how)| Words::Narrow(name, how)),
        1 => Just(Words::Freeze),
        2 => Just(Words::Thaw),
        2 => n().prop_map(Words::Other),
    ]
}
