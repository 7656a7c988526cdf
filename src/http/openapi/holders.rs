//! The calls of the public listener: for agents, owners and the forge.

use super::call::{Call, FORM, JSON, Method, PLAIN};
use super::internal::described;
use super::shape::{
    Shape, anything, either, list, number, object, one_of_words, or_null, pattern, text,
};
use utoipa::openapi::schema::Type;

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
        .json(200, "alive", described())
        .problems(&[DEAD])
        .needs_store()
}

fn claim() -> Call {
    let claim = || object([("verifier", verifier()), ("request?", number_of_request())]);
    Call::new(Method::Post, "/v1/claim", "claim")
        .of(HOLDERS, "Gives the token of an approved request to whoever shows its verifier, once")
        .about("With `Accept: text/plain` the answer is the bare token. The same verifier again while the token was never used ends that token and gives another.")
        .body(FORM, claim())
        .body(JSON, claim())
        .contents(200, "the token", vec![
            (JSON, Some(object([
                ("token", text()),
                ("token_type", text()),
                ("credential", text()),
                ("identity", text()),
                ("scope", text()),
                ("expires_at", text()),
            ]))),
            (PLAIN, None),
        ])
        .problems(&[
            (400, "no verifier of RFC 7636, or more than that"),
            (403, "the gate is shut now; why"),
            (404, "nothing asked for this"),
            (409, "no owner has approved it yet: ask again in a few seconds"),
            (410, "it is over, or was claimed and used already"),
            (429, "too many tries"),
        ])
        .takes_body()
        .needs_store()
}

fn status() -> Call {
    Call::new(Method::Get, "/v1/requests", "requestStatus")
        .of(HOLDERS, "How the request that named a challenge stands")
        .about("With `Accept: text/plain` the answer is the bare word. On the internal listener, and with an operator's token but no challenge where there is one listener, it is the list of requests: `board`, `status`, `cursor` and `limit` as for identities.")
        .query(
            "challenge", false,
            "the one that the request names (RFC 7636, S256)",
            text(),
        )
        .contents(
            200,
            "how it stands",
            vec![
                (
                    JSON,
                    Some(either([object([
                        ("request", number_of_request()),
                        (
                            "status",
                            one_of_words(&["open", "approved", "denied", "void", "ended"]),
                        ),
                        ("ends_at", text()),
                    ]), object([("requests", list(anything())), ("cursor", or_null(Type::String))])])),
                ),
                (PLAIN, None),
            ],
        )
        .problems(&[
            (
                400,
                "no `challenge`, two of them, or something else beside it",
            ),
            (401, "no operator's token, where there is no challenge"),
            (403, "this operator may not read"),
            (404, "no request named it"),
        ])
        .needs_store()
}

fn rotate() -> Call {
    Call::new(Method::Post, "/v1/rotate", "rotate")
        .of(HOLDERS, "Swaps a token for a successor, where the gate lets holders do so")
        .about("The successor is sealed to the key that the shown token was sealed to. The body is empty, or `{}`.")
        .login("token")
        .header("Idempotency-Key", "new for each rotation, the same when it is tried again", pattern("^[ -~]{8,128}$"))
        .json(200, "the successor", object([
            ("credential", text()),
            ("predecessor", text()),
            ("identity", text()),
            ("scope", text()),
            ("recipient", or_null(Type::String)),
            ("sealed", text()),
            ("use_by", text()),
            ("expires_at", text()),
        ]))
        .problems(&[
            (400, "no `Idempotency-Key`, or a body that says something"),
            DEAD,
            (403, "this gate does not let holders rotate, or is shut now"),
            (409, "it has a successor already, under another key"),
            (429, "too many tries"),
        ])
        .takes_body()
        .needs_store()
}

fn pause() -> Call {
    Call::new(Method::Post, "/v1/pause", "pause")
        .of(HOLDERS, "Lets the identity of a token stand still, at once")
        .about("Only owners let it go on. A secret from before that no identity has stands still by itself. Never limited.")
        .login("token")
        .json(200, "it stands still", object([
            ("identity_status?", text()),
            ("credential_status?", text()),
        ]))
        .problems(&[DEAD])
        .needs_store()
}

fn revoke() -> Call {
    Call::new(Method::Post, "/v1/revoke", "revoke")
        .of(HOLDERS, "Ends the credential of a token (RFC 7009)")
        .about("Nobody has to log in. The answer is the same for unknown, expired and revoked tokens: there is nothing left to end. Never limited.")
        .body(FORM, object([("token", text()), ("token_type_hint?", text())]))
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
        .part("number", "the request", number_of_request())
        .query("code", false, "the code that stands in the thread", text())
        .json(
            200,
            "the request",
            either([object([
                ("v", number()),
                ("request", number_of_request()),
                ("status", text()),
                ("code", text()),
                ("digest", text()),
                ("canonical", anything()),
                ("repository", text()),
                ("asker_login", text()),
                ("display_name", or_null(Type::String)),
                ("label", or_null(Type::String)),
                ("reason", or_null(Type::String)),
                ("asked_at", text()),
                ("ends_at", text()),
                ("nonce", or_null(Type::String)),
                ("quorum", number()),
                (
                    "factors",
                    list(one_of_words(&["comment", "code", "signature"])),
                ),
                ("counted", list(number())),
                ("vouched", or_null(Type::String)),
                (
                    "owners",
                    list(object([
                        ("id", number()),
                        ("login", text()),
                        ("signing_keys", list(text())),
                    ])),
                ),
                ("bot_key", text()),
                ("signature", text()),
            ]), object([
                ("request", number_of_request()),
                ("status", text()),
                ("approvals", anything()),
                ("verdict", anything()),
            ])]),
        )
        .problems(&[
            (401, "no operator's token, where there is no code"),
            (403, "this operator may not read"),
        ])
        .problems(&REQUEST_PROBLEMS)
        .needs_store()
}

const REQUEST_PROBLEMS: [(u16, &str); 3] = [
    (
        400,
        "a parameter that is not known here, or is there twice, or says nothing",
    ),
    (404, "no such request, or not its code"),
    (
        429,
        "too many wrong codes; the right one is always answered",
    ),
];

fn statement() -> Call {
    Call::new(Method::Get, "/v1/requests/{number}/statement", "statement")
        .of(APPROVERS, "The exact text that an owner signs")
        .part("number", "the request", number_of_request())
        .query("code", true, "the code that stands in the thread", text())
        .query(
            "approver",
            true,
            "the numeric id of an owner who may approve",
            pattern("^[0-9]+$"),
        )
        .query("scopes", false, "fewer scopes, parted by commas", text())
        .query("ttl", false, "a shorter life, such as `8h`", text())
        .query(
            "vouched",
            false,
            "who vouches for the key",
            one_of_words(&["config", "request", "approver"]),
        )
        .contents(200, "the text", vec![(PLAIN, None)])
        .problems(&REQUEST_PROBLEMS)
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
                ("algorithm", text()),
                ("public_key", text()),
                ("installation", text()),
            ]),
        )
}

fn hook() -> Call {
    Call::new(Method::Post, "/hooks/{board}", "hook")
        .of("forge", "Takes a delivery of a webhook")
        .about("Its HMAC stands in `X-Forgejo-Signature` or `X-Gitea-Signature`. Never limited.")
        .part("board", "the board's name", text())
        .body(JSON, anything())
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

fn number_of_request() -> Shape {
    pattern("^R[0-9]+$")
}

fn verifier() -> Shape {
    pattern("^[A-Za-z0-9._~-]{43,128}$")
}
