//! Forms that have a name in the document: what there is (identities, credentials, requests, entries of
//! the audit) as the bot shows it.

use utoipa::openapi::schema::Type;

use super::shape::{
    CODE, CREDENTIAL, HEX, Member, REQUEST, SLUG, Shape, any_of, closed, free, list, maybe, named,
    number, object, one_of_words, only, or_null, pattern, text, texts, time, truth,
};

/// How an identity can stand.
pub(super) const IDENTITY_STATUSES: [&str; 5] =
    ["active", "paused", "expired", "revoked", "released"];
/// How a request can stand.
pub(super) const REQUEST_STATUSES: [&str; 6] =
    ["open", "approved", "denied", "withdrawn", "void", "ended"];

/// All of them, by name.
pub(super) fn all() -> Vec<Member> {
    vec![
        ("Problem", problem()),
        ("LiveToken", live_token()),
        ("DeadToken", closed([("active", only(false))])),
        ("Ending", ending()),
        ("Identity", object(identity())),
        ("IdentityWithAll", identity_with_all()),
        ("Credential", object(credential())),
        ("CredentialOfToken", credential_of_token()),
        ("Request", object(request())),
        ("RequestWithVerdict", request_with_verdict()),
        ("RequestStatus", request_status()),
        ("Verdict", verdict()),
        ("SignedRequest", signed_request()),
        ("Canonical", canonical()),
        ("Succession", succession()),
        ("AuditEntry", audit_entry()),
    ]
}

/// Some texts, or no such limit.
fn limit() -> Shape {
    maybe(texts())
}

/// The error of RFC 9457.
fn problem() -> Shape {
    object([
        ("type", text()),
        ("title", text()),
        ("status", number()),
        ("detail", text()),
        // The code of RFC 6750 and others; and why an approval is not counted, as in docs/events.md.
        ("error?", text()),
        ("code?", text()),
    ])
}

/// What is told of a live token (RFC 7662 §2.2).
fn live_token() -> Shape {
    object([
        ("active", only(true)),
        ("sub", text()),
        ("scope", text()),
        ("exp", number()),
        ("iat", number()),
        ("jti", pattern(CREDENTIAL)),
        ("iss", text()),
        ("aud", text()),
        ("client_id", text()),
        ("token_type", one_of_words(&["Bearer"])),
        (
            "ownergate",
            object([
                ("identity_id", or_null(Type::Integer)),
                ("identity_status", maybe(one_of_words(&["active"]))),
                ("workspace", text()),
                ("resources", limit()),
                ("modes", limit()),
                ("environment", text()),
                ("owner_id", number()),
                ("requester_id", number()),
                (
                    "thread",
                    object([("repository", number()), ("issue", number())]),
                ),
                ("label?", text()),
            ]),
        ),
    ])
}

/// Who stopped something, when and why.
fn ending() -> Shape {
    object([("by", text()), ("at", time()), ("why", text())])
}

/// Where something belongs; a board that is not configured any more has no name.
fn place() -> [Member; 3] {
    [
        ("board", or_null(Type::String)),
        ("repository_id", number()),
        ("issue", number()),
    ]
}

fn identity() -> Vec<Member> {
    let mut members = vec![
        ("identity", pattern(SLUG)),
        ("identity_id", number()),
        ("display_name", or_null(Type::String)),
        ("environment", text()),
        ("status", one_of_words(&IDENTITY_STATUSES)),
        ("since", maybe(named("Ending"))),
        ("requester_id", number()),
        ("owner_id", number()),
        ("owner", or_null(Type::String)),
        ("scopes", texts()),
        ("resources", limit()),
        ("modes", limit()),
        ("created_at", time()),
        ("expires_at", time()),
        ("last_rotated_at", maybe(time())),
        ("credentials", list(pattern(CREDENTIAL))),
    ];
    members.extend(place());
    members
}

fn identity_with_all() -> Shape {
    let mut members = identity();
    members.retain(|(name, _)| *name != "credentials");
    let happened = object([("at", time()), ("code", text()), ("text", text())]);
    members.extend([
        ("requester", or_null(Type::String)),
        ("credentials", list(named("Credential"))),
        ("open_requests", list(pattern(REQUEST))),
        ("recent", list(happened)),
    ]);
    object(members)
}

fn credential() -> Vec<Member> {
    let statuses = ["pending", "active", "grace", "paused", "revoked", "expired"];
    let other = || maybe(pattern(CREDENTIAL));
    vec![
        ("credential", pattern(CREDENTIAL)),
        ("identity", maybe(pattern(SLUG))),
        ("kind", one_of_words(&["token", "legacy"])),
        ("label", or_null(Type::String)),
        ("status", one_of_words(&statuses)),
        ("since", maybe(named("Ending"))),
        ("works", truth()),
        ("scopes", texts()),
        ("scopes_now", maybe(texts())),
        ("resources", limit()),
        ("modes", limit()),
        ("request", pattern(REQUEST)),
        ("approver_ids", list(number())),
        ("issued_at", time()),
        ("expires_at", time()),
        ("activate_by", maybe(time())),
        ("grace_until", maybe(time())),
        ("last_used_at", maybe(time())),
        ("predecessor", other()),
        ("successor", other()),
    ]
}

fn credential_of_token() -> Shape {
    let mut members = credential();
    members.push(("identity_status", maybe(one_of_words(&IDENTITY_STATUSES))));
    object(members)
}

/// The words of what can be asked for.
fn actions() -> Shape {
    one_of_words(&["issue", "import", "link", "rotate", "resume", "thaw", "own"])
}

fn request() -> Vec<Member> {
    let mut members = vec![
        ("request", pattern(REQUEST)),
        ("action", actions()),
        ("identity", maybe(pattern(SLUG))),
        ("status", one_of_words(&REQUEST_STATUSES)),
        ("why", or_null(Type::String)),
        ("requester", text()),
        ("requester_login", text()),
        ("environment", text()),
        ("scopes", texts()),
        ("ttl", or_null(Type::Integer)),
        ("label", or_null(Type::String)),
        ("reason", or_null(Type::String)),
        ("asked_at", time()),
        ("ends_at", time()),
        ("approver_ids", list(number())),
        ("quorum", or_null(Type::Integer)),
    ];
    members.extend(place());
    members
}

fn request_with_verdict() -> Shape {
    let approval = object([
        ("approver_id", number()),
        ("comment", or_null(Type::Integer)),
        ("scopes", texts()),
        ("ttl", or_null(Type::Integer)),
        ("signed_by", or_null(Type::String)),
        ("code", truth()),
        ("counted_at", time()),
    ]);
    let not_counted = object([
        ("at", time()),
        ("by", text()),
        ("codes", texts()),
        ("comment", or_null(Type::Integer)),
    ]);
    let mut members = request();
    members.extend([
        ("code", pattern(CODE)),
        ("digest", pattern(HEX)),
        ("recipient", or_null(Type::String)),
        ("challenge", or_null(Type::String)),
        ("approvals", list(approval)),
        ("not_counted", list(not_counted)),
        ("verdict", maybe(named("Verdict"))),
    ]);
    object(members)
}

/// Rule by rule, and owner by owner.
fn verdict() -> Shape {
    let rule = object([
        ("rule", text()),
        ("finding", one_of_words(&["ok", "not", "unknown"])),
        ("code?", text()),
        ("why?", text()),
    ]);
    let owner = object([
        ("id", number()),
        ("login", or_null(Type::String)),
        (
            "stands",
            one_of_words(&["counted", "missing", "not_counted"]),
        ),
        ("why", texts()),
    ]);
    object([
        ("open", truth()),
        ("rules", list(rule)),
        ("owners", list(owner)),
    ])
}

fn request_status() -> Shape {
    let words = ["open", "approved", "denied", "void", "ended"];
    object([
        ("request", pattern(REQUEST)),
        ("status", one_of_words(&words)),
        ("ends_at", time()),
    ])
}

fn signed_request() -> Shape {
    let owner = object([
        ("id", number()),
        ("login", text()),
        ("signing_keys", texts()),
    ]);
    object([
        ("v", number()),
        ("request", pattern(REQUEST)),
        ("status", one_of_words(&REQUEST_STATUSES)),
        ("code", pattern(CODE)),
        ("digest", pattern(HEX)),
        ("canonical", named("Canonical")),
        ("repository", text()),
        ("asker_login", text()),
        ("display_name", or_null(Type::String)),
        ("label", or_null(Type::String)),
        ("reason", or_null(Type::String)),
        ("asked_at", time()),
        ("ends_at", time()),
        ("nonce", or_null(Type::String)),
        ("quorum", number()),
        (
            "factors",
            list(one_of_words(&["comment", "code", "signature"])),
        ),
        ("counted", list(number())),
        (
            "vouched",
            maybe(one_of_words(&["config", "request", "approver"])),
        ),
        ("owners", list(owner)),
        ("bot_key", pattern(HEX)),
        ("pedigree?", list(named("Succession"))),
        ("signature", text()),
    ])
}

/// Everything that a request's digest covers.
fn canonical() -> Shape {
    let alive = object([
        ("credential", number()),
        ("scopes", texts()),
        ("ends", time()),
    ]);
    let import = object([
        ("file", pattern(HEX)),
        ("lines", number()),
        ("rows", pattern(HEX)),
        ("identities", free()),
        ("requesters", list(number())),
    ]);
    let effect = object([
        ("identity?", pattern(SLUG)),
        ("scopes", texts()),
        ("resources?", texts()),
        ("modes?", texts()),
        ("environment", text()),
        ("ttl?", number()),
        ("recipient?", text()),
        ("challenge?", text()),
        ("predecessor?", number()),
        ("import?", import),
        ("alive?", list(alive)),
        ("owner?", number()),
        ("since?", time()),
    ]);
    object([
        ("v", number()),
        ("action", actions()),
        ("installation", text()),
        ("forge", text()),
        ("repository_id", number()),
        ("thread", number()),
        ("request", pattern(REQUEST)),
        (
            "requester",
            any_of([
                object([("user?", number()), ("operator?", text())]),
                one_of_words(&["clock", "bot"]),
            ]),
        ),
        ("effect", effect),
    ])
}

/// A key, and the one before that vouches for it.
fn succession() -> Shape {
    object([
        ("key", pattern(HEX)),
        ("after", pattern(HEX)),
        ("signature", text()),
    ])
}

fn audit_entry() -> Shape {
    object([
        ("place", pattern(PLACE)),
        ("seq", number()),
        ("at", time()),
        ("code", text()),
        ("actor", text()),
        ("text", text()),
        ("repository_id", or_null(Type::Integer)),
        ("board", or_null(Type::String)),
        ("issue", or_null(Type::Integer)),
        ("request", maybe(pattern(REQUEST))),
        ("identity_id", or_null(Type::Integer)),
        ("identity", maybe(pattern(SLUG))),
        ("credential", maybe(pattern(CREDENTIAL))),
        ("owner_id", or_null(Type::Integer)),
        // They differ by `code`.
        ("facts", maybe(free())),
    ])
}

/// Where an entry of the audit stands.
pub(super) const PLACE: &str = "^[0-9]{1,15}\\.[0-9]{1,15}\\.[0-9]{1,9}$";
