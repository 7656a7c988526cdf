//! Forms that have a name in the document: what is sent to the bot, and what came of it or would.

use utoipa::openapi::schema::Type;

use super::shape::{
    CODE, CREDENTIAL, HEX, Member, REQUEST, SLUG, SPAN, Shape, any_of, between, closed, free, list,
    list_of, maybe, named, number, object, one_of_words, only, open, or_null, pattern, short,
    some_text, text, texts, time, truth,
};

/// All of them, by name.
pub(super) fn all() -> Vec<Member> {
    vec![
        ("Order", closed(order())),
        ("Narrowing", narrowing()),
        ("OrderDone", order_done()),
        ("Would", would()),
        ("DryRun", dry_run()),
        ("DryRunDone", dry_run_done()),
        ("WishIdentity", closed(wish(&["identity"]))),
        ("WishCredential", closed(wish(&[]))),
        ("WishRotate", wish_rotate()),
        ("WishNothingMore", closed(place())),
        ("WishWould", wish_would()),
        ("WishAsked", wish_asked()),
        ("Signature", signature()),
        ("SignatureCounted", signature_counted()),
        ("SignatureOpened", signature_opened()),
        ("ActivityEvent", activity_event()),
        ("ActivityResult", activity_result()),
        ("Rotated", rotated()),
        ("Readiness", readiness()),
    ]
}

/// What every order may say.
fn order() -> [Member; 2] {
    [("reason?", short(400)), ("dry_run?", truth())]
}

/// What is to be left; at least one limit is said.
fn narrowing() -> Shape {
    let needed = |needed: &str| {
        let member = |name: &str, with: &'static str, without: &'static str, shape: Shape| {
            if name == needed {
                (with, shape)
            } else {
                (without, maybe(shape))
            }
        };
        let mut members = order().to_vec();
        members.extend([
            member("scopes", "scopes", "scopes?", texts()),
            member("resources", "resources", "resources?", texts()),
            member("modes", "modes", "modes?", texts()),
            member("ttl", "ttl", "ttl?", pattern(SPAN)),
        ]);
        closed(members)
    };
    any_of(["scopes", "resources", "modes", "ttl"].map(needed))
}

fn order_done() -> Shape {
    object([
        ("outcome", one_of_words(&["done", "already"])),
        ("said", text()),
        ("dry_run", truth()),
        // With `dry_run` only.
        ("would?", named("Would")),
    ])
}

/// What a decision would write, post and record.
fn would() -> Shape {
    let entry = object([
        ("code", text()),
        ("actor", text()),
        ("text", text()),
        ("request", maybe(pattern(REQUEST))),
        ("identity_id", or_null(Type::Integer)),
        ("credential", maybe(pattern(CREDENTIAL))),
    ]);
    let comment = object([
        ("board", or_null(Type::String)),
        ("repository_id", number()),
        ("issue", number()),
        ("text", text()),
    ]);
    let record = object([
        ("table", text()),
        // Of what a check reads, nothing: its key is made from a token.
        ("key", maybe(list(any_of([number(), text()])))),
        ("removed", truth()),
    ]);
    object([
        ("entries", list(entry)),
        ("comments", list(comment)),
        ("records", list(record)),
    ])
}

fn dry_run() -> Shape {
    closed([
        ("board", text()),
        ("issue", between(1, i64::MAX.unsigned_abs())),
        ("author_id", between(1, i64::MAX.unsigned_abs())),
        ("comment", some_text()),
    ])
}

fn dry_run_done() -> Shape {
    object([
        ("dry_run", only(true)),
        ("verb", or_null(Type::String)),
        ("outcome", text()),
        ("said", text()),
        ("not_checked", list(one_of_words(&["code", "signature"]))),
        ("would", named("Would")),
    ])
}

/// Where something is asked, and whether only to see what would be.
fn place() -> Vec<Member> {
    vec![
        ("board?", or_null(Type::String)),
        ("issue?", maybe(between(1, i64::MAX.unsigned_abs()))),
        ("title?", or_null(Type::String)),
        ("dry_run?", truth()),
    ]
}

/// The keys of a request in a comment; those are needed.
fn wish(also: &[&str]) -> Vec<Member> {
    let mut members = place();
    if also.contains(&"identity") {
        members.push(("identity?", or_null(Type::String)));
    }
    members.extend([
        ("scopes?", maybe(texts())),
        ("ttl?", or_null(Type::String)),
        ("environment?", or_null(Type::String)),
        ("recipient?", or_null(Type::String)),
        ("challenge?", or_null(Type::String)),
        ("display_name?", or_null(Type::String)),
        ("resources?", maybe(texts())),
        ("modes?", maybe(texts())),
        ("label?", or_null(Type::String)),
        ("reason?", or_null(Type::String)),
    ]);
    members
}

fn wish_rotate() -> Shape {
    let word = || maybe(pattern("^[!-~]+$"));
    let mut members = place();
    members.extend([
        ("credential?", word()),
        ("recipient?", word()),
        ("challenge?", word()),
    ]);
    closed(members)
}

fn wish_would() -> Shape {
    object([
        ("state", one_of_words(&["dry_run"])),
        ("board", text()),
        ("issue", or_null(Type::Integer)),
        ("title", or_null(Type::String)),
        ("summary", text()),
    ])
}

/// The request, or that its issue is being opened.
fn wish_asked() -> Shape {
    let states = ["open", "approved", "denied", "withdrawn", "void", "ended"];
    any_of([
        object([("state", one_of_words(&["opening"])), ("board", text())]),
        object([
            ("state", one_of_words(&states)),
            ("request", pattern(REQUEST)),
            ("code", pattern(CODE)),
            ("board", text()),
            ("issue", number()),
            ("thread", or_null(Type::String)),
            ("identity", maybe(pattern(SLUG))),
            ("told", truth()),
            ("ends_at", time()),
        ]),
    ])
}

fn signature() -> Shape {
    closed([
        ("code", pattern(CODE)),
        ("approver", between(i64::MIN, i64::MAX.unsigned_abs())),
        ("scopes?", texts()),
        ("ttl?", maybe(between(0, u64::MAX))),
        (
            "vouched?",
            maybe(one_of_words(&["config", "request", "approver"])),
        ),
        ("signature", text()),
    ])
}

fn signature_counted() -> Shape {
    object([
        ("state", one_of_words(&["counted"])),
        ("request", pattern(REQUEST)),
        ("counted", number()),
        ("needed", number()),
    ])
}

fn signature_opened() -> Shape {
    object([
        ("state", one_of_words(&["approved"])),
        ("request", pattern(REQUEST)),
        ("credential", maybe(pattern(CREDENTIAL))),
        ("sealed", or_null(Type::String)),
        ("note", maybe(note())),
    ])
}

/// The bot's note on a sealed file. The other members are those of the machine block of a sealed comment.
fn note() -> Shape {
    let signed = object([("key", pattern(HEX)), ("signature", text())]);
    open([
        ("recipient", text()),
        ("sha256", pattern(HEX)),
        ("signatures", list_of(2, signed)),
    ])
}

/// What a credential did. Exactly one of `jti` and `token` names it; an event with both, or with neither, is
/// refused for itself and spoils no other.
fn activity_event() -> Shape {
    object([
        ("jti?", text()),
        ("token?", text()),
        ("action", short(64)),
        ("object?", short(256)),
        ("outcome?", short(64)),
        ("at", time()),
        ("event_id", short(128)),
    ])
}

fn activity_result() -> Shape {
    let reasons = ["unknown_credential", "outside_its_life", "malformed"];
    object([
        ("result", one_of_words(&["accepted", "refused"])),
        ("known?", truth()),
        ("reason?", one_of_words(&reasons)),
    ])
}

fn rotated() -> Shape {
    object([
        ("credential", pattern(CREDENTIAL)),
        ("predecessor", pattern(CREDENTIAL)),
        ("identity", maybe(pattern(SLUG))),
        ("scope", text()),
        ("recipient", or_null(Type::String)),
        ("sealed", text()),
        ("note", maybe(note())),
        ("use_by", time()),
        ("expires_at", time()),
    ])
}

/// How everything stands; while the bot starts, how far it is.
fn readiness() -> Shape {
    let starting = object([
        ("ready", only(false)),
        ("waits_for", text()),
        (
            "store",
            object([("phase", text()), ("done", number()), ("total", number())]),
        ),
    ]);
    let board = object([
        ("board", text()),
        ("read", maybe(time())),
        ("refused", truth()),
    ]);
    let journal = object([
        ("writable", truth()),
        ("seq", number()),
        ("bytes", number()),
        ("segments", number()),
    ]);
    let disk = object([("low?", truth()), ("why?", text()), ("unknown?", text())]);
    let forge = object([
        ("answers", truth()),
        ("last", maybe(time())),
        ("trouble", or_null(Type::String)),
    ]);
    let running = object([
        ("ready", truth()),
        ("disk", disk),
        ("journal", journal),
        ("records", object([("reached", number())])),
        ("forge", forge),
        ("lost_history", maybe(free())),
        ("clock", or_null(Type::String)),
        ("inbox", number()),
        ("parked", number()),
        ("outbox", number()),
        ("refused_posts", number()),
        ("boards", list(board)),
    ]);
    any_of([starting, running])
}
