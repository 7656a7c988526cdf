//! The calls of the internal listener: for resource servers and whoever runs the bot.

use utoipa::openapi::schema::Type;

use super::call::{Call, FORM, JSON, Method, PLAIN};
use super::operator::OPERATORS;
use super::shape::{
    Shape, anything, closed, either, list, number, object, one_of_words, only, or_null, text,
    texts_or_null, truth,
};

const SERVERS: &str = "resource servers";
const RUNNING: &str = "running it";

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = vec![introspect(), forward_auth(), activity(), audit()];
    calls.extend([healthz(), readyz(), metrics(), openapi(), docs()]);
    calls
}

/// What is told of a live token.
pub(super) fn described() -> Shape {
    object([
        ("active", only(true)),
        ("sub", text()),
        ("scope", text()),
        ("exp", number()),
        ("iat", number()),
        ("jti", text()),
        ("iss", text()),
        ("aud", text()),
        ("client_id", text()),
        ("token_type", text()),
        (
            "ownergate",
            object([
                ("identity_id", or_null(Type::Integer)),
                ("identity_status", or_null(Type::String)),
                ("workspace", text()),
                ("resources", texts_or_null()),
                ("modes", texts_or_null()),
                ("environment", text()),
                ("owner_id", number()),
                ("requester_id", number()),
                ("thread", anything()),
                ("label?", text()),
            ]),
        ),
    ])
}

fn introspect() -> Call {
    Call::new(Method::Post, "/v1/introspect", "introspect")
        .of(SERVERS, "Whether a token is alive, and what it may do now (RFC 7662)")
        .about("Whatever is wrong with a token, or whosever it is, the answer is `{\"active\":false}` and nothing else. A positive answer may be kept for 30 s at most: that is how long a revoked token goes on there.")
        .login("client")
        .body(FORM, object([("token", text()), ("token_type_hint?", text())]))
        .json(200, "what it may do, or that it is not alive", either([
            described(),
            closed([("active", only(false))]),
        ]))
        .problems(&[
            (400, "no `token`, or a parameter that is there twice"),
            (401, "not the name and secret of a client"),
        ])
        .takes_body()
        .needs_store()
}

/// Every header that says who acts.
const IDENTITY: [&str; 6] = [
    "X-Agent-Id",
    "X-Agent-Identity",
    "X-Agent-Scopes",
    "X-Agent-Owner",
    "X-Agent-Credential",
    "X-Agent-Environment",
];

fn forward_auth() -> Call {
    Call::new(Method::Get, "/v1/forward-auth", "forwardAuth")
        .of(SERVERS, "Whether a proxy may let a request through, and as whom")
        .about("By any method; no body is read. The answer is 200, 401 or 403 and nothing else. All identity headers are always set, empty if there is none.")
        .login("token")
        .query("client", true, "exactly one: for which client of the config the proxy asks", text())
        .query("scope", true, "what the route demands; may be there several times, and all are needed", list(text()))
        .query("resource", false, "what inside the workspace the route is about", text())
        .query("mode", false, "how the route is used", text())
        .query("foreign", false, "`pass`: requests without a token of ours go on, without a name", one_of_words(&["pass"]))
        .empty(200, "let it through")
        .with_headers(&IDENTITY)
        .problems(&[
            (401, "no token, or one that is not alive, whatever the cause"),
            (403, "the token may not do this, the address is wrong, or nothing can be said now"),
        ])
}

fn activity() -> Call {
    let event = object([
        ("jti?", text()),
        ("token?", text()),
        ("action", text()),
        ("object?", text()),
        ("outcome?", text()),
        ("at", text()),
        ("event_id", text()),
    ]);
    let result = object([
        ("result", one_of_words(&["accepted", "refused"])),
        ("known?", truth()),
        ("reason?", text()),
    ]);
    Call::new(Method::Post, "/v1/activity", "activity")
        .of(SERVERS, "Says what credentials did")
        .about("At most 500 events of at most 1 KiB each. Each names its credential by `jti` or `token`. Kept as the word of who says it; an event that is sent again does nothing.")
        .login("client")
        .body(JSON, object([("events", list(event))]))
        .json(200, "what became of each", object([
            ("accepted", number()),
            ("refused", number()),
            ("events", list(result)),
        ]))
        .problems(&[
            (400, "no object with a list named `events`, or too many of them"),
            (401, "not the name and secret of a client"),
            (429, "the day's share of the journal is used up"),
        ])
        .takes_body()
        .needs_store()
}

fn audit() -> Call {
    let entry = object([
        ("place", text()),
        ("seq", number()),
        ("at", text()),
        ("code", text()),
        ("actor", text()),
        ("text", text()),
        ("repository_id", or_null(Type::Integer)),
        ("board", or_null(Type::String)),
        ("issue", or_null(Type::Integer)),
        ("request", or_null(Type::String)),
        ("identity_id", or_null(Type::Integer)),
        ("identity", or_null(Type::String)),
        ("credential", or_null(Type::String)),
        ("owner_id", or_null(Type::Integer)),
        ("facts", anything()),
    ]);
    Call::new(Method::Get, "/v1/audit", "audit")
        .of(OPERATORS, "What happened, newest first")
        .login("operator")
        .query("name", false, "a slug or `cN`", text())
        .query("identity", false, "an identity's number", number())
        .query("owner", false, "an owner's login or number", text())
        .query(
            "thread",
            false,
            "a board's name and an issue, `kan#1`",
            text(),
        )
        .query("actor", false, "who did it", text())
        .query("since", false, "an instant, or a span such as `7d`", text())
        .query("until", false, "an instant, or a span such as `7d`", text())
        .query("cursor", false, "where another answer ended", text())
        .query("newer", false, "only what is newer than this place", text())
        .query("limit", false, "how many, at most 500", number())
        .json(
            200,
            "a page of entries; `cursor` is null at the end",
            object([
                ("now", text()),
                ("entries", list(entry)),
                ("cursor", or_null(Type::String)),
            ]),
        )
        .problems(&[
            (400, "a parameter that is not known, or means nothing"),
            (401, "no operator's token"),
            (403, "this operator may not read"),
            (
                404,
                "there is no such thing, as far as this operator may know",
            ),
        ])
        .needs_store()
}

fn healthz() -> Call {
    Call::new(Method::Get, "/healthz", "healthz")
        .of(RUNNING, "The process lives")
        .contents(200, "it does", vec![(PLAIN, None)])
}

fn readyz() -> Call {
    let state = || object([("ready", truth())]);
    Call::new(Method::Get, "/readyz", "readyz")
        .of(RUNNING, "It can do its work")
        .about("The forge is reported and not required.")
        .json(200, "it can; how everything stands", state())
        .json(
            503,
            "it cannot yet, or not any more; how far it is",
            state(),
        )
}

fn metrics() -> Call {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Call::new(Method::Get, "/metrics", "metrics")
        .of(RUNNING, "Counters for Prometheus")
        .contents(200, "OpenMetrics", vec![(kind, None)])
}

fn openapi() -> Call {
    Call::new(Method::Get, "/openapi.json", "openapi")
        .of(RUNNING, "This document")
        .json(
            200,
            "OpenAPI 3.1",
            object([("openapi", text()), ("paths", anything())]),
        )
}

fn docs() -> Call {
    Call::new(Method::Get, "/docs", "docs")
        .of(RUNNING, "This document for people")
        .contents(
            200,
            "a page that needs nothing from outside",
            vec![("text/html; charset=utf-8", None)],
        )
}
