//! The calls of the internal listener: for resource servers and whoever runs the bot.

use super::call::{Call, FORM, JSON, Method, PLAIN};
use super::shape::{
    any_of, form, free, list, list_of, named, number, object, one_of_words, open, pattern, some,
    text,
};

const SERVERS: &str = "resource servers";
const RUNNING: &str = "running it";

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = vec![introspect(), forward_auth(), activity()];
    calls.extend([healthz(), readyz(), metrics(), openapi(), docs()]);
    calls
}

/// Who is no client.
const NO_CLIENT: (u16, &str) = (401, "not the name and secret of a client");
const TOO_OFTEN: &str =
    "more calls than the client has in a minute, or too many wrong secrets from this address";

fn introspect() -> Call {
    Call::new(Method::Post, "/v1/introspect", "introspect")
        .of(SERVERS, "Whether a token is alive, and what it may do now (RFC 7662)")
        .about("Whatever is wrong with a token, or whosever it is, the answer is `{\"active\":false}` and nothing else. A positive answer may be kept for 30 s at most: that is how long a revoked token goes on there.")
        .login("client")
        .body(FORM, form([("token", text()), ("token_type_hint?", text())]))
        .json(200, "what it may do, or that it is not alive", any_of([
            named("LiveToken"),
            named("DeadToken"),
        ]))
        .problems(&[
            (400, "no `token`, or a parameter that is there twice"),
            NO_CLIENT,
        ])
        .limited(TOO_OFTEN)
        .takes_body()
        .needs_store()
}

/// Every header that says who acts, and what stands in it.
pub(super) const IDENTITY: [(&str, &str); 6] = [
    ("X-Agent-Id", "The identity's number"),
    ("X-Agent-Identity", "The identity's name"),
    (
        "X-Agent-Scopes",
        "What the token may do now, parted by blanks",
    ),
    ("X-Agent-Owner", "The numeric id of who answers for it"),
    ("X-Agent-Credential", "The credential, `c1`"),
    ("X-Agent-Environment", "Where it may be used"),
];

fn forward_auth() -> Call {
    let word = || pattern("^[A-Za-z0-9._:/-]{1,64}$");
    Call::new(Method::Get, "/v1/forward-auth", "forwardAuth")
        .of(SERVERS, "Whether a proxy may let a request through, and as whom")
        .about("By any method; no body is read. The answer is 200, 401 or 403 and nothing else. All identity headers are always set, empty if there is none. Never limited.")
        .login_or_none("token")
        .by_any_method()
        .query("client", true, "exactly one: for which client of the config the proxy asks", word())
        .query("scope", true, "what the route demands; may be there several times, and all are needed", some(word()))
        .query("resource", false, "what inside the workspace the route is about", word())
        .query("mode", false, "how the route is used", word())
        .query("foreign", false, "`pass`: requests without a token of ours go on, without a name", one_of_words(&["pass"]))
        .empty(200, "let it through")
        .with_headers(&IDENTITY.map(|(name, _)| name))
        .problems(&[
            (401, "no token, or one that is not alive, whatever the cause"),
            (403, "the token may not do this, the address is wrong, or nothing can be said now"),
        ])
}

fn activity() -> Call {
    Call::new(Method::Post, "/v1/activity", "activity")
        .of(SERVERS, "Says what credentials did")
        .about("At most 500 events of at most 1 KiB each. Each names its credential by `jti` or by `token`, not by both. Kept as the word of who says it; an event that is sent again does nothing. An event that is none is refused for itself, and the others are taken.")
        .login("client")
        .body(JSON, object([("events", list_of(500, named("ActivityEvent")))]))
        .json(200, "what became of each, in the same order", object([
            ("accepted", number()),
            ("refused", number()),
            ("events", list(named("ActivityResult"))),
        ]))
        .problems(&[
            (400, "no object with a list named `events`, or too many of them"),
            NO_CLIENT,
        ])
        .limited("more calls than the client has in a minute, or the day's share of the journal is used up")
        .takes_body()
        .needs_store()
}

fn healthz() -> Call {
    Call::new(Method::Get, "/healthz", "healthz")
        .of(RUNNING, "The process lives")
        .contents(200, "it does", vec![(PLAIN, None)])
}

fn readyz() -> Call {
    Call::new(Method::Get, "/readyz", "readyz")
        .of(RUNNING, "It can do its work")
        .about("The forge is reported and not required.")
        .json(200, "it can; how everything stands", named("Readiness"))
        .json(
            503,
            "it cannot yet, or not any more; how far it is",
            named("Readiness"),
        )
        .with_headers(&["Retry-After"])
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
            open([("openapi", text()), ("paths", free())]),
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
