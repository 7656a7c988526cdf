//! Asking: in a comment or in a new issue's text, on one line or in a block, and everything that is
//! wrong with a request said at once.

use insta::assert_snapshot;
use ownergate::miniforge::Person;
use reqwest::Method;
use std::sync::atomic::Ordering;

use crate::harness::{Key, Story, Thread};

/// A request as one block, with these line ends inside of the fence.
fn block(recipient: &str, reason: &str) -> String {
    format!(
        "/gate request\n```toml\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\nenvironment = \"dev\"\nrecipient = \"{recipient}\"\nreason = \"{reason}\"\n```"
    )
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_a_block_is_shown_to_its_owners() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort the roadmap").await;
    let key = Key::new();
    let request = format!(
        "/gate request\n\n````toml\nidentity = \"roadmap\"\ndisplay_name = \"The roadmap's gardener\"\nscopes = [\"card:write\", \"board:read\"]\nttl = \"90m\"\nrecipient = \"{}\"\nlabel = \"laptop\"\nresources = [\"roadmap\"]\nmodes = [\"autonomous\"]\nreason = \"sort the roadmap\"\n````",
        key.recipient
    );
    let said = thread.answer(codex, &request).await;
    assert_snapshot!(said, @r"
    **R1 · codex asks for `roadmap`** · dev
    - may `board:read` `card:write` in `kan-ductor`, for 90 m
    - only resources `roadmap`
    - only modes `autonomous`
    - new identity; sealed to `age1…`
    - called `The roadmap's gardener`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=90m
    ```
    or `/gate deny R1`
    ");
    let block = thread.block("request");
    assert_eq!(block["ttl"], 5_400);
    assert_eq!(block["environment"], "dev");
    assert_eq!(block["gate"], "dev");
    assert_eq!(block["request"], "R1");
    let token = thread.approved(alice, &key).await;
    let answer = story.stage.introspect(&token).await.unwrap();
    assert_eq!(answer["sub"], "roadmap");
    assert_eq!(answer["ownergate"]["resources"][0], "roadmap");
    assert_eq!(answer["ownergate"]["modes"][0], "autonomous");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_new_issue_asks() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let line = format!(
        "/gate request identity=codex-* scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    let thread = story.thread_with(codex, "sort the roadmap", &line).await;
    assert_snapshot!(thread.news(0), @r"
    **R1 · codex asks for `codex-kan-1`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let issue = story.stage.forge.issue(story.stage.thread(thread.issue));
    let reactions = issue.unwrap().reactions;
    assert_eq!(reactions.len(), 1);
    assert_eq!(reactions[0].content, "eyes");
    // Chatter moves the issue's time of change; it is not an edit.
    story.pass(60).await;
    thread.comment(codex, "please").await;
    let token = thread.approved(alice, &key).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_issue_form_leaves_asks() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    // A browser sends what was typed into the textarea with CRLF; the forge adds the rest with LF.
    let body = format!(
        "/gate request\n\n```toml\nidentity = \"codex-*\"\r\nscopes = [\"board:read\"]\r\nttl = \"8h\"\r\nenvironment = \"dev\"\r\nrecipient = \"{}\"\r\nreason = \"what it is for\"\r\n\n```\n\n",
        key.recipient
    );
    let thread = story
        .thread_with(codex, "Machine identity: codex", &body)
        .await;
    assert_snapshot!(thread.news(0), @r"
    **R1 · codex asks for `codex-kan-1`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `what it is for`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let token = thread.approved(alice, &key).await;
    assert_eq!(story.may(&token).await, "board:read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_issue_may_only_ask() {
    let story = Story::begin().await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let first = story.thread(codex, "one").await;
    let token = first.credential(&Key::new()).await;
    let thread = story
        .thread_with(alice, "stop it", "/gate revoke codex-kan-1")
        .await;
    assert_snapshot!(thread.news(0), @"`/gate revoke` works as a comment; a new issue's text may only ask");
    assert!(story.alive(&token).await);
    for (who, body) in [
        (codex, "The roadmap is in no order."),
        (codex, ""),
        (carol, "/gate request identity=x"),
    ] {
        let thread = story.thread_with(who, "sort it", body).await;
        assert_eq!(thread.news(0), "(silence)");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_issue_text_voids_what_it_asked() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = story
        .thread_with(codex, "sort", &block(&key.recipient, "sort"))
        .await;
    let before = thread.replies().len();
    let changed = block(&Key::new().recipient, "sort");
    alice
        .edit_issue(&thread.name, thread.issue, &changed)
        .await
        .unwrap();
    story.stage.settle().await.unwrap();
    assert_snapshot!(thread.news(before), @"**R1 is void**: the text that asked was edited or deleted. Ask anew.");
    let line = thread.approve_line();
    thread.comment(alice, &line).await;
    assert_eq!(thread.last_code(), "not_open");
}

/// a01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_ends_change_nothing() {
    let mut story = Story::begin().await;
    let key = Key::new();
    let codex = story.stage.codex.clone();
    let issue = story.thread(&codex, "sort").await.issue;
    let request = block(&key.recipient, "sort");
    story.again(issue).comment(&codex, &request).await;
    let plain = story.again(issue).block("request");

    story.forget_everything().await;
    let request = format!("{}\r\n", request.replace('\n', "\r\n"));
    let thread = story.again(issue);
    thread.comment(&codex, &request).await;
    let with_returns = thread.block("request");
    assert_eq!(thread.replies().len(), 2);
    assert_eq!(plain["digest"], with_returns["digest"]);
    assert_eq!(plain["code"], with_returns["code"]);

    let alice = &story.stage.alice;
    let said = thread.answer(alice, "/gate deny R1 not now\r\n").await;
    assert_snapshot!(said, @"**R1 denied by alice**: `not now`");
}

/// a08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_is_counted_in_characters() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let mut shown = Vec::new();
    for reason in [format!("{}🚀", "a".repeat(499)), "🚀".repeat(500)] {
        let thread = story.thread(codex, "sort").await;
        let said = thread.answer(codex, &block(&key.recipient, &reason)).await;
        assert!(said.contains(&format!("- says: `{reason}`\n")), "{said}");
        shown.push(thread);
    }
    let thread = story.thread(codex, "sort").await;
    let said = thread
        .answer(codex, &block(&key.recipient, &"🚀".repeat(501)))
        .await;
    assert_snapshot!(said, @"`reason` must be at most 500 characters");
    let said = thread.answer(codex, &block(&key.recipient, "sort")).await;
    assert!(said.starts_with("**R3 ·"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_slip_in_a_request_is_named() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let said = table(
        &thread,
        codex,
        &[
            "/gate request",
            "/gate request scopes=board:read ttl=8h recipient=RECIPIENT",
            "/gate request identity=x ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h",
            "/gate request identity=x scopes=board:read ttl=8h recipient=age1qqqq",
            "/gate request identity=x scopes=board:read ttl=8h challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "/gate request identity=x scopes=board:read ttl=8h challenge=short",
            "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT challenge=short",
            "/gate request identity=Codex scopes=board:read ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read,board:read ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=Board:Read ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8 recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h ttl=9h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT reson=\"sort\"",
            "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT colour=red",
            "/gate request identity=x scopes=board:read ttl=8h recipient=RECIPIENT reason=\"sort",
            "/gate request\n```toml\nidentity = x\n```",
            "/gate request\n```\nidentity = \"x\"\n```",
        ],
        &key,
    )
    .await;
    assert_snapshot!(said, @r#"
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

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1qqqq
    bad_request: `recipient` must be an age recipient as `age-keygen` or `ownergate keygen age` prints it: `age1…`, 62 characters, none mistyped

    > /gate request identity=x scopes=board:read ttl=8h challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    claim_not_available: claim delivery is not available yet; name a `recipient` instead of a `challenge`

    > /gate request identity=x scopes=board:read ttl=8h challenge=short
    bad_request: `challenge` must be 43 characters of base64url: the SHA-256 of the verifier

    > /gate request identity=x scopes=board:read ttl=8h recipient=age1… challenge=short
    bad_request: `recipient` must be alone: a request names `recipient` or `challenge`, not both

    > /gate request identity=Codex scopes=board:read ttl=8h recipient=age1…
    bad_request: `identity` must be 1 to 40 of a-z, 0-9 and `-`, not at an end; or such a name and `-*`

    > /gate request identity=x scopes=board:read,board:read ttl=8h recipient=age1…
    bad_request: `scopes` must be names that are different; `board:read` is there twice

    > /gate request identity=x scopes=Board:Read ttl=8h recipient=age1…
    bad_request: `scopes` must be names of a-z, 0-9 and `. _ : -`, parted by commas without blanks

    > /gate request identity=x scopes=board:read ttl=8 recipient=age1…
    bad_request: `ttl` must be a whole number and s, m, h or d, such as `8h`

    > /gate request identity=x scopes=board:read ttl=8h ttl=9h recipient=age1…
    bad_form: `ttl` is there twice

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
    unknown_verb: there is no such verb; `/gate help` shows them

    > /gate
    unknown_verb: `/gate` needs a verb; `/gate help` shows them
    "#);
    assert_eq!(thread.block("request"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_owner_could_grant_is_refused_when_it_is_asked() {
    let story = Story::configured(&[
        (
            "machine_accounts = [7]",
            "machine_accounts = [7]\nresources = [\"roadmap\", \"inbox\"]\nmodes = [\"interactive\"]",
        ),
        (
            "[board.gate.pair]",
            "[board.gate.signed]\nscopes = [\"board:read\"]\nmax_ttl = \"8h\"\nquorum = 1\nfactors = [\"comment\", \"signature\"]\n\n[board.gate.pair]",
        ),
        (
            "environments = [\"dev\", \"pair\"]",
            "environments = [\"dev\", \"pair\", \"signed\"]",
        ),
        (
            "login = \"alice\"",
            "login = \"alice\"\nsigning_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice\"]",
        ),
    ])
    .await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    let said = table(
        &thread,
        codex,
        &[
            "/gate request identity=x scopes=repo:admin,board:read ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=deploy:run ttl=8h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=25h recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=59s recipient=RECIPIENT",
            "/gate request identity=x scopes=deploy:run ttl=0s recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h environment=live recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h environment=signed recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h resources=roadmap,secrets recipient=RECIPIENT",
            "/gate request identity=x scopes=board:read ttl=8h modes=autonomous recipient=RECIPIENT",
            "/gate request identity=a-name-of-exactly-forty-characters-it-is-* scopes=board:read ttl=8h recipient=RECIPIENT",
        ],
        &key,
    )
    .await;
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
    no_gate: This board has no gate `live`

    > /gate request identity=x scopes=board:read ttl=8h environment=signed recipient=age1…
    cannot_check: This gate demands factor `signature`, which this version cannot check: it stays shut.

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
    too_few_owners: 2 owners must approve and only 1 could: whoever asks is never counted.
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
    done: **R1 · codex asks for `x`** · dev
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
    assert_snapshot!(other.answer(alice, &line).await, @"Not counted for R2: the disk of the bot is nearly full: nothing widens until there is space.");
    assert!(story.alive(&token).await);
    thread.comment(alice, "/gate revoke codex-kan-1").await;
    assert!(!story.alive(&token).await);
    low.store(false, Ordering::SeqCst);
    other.comment(alice, &line).await;
    let token = other.open(&key);
    assert!(story.alive(&token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_requests_may_be_open_in_a_thread() {
    let story = Story::begin().await;
    let codex = &story.stage.codex;
    let key = Key::new();
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &key).await;
    thread
        .ask_for(codex, &key, "helper", "board:read", "8h", "dev")
        .await;
    let third = format!(
        "/gate request identity=third scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    assert_snapshot!(thread.answer(codex, &third).await, @"Two requests are open in this thread already: R1 and R2. `/gate withdraw R1` takes one back.");
    thread.comment(codex, "/gate withdraw R1").await;
    let said = thread.answer(codex, &third).await;
    assert!(said.starts_with("**R3 ·"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_has_so_many_open_requests_on_a_board() {
    let story = Story::configured(&[(
        "machine_accounts = [7]",
        "machine_accounts = [7]\nmax_open_requests = 3",
    )])
    .await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    for number in 1..=3 {
        let thread = story.thread(codex, "sort").await;
        thread.ask(codex, &key).await;
        assert_eq!(thread.block("request")["request"], format!("R{number}"));
    }
    let thread = story.thread(codex, "sort").await;
    let before = thread.replies().len();
    thread.ask(codex, &key).await;
    assert_snapshot!(thread.news(before), @"You have 3 open requests on this board, and that is its limit.");
    // The limit is each requester's own, and a request that ended counts no longer.
    thread
        .ask_for(alice, &key, "mine", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.block("request")["identity"], "mine");
    story.pass(72 * 3_600).await;
    thread.ask(codex, &key).await;
    assert_eq!(thread.block("request")["identity"], "codex-kan-4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_owners_who_can_still_open_the_gate_are_mentioned() {
    let story = Story::configured(&[
        (
            "[board.gate.dev]",
            "[[board.owner]]\nid = 9\nlogin = \"root1\"\nmay_approve = false\n\n[board.gate.dev]",
        ),
        (
            "ceiling = [\"board:read\"]",
            "ceiling = [\"board:read\", \"card:write\"]",
        ),
    ])
    .await;
    let (codex, alice, piotr, root) = (
        &story.stage.codex,
        &story.stage.alice,
        &story.stage.piotr,
        &story.stage.root,
    );
    let key = Key::new();
    let mentions = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '@')
            .filter(|word| word.starts_with('@'))
            .map(str::to_owned)
            .collect()
    };
    for (who, expected) in [
        (codex, vec!["@alice", "@piotr"]),
        (alice, vec!["@piotr"]),
        (piotr, vec!["@alice"]),
        (root, vec!["@alice", "@piotr"]),
    ] {
        let thread = story.thread(who, "sort").await;
        thread.ask(who, &key).await;
        assert_eq!(mentions(&thread.last_reply()), expected, "{}", who.login);
    }
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
async fn a_title_asks_for_nothing() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let key = Key::new();
    let title = format!(
        "/gate request identity=x scopes=board:read ttl=8h recipient={}",
        key.recipient
    );
    let thread = story.thread(codex, &title).await;
    let form = serde_json::json!({"title": "/gate revoke codex-kan-1"});
    let path = format!("/repos/{}/issues/{}", thread.name, thread.issue.0);
    alice.call(Method::PATCH, &path, Some(&form)).await.unwrap();
    story.stage.settle().await.unwrap();
    assert_eq!(thread.news(0), "(silence)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_identities_may_live_in_a_thread() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    for number in 1..=20 {
        thread
            .ask_for(
                codex,
                &key,
                &format!("n{number}"),
                "board:read",
                "8h",
                "dev",
            )
            .await;
        thread.approved(alice, &key).await;
    }
    let before = thread.replies().len();
    thread
        .ask_for(codex, &key, "n21", "board:read", "8h", "dev")
        .await;
    assert_snapshot!(thread.news(before), @"20 identities live in this thread; ask for `n21` in another issue.");
    assert_eq!(thread.last_code(), "too_many_identities");
    // Another credential of one that lives is fine, and so is a name in the place of one that ended.
    thread
        .ask_for(codex, &key, "n20", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.block("request")["identity"], "n20");
    thread.comment(alice, "/gate revoke n1").await;
    thread
        .ask_for(codex, &key, "n21", "board:read", "8h", "dev")
        .await;
    assert_eq!(thread.block("request")["identity"], "n21");
}

/// A name is reserved by a grant, not by a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ask_for_one_name_and_one_gets_it() {
    let story = Story::configured(&[(
        "[board.gate.dev]",
        "[[board.requester]]\nid = 3\n\n[board.gate.dev]",
    )])
    .await;
    let (codex, alice, carol) = (&story.stage.codex, &story.stage.alice, &story.stage.carol);
    let (mine, yours) = (Key::new(), Key::new());
    let first = story.thread(codex, "sort").await;
    let second = story.thread(carol, "sort as well").await;
    first
        .ask_for(codex, &mine, "sorter", "board:read", "8h", "dev")
        .await;
    second
        .ask_for(carol, &yours, "sorter", "board:read", "8h", "dev")
        .await;
    second.approved(alice, &yours).await;
    let line = first.approve_line();
    assert_snapshot!(first.answer(alice, &line).await, @"Not counted for R1: that name belongs to somebody else; choose another. An identity of that name lives in #2; ask there.");
    assert_eq!(first.last_code(), "slug_taken");
    assert_eq!(first.block("credential"), serde_json::Value::Null);
}
