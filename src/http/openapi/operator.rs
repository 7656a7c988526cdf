//! The calls of operators; `GET /v1/requests` and `GET /v1/requests/{number}`, which others have, too,
//! are described with theirs.

use utoipa::openapi::schema::Type;

use super::call::{Call, JSON, Method, PLAIN};
use super::shape::{Shape, anything, list, object, or_null, pattern, text, texts_or_null, truth};

/// Their group.
pub(super) const OPERATORS: &str = "operators";

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = vec![identities(), identity(), credentials(), which(), dry_run()];
    for (path, id, summary) in [
        (
            "/v1/identities/{slug}/pause",
            "pauseIdentity",
            "Lets an identity stand still, at once",
        ),
        (
            "/v1/identities/{slug}/revoke",
            "revokeIdentity",
            "Ends an identity and all that it has, for good",
        ),
        (
            "/v1/identities/{slug}/narrow",
            "narrowIdentity",
            "Lets an identity do less, at once",
        ),
        (
            "/v1/identities/{slug}/release",
            "releaseIdentity",
            "Gives an identity back",
        ),
    ] {
        calls.push(order(Call::new(Method::Post, path, id), summary).part(
            "slug",
            "the identity",
            text(),
        ));
    }
    calls.push(
        order(
            Call::new(Method::Post, "/v1/requests/{number}/deny", "denyRequest"),
            "Denies an open request",
        )
        .part("number", "the request", pattern("^R[0-9]+$")),
    );
    calls.extend(wishes());
    let number = || pattern("^c[0-9]+$");
    calls.push(
        ended(
            Method::Delete,
            "/v1/identities/{slug}/credentials/{number}",
            "revokeCredential",
        )
        .part("slug", "the identity", text())
        .part("number", "the credential", number()),
    );
    calls.push(
        ended(
            Method::Delete,
            "/v1/credentials/{number}",
            "revokeCredentialAlone",
        )
        .part("number", "the credential", number()),
    );
    calls
}

/// What every call of an operator has.
fn operator(call: Call, summary: &'static str) -> Call {
    call.of(OPERATORS, summary)
        .login("operator")
        .problems(&[
            (400, "something that is not known, or means nothing"),
            (401, "no operator's token"),
            (403, "this operator may not do that; it is written down"),
            (
                404,
                "there is no such thing, as far as this operator may know",
            ),
        ])
        .needs_store()
}

/// Something that is stopped, with a reason; `dry_run` only says what would happen.
fn order(call: Call, summary: &'static str) -> Call {
    let said = object([
        ("reason?", text()),
        ("dry_run?", truth()),
        ("scopes?", texts_or_null()),
        ("resources?", texts_or_null()),
        ("modes?", texts_or_null()),
        ("ttl?", or_null(Type::String)),
    ]);
    operator(call, summary)
        .about("At once, and never limited. With `dry_run` nothing is written and the answer says what would be. `scopes`, `resources`, `modes` and `ttl` are for `narrow` only: what is to be left.")
        .body(JSON, said)
        .json(200, "what was done, or would be", anything())
        .problems(&[(409, "it cannot be done so; why")])
        .takes_body()
}

fn ended(method: Method, path: &'static str, id: &'static str) -> Call {
    operator(Call::new(method, path, id), "Ends one credential, for good")
        .query("reason", false, "why", text())
        .query("dry_run", false, "only say what would happen", truth())
        .json(200, "what was done, or would be", anything())
        .problems(&[(409, "it cannot be done so; why")])
}

/// What is told of an identity; there is more in it.
fn one() -> Shape {
    object([
        ("identity", text()),
        ("status", text()),
        ("environment", text()),
        ("scopes", list(text())),
        ("expires_at", text()),
    ])
}

fn identities() -> Call {
    operator(
        Call::new(Method::Get, "/v1/identities", "identities"),
        "The identities of the operator's boards",
    )
    .query("board", false, "a board's name", text())
    .query("status", false, "how they stand", text())
    .query("cursor", false, "where another answer ended", text())
    .query("limit", false, "how many", pattern("^[0-9]{1,4}$"))
    .json(
        200,
        "a page; `cursor` is null at the end",
        object([
            ("identities", list(one())),
            ("cursor", or_null(Type::String)),
        ]),
    )
}

fn identity() -> Call {
    operator(
        Call::new(Method::Get, "/v1/identities/{slug}", "identity"),
        "One identity with its credentials, open requests and what happened lately",
    )
    .part("slug", "the identity", text())
    .json(200, "the identity", one())
}

fn credentials() -> Call {
    operator(
        Call::new(
            Method::Get,
            "/v1/identities/{slug}/credentials",
            "credentials",
        ),
        "The credentials of an identity, oldest first",
    )
    .part("slug", "the identity", text())
    .json(
        200,
        "its credentials",
        object([("identity", text()), ("credentials", list(anything()))]),
    )
}

fn which() -> Call {
    operator(
        Call::new(Method::Post, "/v1/token-which", "tokenWhich"),
        "Which credential a token is; that is no use of it",
    )
    .about("The token is the whole body.")
    .body(PLAIN, text())
    .json(200, "the credential", anything())
    .takes_body()
}

fn dry_run() -> Call {
    operator(
        Call::new(Method::Post, "/v1/dry-run", "dryRun"),
        "What would be decided about a comment; nothing is written, and codes and signatures are not looked at",
    )
    .body(JSON, anything())
    .json(200, "what would happen", anything())
    .problems(&[(409, "it cannot be said; why")])
    .takes_body()
}

/// What an operator asks for: only owners open its gate.
fn wishes() -> Vec<Call> {
    let mut calls: Vec<Call> = [
        ("/v1/identities", "askIdentity", "Asks for an identity"),
        ("/v1/identities/{slug}/credentials", "askCredential", "Asks for another credential"),
        ("/v1/identities/{slug}/rotate", "askRotate", "Asks for a successor of a credential"),
        ("/v1/identities/{slug}/resume", "askResume", "Asks that an identity goes on"),
        ("/v1/identities/{slug}/own", "askOwn", "Asks to own an identity"),
    ]
    .into_iter()
    .map(|(path, id, summary)| {
        let call = Call::new(Method::Post, path, id);
        let call = if path.contains("{slug}") {
            call.part("slug", "the identity", text())
        } else {
            call
        };
        asked(operator(call, summary))
            .about("In the name of the operator's `forge_id`, in an issue of the board. With an `Idempotency-Key` the same call again is the same wish. With `dry_run` nothing is written.")
    })
    .collect();
    let request = || pattern("^R[0-9]+$");
    calls.push(
        operator(
            Call::new(
                Method::Get,
                "/v1/requests/{number}/document",
                "requestDocument",
            ),
            "What an approver has to know of a request, signed by the bot; without its code",
        )
        .part("number", "the request", request())
        .json(
            200,
            "the document",
            object([("request", text()), ("signature", text())]),
        ),
    );
    let approve = Call::new(
        Method::Post,
        "/v1/requests/{number}/approve",
        "approveRequest",
    );
    calls.push(asked(
        operator(approve, "Hands in an owner's signature")
            .part("number", "the request", request())
            .about("It counts as that owner's approval by signature, and as nothing else."),
    ));
    calls
}

/// A body in JSON, and what becomes of it.
fn asked(call: Call) -> Call {
    call.body(JSON, anything())
        .json(200, "what would happen, or it is done", anything())
        .json(
            202,
            "it is written down; where, and what it still needs",
            anything(),
        )
        .problems(&[(409, "it cannot be done so; why")])
        .takes_body()
}
