//! The calls of the public listener: for agents, owners and the forge.

use utoipa::openapi::schema::Type;

use super::call::{Call, FORM, JSON, Method, PLAIN};
use super::forms::REQUEST_STATUSES;
use super::operator::{page_size, request_number};
use super::shape::{
    CODE, CREDENTIAL, HEX, SLUG, SPAN, Shape, any_of, between, closed, form, free, list, maybe,
    named, object, one_of_words, or_null, pattern, text, time,
};

const HOLDERS: &str = "holders";
const APPROVERS: &str = "approvers";
const DEAD: (u16, &str) = (
    401,
    "no token, or one that is not alive, whatever the cause; `WWW-Authenticate` says what to do",
);

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = vec![activate(), claim(), status(), rotate(), pause(), revoke()];
    calls.extend([show(), statement(), bot_key(), hook()]);
    calls
}

fn activate() -> Call {
    Call::new(Method::Post, "/v1/activate", "activate")
        .of(HOLDERS, "Uses a token, and tells what it may do")
        .about("The first use of a sealed credential has to come before its `activation` is over. Doing it again gives the same answer.")
        .login("token")
        .json(200, "alive", named("LiveToken"))
        .problems(&[DEAD])
        .needs_store()
}

fn claim() -> Call {
    let claim = || closed([("verifier", verifier()), ("request?", request_number())]);
    Call::new(Method::Post, "/v1/claim", "claim")
        .of(HOLDERS, "Gives the token of an approved request to whoever shows its verifier, once")
        .about("With `Accept: text/plain` the answer is the bare token. The same verifier again while the token was never used ends that token and gives another.")
        .body(FORM, claim())
        .body(JSON, claim())
        .contents(200, "the token", vec![
            (JSON, Some(object([
                ("token", text()),
                ("token_type", one_of_words(&["Bearer"])),
                ("credential", pattern(CREDENTIAL)),
                ("identity", maybe(pattern(SLUG))),
                ("scope", text()),
                ("expires_at", time()),
            ]))),
            (PLAIN, None),
        ])
        .problems(&[
            (400, "no verifier of RFC 7636, or more than that"),
            (403, "the gate is shut now; why"),
            (404, "nothing asked for this"),
            (409, "no owner has approved it yet: ask again in a few seconds"),
            (410, "it is over, or was claimed and used already"),
        ])
        .limited("too many tries for this request")
        .takes_body()
        .needs_store()
}

fn status() -> Call {
    Call::new(Method::Get, "/v1/requests", "requests")
        .of(HOLDERS, "How the request that named a challenge stands; for operators, the list of requests")
        .about("Two calls have this address. With `challenge`, and nothing else, anybody learns how that request stands; with `Accept: text/plain` the answer is the bare word. Without it the answer is the list of requests, the newest first, for an operator who may read: on the internal listener, or with an operator's token where one listener serves everybody. On the public listener alone a `challenge` is needed.")
        .login_or_none("operator")
        .query(
            "challenge", false,
            "the one that the request names (RFC 7636, S256)",
            text(),
        )
        .query("board", false, "of the list: a board's name", text())
        .query("status", false, "of the list: how they stand", one_of_words(&REQUEST_STATUSES))
        .query("cursor", false, "of the list: where another answer ended", pattern("^r[1-9][0-9]{0,14}$"))
        .query("limit", false, "of the list: how many; 100 if it is not said", page_size())
        .contents(
            200,
            "how it stands, or a page of the list; `cursor` is null at the end",
            vec![
                (
                    JSON,
                    Some(any_of([
                        named("RequestStatus"),
                        object([
                            ("requests", list(named("Request"))),
                            ("cursor", or_null(Type::String)),
                        ]),
                    ])),
                ),
                (PLAIN, None),
            ],
        )
        .problems(&[
            (400, "a `challenge` and something else beside it, or a parameter that is not known here, is there twice, or means nothing"),
            (401, "no operator's token, where there is no challenge"),
            (403, "this operator may not read"),
            (404, "no request named it; or there is no such board, as far as this operator may know"),
        ])
        .limited("more calls than the operator has in a minute, or too many wrong tokens from this address")
        .needs_store()
}

fn rotate() -> Call {
    Call::new(Method::Post, "/v1/rotate", "rotate")
        .of(HOLDERS, "Swaps a token for a successor, where the gate lets holders do so")
        .about("The successor is sealed to the key that the shown token was sealed to. The body is empty, or `{}`.")
        .login("token")
        .header("Idempotency-Key", true, "new for each rotation, the same when it is tried again", pattern("^[!-~][ -~]{6,126}[!-~]$"))
        .body_or_none(JSON, closed([]))
        .json(200, "the successor", named("Rotated"))
        .problems(&[
            (400, "no `Idempotency-Key`, or a body that says something"),
            DEAD,
            (403, "this gate does not let holders rotate, or is shut now"),
            (409, "it has a successor already, under another key"),
        ])
        .limited("too many tries for this line of successors")
        .takes_body()
        .needs_store()
}

fn pause() -> Call {
    Call::new(Method::Post, "/v1/pause", "pause")
        .of(HOLDERS, "Lets the identity of a token stand still, at once")
        .about("Only owners let it go on. A secret from before that no identity has stands still by itself. Never limited.")
        .login("token")
        .json(200, "it stands still", object([
            ("identity_status?", one_of_words(&["paused"])),
            ("credential_status?", one_of_words(&["paused"])),
        ]))
        .problems(&[DEAD])
        .needs_store()
}

fn revoke() -> Call {
    Call::new(Method::Post, "/v1/revoke", "revoke")
        .of(HOLDERS, "Ends the credential of a token (RFC 7009)")
        .about("Nobody has to log in. The answer is the same for unknown, expired and revoked tokens: there is nothing left to end. Never limited.")
        .body(FORM, form([("token", text()), ("token_type_hint?", text())]))
        .empty(200, "it is over")
        .problems(&[(400, "no `token`, or a parameter that is there twice")])
        .takes_body()
        .needs_store()
}

fn show() -> Call {
    Call::new(Method::Get, "/v1/requests/{number}", "request")
        .of(
            APPROVERS,
            "What an approver has to know of a request, signed by the bot",
        )
        .about("The signature is Ed25519 over the RFC 8785 form of the answer without `signature`. With an operator's token and no code, on the internal listener, the answer is the request with the verdict, rule by rule.")
        .login_or_none("operator")
        .part("number", "the request", request_number())
        .query("code", false, "the code that stands in the thread", pattern(CODE))
        .json(
            200,
            "the request",
            any_of([named("SignedRequest"), named("RequestWithVerdict")]),
        )
        .problems(&[
            (401, "no operator's token, where there is no code"),
            (403, "this operator may not read"),
        ])
        .problems(&REQUEST_PROBLEMS)
        .limited(WRONG_CODES)
        .needs_store()
}

const WRONG_CODES: &str = "too many wrong codes, the right one is always answered; more calls than the operator has in a minute; or too many wrong tokens from this address";
const REQUEST_PROBLEMS: [(u16, &str); 2] = [
    (
        400,
        "a parameter that is not known here, or is there twice, or says nothing",
    ),
    (404, "no such request, or not its code"),
];

fn statement() -> Call {
    Call::new(Method::Get, "/v1/requests/{number}/statement", "statement")
        .of(APPROVERS, "The exact text that an owner signs")
        .part("number", "the request", request_number())
        .query(
            "code",
            true,
            "the code that stands in the thread",
            pattern(CODE),
        )
        .query(
            "approver",
            true,
            "the numeric id of an owner who may approve",
            between(1, i64::MAX.unsigned_abs()),
        )
        .query("scopes", false, "fewer scopes, parted by commas", text())
        .query("ttl", false, "a shorter life, such as `8h`", pattern(SPAN))
        .query(
            "vouched",
            false,
            "who vouches for the key",
            one_of_words(&["config", "request", "approver"]),
        )
        .contents(200, "the text", vec![(PLAIN, None)])
        .problems(&REQUEST_PROBLEMS)
        .limited("too many wrong codes; the right one is always answered")
        .needs_store()
}

fn bot_key() -> Call {
    Call::new(Method::Get, "/v1/bot-key", "botKey")
        .of(
            APPROVERS,
            "The bot's public key, with which what it signs is checked",
        )
        .json(
            200,
            "the key",
            object([
                ("algorithm", one_of_words(&["Ed25519"])),
                ("public_key", pattern(HEX)),
                ("previous_key", maybe(pattern(HEX))),
                ("pedigree", list(named("Succession"))),
                ("installation", text()),
            ]),
        )
}

fn hook() -> Call {
    Call::new(Method::Post, "/hooks/{board}", "hook")
        .of("forge", "Takes a delivery of a webhook")
        .about("Its HMAC stands in `X-Forgejo-Signature` or `X-Gitea-Signature`. Never limited.")
        .part("board", "the board's name", text())
        .header(
            "X-Forgejo-Signature",
            false,
            "HMAC-SHA-256 of the body, in hex",
            pattern(HEX),
        )
        .header(
            "X-Gitea-Signature",
            false,
            "the same, from a Gitea",
            pattern(HEX),
        )
        .body(JSON, free())
        .empty(202, "it is written down and will be looked at")
        .empty(204, "nothing of it concerns the bot")
        .problems(&[
            (400, "signed, and not what a forge sends"),
            (401, "no valid signature"),
            (404, "no board of that name"),
        ])
        .takes_body()
        .needs_store()
}

fn verifier() -> Shape {
    pattern("^[A-Za-z0-9._~-]{43,128}$")
}
