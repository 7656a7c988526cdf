//! The calls of operators; `GET /v1/requests` and `GET /v1/requests/{number}`, which others have, too,
//! are described with theirs.

use utoipa::openapi::schema::Type;

use super::call::{Call, JSON, Method, PLAIN};
use super::forms::{IDENTITY_STATUSES, PLACE};
use super::shape::{
    Shape, between, list, named, object, one_of_words, or_null, pattern, short, text, time, truth,
};

/// Their group.
pub(super) const OPERATORS: &str = "operators";

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = vec![identities(), identity(), credentials(), which(), dry_run()];
    calls.extend(orders());
    calls.extend([ended_of(), ended_alone()]);
    calls.extend(wishes());
    calls.extend([document(), approve(), audit()]);
    calls
}

/// What every call of an operator has.
fn operator(call: Call, summary: &'static str) -> Call {
    call.of(OPERATORS, summary)
        .login("operator")
        .problems(&[
            (401, "no operator's token"),
            (403, "this operator may not do that; it is written down"),
            (
                404,
                "there is no such thing, as far as this operator may know",
            ),
        ])
        .needs_store()
}

/// What every call has that is counted by operator.
fn counted(call: Call) -> Call {
    call.limited(
        "more calls than the operator has in a minute, or too many wrong tokens from this address",
    )
}

/// Something that cannot be read.
fn can_be_bad(call: Call) -> Call {
    call.problems(&[(400, "something that is not known here, or means nothing")])
}

/// The part of the path that names an identity.
fn of_identity(call: Call) -> Call {
    call.part("slug", "the identity", slug())
}

/// The part of the path that names a request.
fn of_request(call: Call) -> Call {
    call.part("number", "the request", request_number())
}

/// The part of the path that names a credential.
fn of_credential(call: Call) -> Call {
    call.part(
        "number",
        "the credential",
        pattern("^[Cc][1-9][0-9]{0,14}$"),
    )
}

/// An identity's name, as a part of a path: what cannot be one is as unknown as one that is not there.
fn slug() -> Shape {
    pattern(super::shape::SLUG)
}

/// A request's number as people write it.
pub(super) fn request_number() -> Shape {
    pattern("^[Rr][1-9][0-9]{0,14}$")
}

/// How many things a page has.
pub(super) fn page_size() -> Shape {
    between(1, 500)
}

/// Something that is stopped, with a reason; `dry_run` only says what would happen.
fn orders() -> Vec<Call> {
    let order = |call: Call, form: &str, about| {
        can_be_bad(call)
            .about(about)
            .json(200, "what was done, or would be", named("OrderDone"))
            .problems(&[(409, "it cannot be done so; why")])
            .takes_body()
            .body_or_none(JSON, named(form))
    };
    let at_once = "At once, and never limited. With `dry_run` nothing is written and the answer says what would be.";
    let mut calls: Vec<Call> = [
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
            "/v1/identities/{slug}/release",
            "releaseIdentity",
            "Gives an identity back",
        ),
    ]
    .into_iter()
    .map(|(path, id, summary)| {
        let call = of_identity(Call::new(Method::Post, path, id));
        order(operator(call, summary), "Order", at_once)
    })
    .collect();
    let mut narrow = order(
        operator(
            of_identity(Call::new(
                Method::Post,
                "/v1/identities/{slug}/narrow",
                "narrowIdentity",
            )),
            "Lets an identity do less, at once",
        ),
        "Narrowing",
        "`scopes`, `resources`, `modes` and `ttl` say what is to be left. Never limited. With `dry_run` nothing is written and the answer says what would be.",
    );
    narrow.body_is_needed = true;
    calls.push(narrow);
    let deny = Call::new(Method::Post, "/v1/requests/{number}/deny", "denyRequest");
    calls.push(order(
        operator(of_request(deny), "Denies an open request"),
        "Order",
        at_once,
    ));
    calls
}

/// What a credential's end has.
fn ended(call: Call) -> Call {
    can_be_bad(operator(call, "Ends one credential, for good"))
        .query("reason", false, "why", short(400))
        .query("dry_run", false, "only say what would happen", truth())
        .json(200, "what was done, or would be", named("OrderDone"))
        .problems(&[(409, "it cannot be done so; why")])
}

fn ended_of() -> Call {
    let path = "/v1/identities/{slug}/credentials/{number}";
    let call = Call::new(Method::Delete, path, "revokeCredential");
    of_credential(of_identity(ended(call))).about("At once, and never limited.")
}

fn ended_alone() -> Call {
    let path = "/v1/credentials/{number}";
    let call = Call::new(Method::Delete, path, "revokeCredentialAlone");
    of_credential(ended(call)).about(
        "At once, and never limited. Whosever it is: for secrets from before that no identity has.",
    )
}

fn identities() -> Call {
    let call = Call::new(Method::Get, "/v1/identities", "identities");
    let call = can_be_bad(operator(call, "The identities of the operator's boards"));
    counted(call)
        .query("board", false, "a board's name", text())
        .query(
            "status",
            false,
            "how they stand",
            one_of_words(&IDENTITY_STATUSES),
        )
        .query(
            "cursor",
            false,
            "where another answer ended",
            pattern("^i[1-9][0-9]{0,14}$"),
        )
        .query(
            "limit",
            false,
            "how many; 100 if it is not said",
            page_size(),
        )
        .json(
            200,
            "a page, by number; `cursor` is null at the end",
            object([
                ("identities", list(named("Identity"))),
                ("cursor", or_null(Type::String)),
            ]),
        )
}

fn identity() -> Call {
    let call = Call::new(Method::Get, "/v1/identities/{slug}", "identity");
    let summary = "One identity with its credentials, open requests and what happened lately";
    counted(of_identity(operator(call, summary))).json(
        200,
        "the identity",
        named("IdentityWithAll"),
    )
}

fn credentials() -> Call {
    let path = "/v1/identities/{slug}/credentials";
    let call = Call::new(Method::Get, path, "credentials");
    let summary = "The credentials of an identity, oldest first";
    counted(of_identity(operator(call, summary))).json(
        200,
        "its credentials",
        object([
            ("identity", slug()),
            ("credentials", list(named("Credential"))),
        ]),
    )
}

fn which() -> Call {
    let call = Call::new(Method::Post, "/v1/token-which", "tokenWhich");
    let summary = "Which credential a token is; that is no use of it";
    counted(can_be_bad(operator(call, summary)))
        .about("The token is the whole body, whatever kind it says it is.")
        .body_or_none(PLAIN, text())
        .json(200, "the credential", named("CredentialOfToken"))
        .takes_body()
}

fn dry_run() -> Call {
    let call = Call::new(Method::Post, "/v1/dry-run", "dryRun");
    let summary = "What would be decided about a comment; nothing is written, and codes and signatures are not looked at";
    counted(can_be_bad(operator(call, summary)))
        .body(JSON, named("DryRun"))
        .json(200, "what would happen", named("DryRunDone"))
        .takes_body()
}

/// What an operator asks for: only owners open its gate.
fn wishes() -> Vec<Call> {
    [
        (
            "/v1/identities",
            "askIdentity",
            "Asks for an identity",
            "WishIdentity",
        ),
        (
            "/v1/identities/{slug}/credentials",
            "askCredential",
            "Asks for another credential",
            "WishCredential",
        ),
        (
            "/v1/identities/{slug}/rotate",
            "askRotate",
            "Asks for a successor of a credential",
            "WishRotate",
        ),
        (
            "/v1/identities/{slug}/resume",
            "askResume",
            "Asks that an identity goes on",
            "WishNothingMore",
        ),
        (
            "/v1/identities/{slug}/own",
            "askOwn",
            "Asks to own an identity",
            "WishNothingMore",
        ),
    ]
    .into_iter()
    .map(|(path, id, summary, form)| {
        let call = Call::new(Method::Post, path, id);
        let call = if path.contains("{slug}") {
            of_identity(call)
        } else {
            call
        };
        counted(can_be_bad(operator(call, summary)))
            .about("In the name of the operator's `forge_id`, in an issue of the board. What it is asked with are the keys of a request in a comment. With an `Idempotency-Key` the same call again is the same wish. With `dry_run` nothing is written.")
            .header(
                "Idempotency-Key",
                false,
                "the same when it is tried again",
                pattern("^[!-~]([ -~]{0,253}[!-~])?$"),
            )
            .body_or_none(JSON, named(form))
            .json(200, "what would be asked", named("WishWould"))
            .json(
                202,
                "it is written down; where, and what it still needs",
                named("WishAsked"),
            )
            .problems(&[(409, "it cannot be asked so; why")])
            .takes_body()
    })
    .collect()
}

fn document() -> Call {
    let path = "/v1/requests/{number}/document";
    let call = Call::new(Method::Get, path, "requestDocument");
    let summary = "What an approver has to know of a request, signed by the bot; without its code";
    counted(of_request(operator(call, summary))).json(200, "the document", named("SignedRequest"))
}

fn approve() -> Call {
    let path = "/v1/requests/{number}/approve";
    let call = Call::new(Method::Post, path, "approveRequest");
    counted(can_be_bad(operator(call, "Hands in an owner's signature")))
        .part("number", "the request", request_number())
        .about("It counts as that owner's approval by signature, and as nothing else.")
        .body(JSON, named("Signature"))
        .json(
            200,
            "the gate is open, and what was asked is done",
            named("SignatureOpened"),
        )
        .json(
            202,
            "it is counted, and more are needed",
            named("SignatureCounted"),
        )
        .problems(&[(409, "it is not counted; why, with a `code`")])
        .takes_body()
}

fn audit() -> Call {
    let call = Call::new(Method::Get, "/v1/audit", "audit");
    let moment = || super::shape::any_of([pattern(super::shape::SPAN), time()]);
    let call = counted(can_be_bad(operator(call, "What happened, newest first")))
        .query("name", false, "a slug or `cN`", text())
        .query(
            "identity",
            false,
            "an identity's number",
            between(0, u64::MAX),
        )
        .query("owner", false, "an owner's login or number", text())
        .query(
            "thread",
            false,
            "a board's name and an issue, `kan#1`; the issue alone where there is one board",
            pattern("^([^#]*#)?[1-9][0-9]{0,14}$"),
        )
        .query("actor", false, "who did it", text());
    call.query(
        "since",
        false,
        "an instant, or a span such as `7d`",
        moment(),
    )
    .query(
        "until",
        false,
        "an instant, or a span such as `7d`",
        moment(),
    )
    .query(
        "cursor",
        false,
        "where another answer ended",
        pattern(PLACE),
    )
    .query(
        "newer",
        false,
        "only what is newer than this place",
        pattern(PLACE),
    )
    .query(
        "limit",
        false,
        "how many; 500 if it is not said",
        page_size(),
    )
    .json(
        200,
        "a page of entries; `cursor` is null at the end",
        object([
            ("now", time()),
            ("entries", list(named("AuditEntry"))),
            ("cursor", or_null(Type::String)),
        ]),
    )
}
