//! Requests that are refused: everything that is wrong with one is said at once, and nothing is kept
//! of it.

use std::sync::atomic::Ordering;

use insta::assert_snapshot;
use ownergate::miniforge::Person;

use crate::harness::{Key, Story, Thread};

/// What every row of a table lacks.
fn filled(rows: &[&str], key: &Key) -> Vec<String> {
    rows.iter()
        .map(|row| row.replace("RECIPIENT", &key.recipient))
        .collect()
}

async fn table(thread: &Thread<'_>, who: &Person, rows: &[&str], key: &Key) -> String {
    let rows = filled(rows, key);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    thread.table(who, &rows).await
}

/// Requests that lack something, or have it twice.
const WHAT_IS_LACKING_OR_DOUBLED_IS_NAMED: [&str; 8] = [
    "/gate request",
    "/gate request scopes=board:read ttl=8h recipient=RECIPIENT",
    "/gate request identity=x ttl=8h recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8h",
    "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT challenge=short",
    "/gate request identity=x scopes=board:read,board:read ttl=8h recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8h ttl=9h recipient=RECIPIENT",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lacking_or_doubled_is_named() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let said = table(&thread, codex, &WHAT_IS_LACKING_OR_DOUBLED_IS_NAMED, &key).await;
    assert_snapshot!(said, @r"
    > /gate request
    bad_form: `/gate request` lacks ``identity=… scopes=… ttl=… recipient=age1…, or a fenced `toml` block with them``

    > /gate request scopes=board:read ttl=8h recipient=age1…
    bad_form: `/gate request` lacks `identity=…`

    > /gate request identity=x ttl=8h recipient=age1…
    bad_form: `/gate request` lacks `scopes=…`

    > /gate request identity=x scopes=board:read recipient=age1…
    bad_form: `/gate request` lacks `ttl=…`

    > /gate request identity=x scopes=board:read ttl=8h
    bad_form: `/gate request` lacks `recipient=age1…`

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1… challenge=short
    bad_request: `recipient` must be alone: a request names `recipient` or `challenge`, not both

    > /gate request identity=x scopes=board:read,board:read ttl=8h recipient=age1…
    bad_request: `scopes` must be names that are different; `board:read` is there twice

    > /gate request identity=x scopes=board:read ttl=8h ttl=9h recipient=age1…
    bad_form: `ttl` is there twice
    ");
    assert_eq!(thread.block("request"), serde_json::Value::Null);
}

/// Requests with a key or a value that is none.
const WHAT_CANNOT_BE_READ_IS_NAMED: [&str; 11] = [
    "/gate request identity=x scopes=board:read ttl=8h recipient=age1qqqq",
    "/gate request identity=x scopes=board:read ttl=8h challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "/gate request identity=x scopes=board:read ttl=8h challenge=short",
    "/gate request identity=Codex scopes=board:read ttl=8h recipient=RECIPIENT",
    "/gate request identity=x scopes=Board:Read ttl=8h recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8 recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT reson=\"sort\"",
    "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT colour=red",
    "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT reason=\"sort",
    "/gate request\n```toml\nidentity = x\n```",
    "/gate request\n```\nidentity = \"x\"\n```",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_named() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let said = table(&thread, codex, &WHAT_CANNOT_BE_READ_IS_NAMED, &key).await;
    assert_snapshot!(said, @r#"
    > /gate request identity=x scopes=board:read ttl=8h recipient=age1qqqq
    bad_request: `recipient` must be an age recipient as `age-keygen` or `ownergate keygen age` prints it: `age1…`, 62 characters, none mistyped

    > /gate request identity=x scopes=board:read ttl=8h challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    bad_request: `challenge` must be your own: that one is the example of RFC 7636, and everybody knows its verifier

    > /gate request identity=x scopes=board:read ttl=8h challenge=short
    bad_request: `challenge` must be 43 characters of base64url: the SHA-256 of the verifier

    > /gate request identity=Codex scopes=board:read ttl=8h recipient=age1…
    bad_request: `identity` must be 1 to 40 of a-z, 0-9 and `-`, not at an end; or such a name and `-*`

    > /gate request identity=x scopes=Board:Read ttl=8h recipient=age1…
    bad_request: `scopes` must be names of a-z, 0-9 and `. _ : -`, parted by commas without blanks

    > /gate request identity=x scopes=board:read ttl=8 recipient=age1…
    bad_request: `ttl` must be a whole number and s, m, h or d, such as `8h`

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1… reson="sort"
    bad_form: there is no key `reson`; did you mean `reason`?

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1… colour=red
    bad_form: `colour` is no `key=value` of this command

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1… reason="sort
    bad_request: ``the quoted value of `reason` does not end in a quote before the next word``

    > /gate request
    ```toml
    identity = x
    ```
    bad_request: `the block is not valid TOML: string values must be quoted, expected literal string`

    > /gate request
    ```
    identity = "x"
    ```
    bad_request: ````after `/gate request` only one block that opens with ```toml may follow````
    "#);
    assert_eq!(thread.block("request"), serde_json::Value::Null);
}

/// a07, and the neighbours of the right form
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_strict_in_form() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let said = table(
        &thread,
        codex,
        &[
            "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT reason=“test”",
            "/Gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT",
            "/gate request  identity=x scopes=board:read ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT\nThank you!",
            "Hello\n/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT",
            "> /gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT",
            "/gate reqest identity=x scopes=board:read ttl=8h recipient=RECIPIENT",
            "/gate please",
            "/gate",
        ],
        &key,
    )
    .await;
    assert_snapshot!(said, @r#"
    > /gate request identity=x scopes=board:read ttl=8h recipient=age1… reason=“test”
    bad_character: U+201C (typographic quote) stands in line 1 at place 131; the command must be plain ASCII from the first character on

    ```
    /gate request identity=x scopes=board:read ttl=8h recipient=age1… reason="test"
    ```

    > /Gate request identity=x scopes=board:read ttl=8h recipient=age1…
    bad_character: `/Gate request` must be in lower case (the capital letter is `G`)

    ```
    /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    ```

    > /gate request  identity=x scopes=board:read ttl=8h recipient=age1…
    bad_character: a second blank (U+0020) stands at place 15; words are parted by one

    ```
    /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    ```

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    Thank you!
    not_alone: more text follows; `/gate request` must stand alone in its comment

    ```
    /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    ```

    > Hello
    /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    not_alone: line 2 looks like a command and does nothing: other text stands before it. A command starts at the first character of its own comment

    > > /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    not_alone: line 1 looks like a command and does nothing: it stands in a quote. A command starts at the first character of its own comment

    > /gate reqest identity=x scopes=board:read ttl=8h recipient=age1…
    unknown_verb: there is no such verb; did you mean `/gate request`?

    > /gate please
    unknown_verb: there is no such verb; did you mean `/gate release`?

    > /gate
    unknown_verb: `/gate` needs a verb; `/gate help` shows them
    "#);
    assert_eq!(thread.block("request"), serde_json::Value::Null);
}

/// A board with closed lists.
const CLOSED_LISTS: [(&str, &str); 1] = [(
    "machine_accounts = [7]",
    "machine_accounts = [7]\nresources = [\"roadmap\", \"inbox\"]\nmodes = [\"interactive\"]",
)];

/// Requests that this board could never grant.
const NEVER_GRANTED: [&str; 9] = [
    "/gate request identity=x scopes=repo:admin,board:read ttl=8h recipient=RECIPIENT",
    "/gate request identity=x scopes=deploy:run ttl=8h recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=25h recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=59s recipient=RECIPIENT",
    "/gate request identity=x scopes=deploy:run ttl=0s recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8h environment=live recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8h resources=roadmap,secrets recipient=RECIPIENT",
    "/gate request identity=x scopes=board:read ttl=8h modes=autonomous recipient=RECIPIENT",
    "/gate request identity=a-name-of-exactly-forty-characters-it-is-* scopes=board:read ttl=8h recipient=RECIPIENT",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_owner_could_grant_is_refused_when_it_is_asked() {
    let story = Story::configured(&CLOSED_LISTS).await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let said = table(&thread, codex, &NEVER_GRANTED, &key).await;
    assert_snapshot!(said, @r"
    > /gate request identity=x scopes=repo:admin,board:read ttl=8h recipient=age1…
    scopes_not_granted: This gate does not grant `repo:admin`.

    > /gate request identity=x scopes=deploy:run ttl=8h recipient=age1…
    scopes_not_granted: This gate does not grant `deploy:run`. Nothing is left that these owners may hand on.

    > /gate request identity=x scopes=board:read ttl=25h recipient=age1…
    ttl_over_limit: The ttl is over this gate's limit of 1d.

    > /gate request identity=x scopes=board:read ttl=59s recipient=age1…
    ttl_under_limit: The ttl is shorter than 1m.

    > /gate request identity=x scopes=deploy:run ttl=0s recipient=age1…
    ttl_under_limit: The ttl is shorter than 1m. This gate does not grant `deploy:run`. Nothing is left that these owners may hand on.

    > /gate request identity=x scopes=board:read ttl=8h environment=live recipient=age1…
    no_gate: This board has no gate `live`.

    > /gate request identity=x scopes=board:read ttl=8h resources=roadmap,secrets recipient=age1…
    bad_request: This board has no `secrets` among its resources: `inbox` `roadmap`.

    > /gate request identity=x scopes=board:read ttl=8h modes=autonomous recipient=age1…
    bad_request: This board has no `autonomous` among its modes: `interactive`.

    > /gate request identity=a-name-of-exactly-forty-characters-it-is-* scopes=board:read ttl=8h recipient=age1…
    bad_request: `a-name-of-exactly-forty-characters-it-is-kan-1` is longer than the 40 characters of a name; ask with a shorter one.
    ");
    let said = table(
        &thread,
        alice,
        &["/gate request identity=x scopes=board:read ttl=8h environment=pair recipient=RECIPIENT"],
        &key,
    )
    .await;
    assert_snapshot!(said, @r"
    > /gate request identity=x scopes=board:read ttl=8h environment=pair recipient=age1…
    too_few_owners: 2 owners must approve and only 1 could: not counted are who asks or benefits, and who lacks a key or one-time codes that the gate demands or may hand on nothing of this.
    ");
}

/// G6: a name is never passed on, and what an identity is never changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_lives_binds_who_asks_for_it_and_where() {
    let story = Story::configured(&[(
        "[board.gate.dev]",
        "[[board.requester]]\nid = 3\n\n[board.gate.dev]",
    )])
    .await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    thread.credential(&key).await;
    let row = "/gate request identity=codex-kan-1 scopes=board:read ttl=8h environment=dev recipient=RECIPIENT";
    let other_gate = row.replace("dev", "pair");
    let said = table(&thread, carol, &[row], &key).await;
    assert_snapshot!(said, @r"
    > /gate request identity=codex-kan-1 scopes=board:read ttl=8h environment=dev recipient=age1…
    slug_taken: That name belongs to somebody else; choose another.
    ");
    let said = table(&thread, codex, &[&other_gate], &key).await;
    assert_snapshot!(said, @r"
    > /gate request identity=codex-kan-1 scopes=board:read ttl=8h environment=pair recipient=age1…
    other_environment: That identity's environment is `dev` and never changes.
    ");

    let elsewhere = story.thread(codex, "another").await;
    assert_snapshot!(table(&elsewhere, codex, &[row], &key).await, @r"
    > /gate request identity=codex-kan-1 scopes=board:read ttl=8h environment=dev recipient=age1…
    lives_elsewhere: An identity of that name lives in #1; ask there.
    ");

    // A credential number that is not there: paused; nothing widens then.
    thread.comment(alice, "/gate revoke codex-kan-1 c9").await;
    assert_snapshot!(table(&thread, codex, &[row], &key).await, @r"
    > /gate request identity=codex-kan-1 scopes=board:read ttl=8h environment=dev recipient=age1…
    identity_paused: That identity is paused; nothing is issued to it.
    ");

    // Revoked: free again for its requester alone, as a new identity.
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert_snapshot!(table(&thread, carol, &[row], &key).await, @r"
    > /gate request identity=codex-kan-1 scopes=board:read ttl=8h environment=dev recipient=age1…
    slug_taken: That name belongs to somebody else; choose another.
    ");
    let said = table(&elsewhere, codex, &[row], &key).await;
    assert!(said.contains("new identity"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_thread_takes_no_request() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    codex.close(&thread.name, thread.issue).await.unwrap();
    let before = thread.replies().len();
    thread.ask(codex, &Key::new()).await;
    assert_snapshot!(thread.news(before), @"The issue is closed.");
    assert_eq!(thread.last_code(), "thread_closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_cannot_be_trusted_opens_nothing() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let row = "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT";
    let clock = story.stage.bot().unwrap().core.clock_trouble().clone();
    // Asking widens nothing.
    clock.set(Some("it differs from the forge's by 6 minutes".to_owned()));
    assert_snapshot!(table(&thread, codex, &[row], &key).await, @r"
    > /gate request identity=x scopes=board:read ttl=8h recipient=age1…
    done: **R1 · `codex` asks for `x`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    // What was asked before is not approved then.
    clock.set(None);
    thread.ask(codex, &key).await;
    let line = thread.approve_line();
    clock.set(Some("it differs from the forge's by 6 minutes".to_owned()));
    let said = thread.answer(&story.stage.alice, &line).await;
    assert_snapshot!(said, @"Not counted for R2: the clock cannot be trusted: `it differs from the forge's by 6 minutes`.");
    clock.set(None);
    thread.comment(&story.stage.alice, &line).await;
    let token = thread.open(&key);
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_only_narrowing_acts() {
    let mut story = Story::begin().await;
    let low = story.stage.setting().low_space.clone();
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let token = thread.credential(&key).await;
    assert!(story.alive(&token).await);
    let other = story.thread(codex, "another").await;
    other.ask(codex, &key).await;
    let line = other.approve_line();
    low.store(true, Ordering::SeqCst);
    other.comment(alice, &line).await;
    assert_eq!(other.block("credential"), serde_json::Value::Null);
    assert!(story.alive(&token).await);
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert!(!story.alive(&token).await);
    low.store(false, Ordering::SeqCst);
    other.comment(alice, &line).await;
    let token = other.open(&key);
    assert!(story.alive(&token).await);
}
