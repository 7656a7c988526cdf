//! The operator API: what it shows of the caller's boards, what it stops, and that a dry run writes
//! nothing.

#![expect(
    clippy::too_many_lines,
    reason = "transcripts: most of the lines are what the program says"
)]

use insta::assert_snapshot;
use ownergate::gate::ids::IssueNumber;
use ownergate::secret::file::SecretText;
use ownergate::secret::totp::{STEP, TotpSecret};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Key, Story, plain};
use crate::operator_calls::{GRETA, OLGA, PIOTR, begin, get};
use crate::shared::ground::changed;

/// Sends JSON with a token: status and answer. Everything that follows from it happens.
pub(crate) async fn send(
    story: &Story,
    token: &str,
    method: Method,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let url = format!("{}{path}", story.stage.url());
    let call = story.stage.client().request(method, url).bearer_auth(token);
    let answer = call.json(&body).send().await.unwrap();
    let status = answer.status();
    let answer = answer.json().await.unwrap();
    story.stage.settle().await.unwrap();
    (status, answer)
}

/// The fields of each item of a list, parted by blanks.
fn rows(answer: &Value, list: &str, fields: &[&str]) -> String {
    let items = answer[list].as_array().unwrap();
    let row = |item: &Value| {
        let cells: Vec<String> = fields
            .iter()
            .map(|field| match &item[*field] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        cells.join(" ")
    };
    items.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_are_listed_a_page_at_a_time_and_by_what_is_asked() {
    let story = begin().await;
    let codex = &story.stage.codex;
    for _ in 0..5 {
        let thread = story.thread(codex, "sort").await;
        thread.credential(&Key::new()).await;
    }
    let ops = story.ops_thread(codex, "look").await;
    let key = Key::new();
    ops.ask_for(codex, &key, "codex-*", "board:read", "8h", "dev")
        .await;
    ops.approved(&story.stage.piotr, &key).await;
    story
        .again(IssueNumber(2))
        .comment(&story.stage.alice, "/gate pause codex-kan-2 strange")
        .await;

    let mut seen = Vec::new();
    let mut path = "/v1/identities?limit=2".to_owned();
    loop {
        let (status, page) = get(&story, GRETA, &path).await;
        assert_eq!(status, StatusCode::OK);
        seen.push(rows(&page, "identities", &["identity", "status", "board"]));
        let Some(cursor) = page["cursor"].as_str() else {
            break;
        };
        path = format!("/v1/identities?limit=2&cursor={cursor}");
    }
    assert_snapshot!(seen.join("\n--\n"), @r"
    codex-kan-1 active kan
    codex-kan-2 paused kan
    --
    codex-kan-3 active kan
    codex-kan-4 active kan
    --
    codex-kan-5 active kan
    codex-ops-1 active ops
    --
    ");
    // An operator of one board sees that board, whatever it asks.
    let (_, page) = get(&story, PIOTR, "/v1/identities").await;
    assert_eq!(page["identities"].as_array().unwrap().len(), 5);
    let (_, page) = get(&story, PIOTR, "/v1/identities?status=paused").await;
    assert_eq!(rows(&page, "identities", &["identity"]), "codex-kan-2");
    let (_, page) = get(&story, GRETA, "/v1/identities?board=ops").await;
    assert_eq!(rows(&page, "identities", &["identity"]), "codex-ops-1");
    for (path, status) in [
        ("/v1/identities?board=ops", StatusCode::NOT_FOUND),
        ("/v1/identities?board=nowhere", StatusCode::NOT_FOUND),
        ("/v1/identities?status=alive", StatusCode::BAD_REQUEST),
        ("/v1/identities?cursor=r1", StatusCode::BAD_REQUEST),
        ("/v1/identities?boards=kan", StatusCode::BAD_REQUEST),
        ("/v1/identities?limit=many", StatusCode::BAD_REQUEST),
        ("/v1/identities?limit=0", StatusCode::BAD_REQUEST),
        ("/v1/identities?limit=501", StatusCode::BAD_REQUEST),
        ("/v1/identities?cursor=i01", StatusCode::BAD_REQUEST),
        ("/v1/identities?cursor=i%2B1", StatusCode::BAD_REQUEST),
        ("/v1/identities/codex-ops-1", StatusCode::NOT_FOUND),
        ("/v1/identities/codex-kan-9", StatusCode::NOT_FOUND),
        ("/v1/identities/No_Slug", StatusCode::NOT_FOUND),
        (
            "/v1/identities/codex-ops-1/credentials",
            StatusCode::NOT_FOUND,
        ),
    ] {
        let (found, problem) = get(&story, PIOTR, path).await;
        assert_eq!(found, status, "{path}: {problem}");
        assert_eq!(problem["status"], status.as_u16(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_identity_is_shown_with_its_credentials_and_which_token_is_which() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let (status, one) = get(&story, PIOTR, "/v1/identities/codex-kan-1").await;
    assert_eq!(status, StatusCode::OK);
    assert_snapshot!(serde_json::to_string_pretty(&one).unwrap(), @r#"
    {
      "board": "kan",
      "created_at": "2026-11-24T14:00:00Z",
      "credentials": [
        {
          "activate_by": null,
          "approver_ids": [
            2
          ],
          "credential": "c1",
          "expires_at": "2026-11-24T22:00:00Z",
          "grace_until": null,
          "identity": "codex-kan-1",
          "issued_at": "2026-11-24T14:00:00Z",
          "kind": "token",
          "label": null,
          "last_used_at": "2026-11-24T14:00:00Z",
          "modes": null,
          "predecessor": null,
          "request": "R1",
          "resources": null,
          "scopes": [
            "board:read",
            "card:write"
          ],
          "scopes_now": [
            "board:read",
            "card:write"
          ],
          "since": null,
          "status": "active",
          "successor": null,
          "works": true
        }
      ],
      "display_name": null,
      "environment": "dev",
      "expires_at": "2027-02-22T14:00:00Z",
      "identity": "codex-kan-1",
      "identity_id": 1,
      "issue": 1,
      "last_rotated_at": null,
      "modes": null,
      "open_requests": [],
      "owner": "alice",
      "owner_id": 2,
      "recent": [
        {
          "at": "2026-11-24T14:00:00Z",
          "code": "credential_issued",
          "text": "c1 for R1"
        },
        {
          "at": "2026-11-24T14:00:00Z",
          "code": "credential_first_used",
          "text": "c1"
        }
      ],
      "repository_id": 17,
      "requester": "codex",
      "requester_id": 7,
      "resources": null,
      "scopes": [
        "board:read",
        "card:write"
      ],
      "since": null,
      "status": "active"
    }
    "#);
    let (_, list) = get(&story, PIOTR, "/v1/identities/codex-kan-1/credentials").await;
    assert_eq!(list["credentials"], one["credentials"]);

    let which = async |operator: &str, token: &str| {
        let url = format!("{}/v1/token-which", story.stage.url());
        let call = story.stage.client().post(url).bearer_auth(operator);
        let answer = call.body(token.to_owned()).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let lines = story.lines();
    let (status, found) = which(PIOTR, &format!("{token}\n")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(found["credential"], "c1");
    assert_eq!(found["identity"], "codex-kan-1");
    assert_eq!(found["identity_status"], "active");
    assert!(!found.to_string().contains(&token));
    // A token of another board, one that there is not, and one that is none: the same.
    let other = which(OLGA, &token).await;
    let turned = token.replace(&token[token.len() - 4..], "0000");
    assert_eq!(other, which(PIOTR, &turned).await);
    assert_eq!(other, which(PIOTR, "no token").await);
    assert_eq!(other.0, StatusCode::NOT_FOUND);
    assert_eq!(
        which(PIOTR, &"x".repeat(5_000)).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(story.lines(), lines, "nothing of it is a use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_stops_at_once_and_a_dry_run_writes_nothing() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    assert!(story.alive(&token).await);
    let lines = story.lines();
    let replies = thread.replies().len();
    for (method, path, body) in [
        (Method::POST, "/v1/identities/codex-kan-1/pause", json!({})),
        (
            Method::POST,
            "/v1/identities/codex-kan-1/revoke",
            json!({"reason": "leaked"}),
        ),
        (
            Method::POST,
            "/v1/identities/codex-kan-1/release",
            json!({}),
        ),
        (
            Method::POST,
            "/v1/identities/codex-kan-1/narrow",
            json!({"scopes": ["board:read"], "ttl": "1h"}),
        ),
        (
            Method::DELETE,
            "/v1/identities/codex-kan-1/credentials/c1?dry_run=true",
            json!({}),
        ),
        (
            Method::DELETE,
            "/v1/credentials/c1?dry_run=true&reason=leaked",
            json!({}),
        ),
    ] {
        let mut body = body;
        if method == Method::POST {
            body["dry_run"] = json!(true);
        }
        let (status, answer) = send(&story, PIOTR, method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(
            (&answer["dry_run"], &answer["outcome"]),
            (&json!(true), &json!("done"))
        );
        assert!(!answer["would"]["records"].as_array().unwrap().is_empty());
        assert_eq!(answer["would"]["comments"].as_array().unwrap().len(), 1);
    }
    assert_eq!((story.lines(), thread.replies().len()), (lines, replies));
    assert!(story.alive(&token).await);

    let path = "/v1/identities/codex-kan-1/narrow";
    let dry = json!({"scopes": ["board:read"], "reason": "too much", "dry_run": true});
    let (_, rehearsed) = send(&story, PIOTR, Method::POST, path, dry).await;
    assert_snapshot!(serde_json::to_string_pretty(&rehearsed).unwrap(), @r#"
    {
      "dry_run": true,
      "outcome": "done",
      "said": "codex-kan-1 may do less now",
      "would": {
        "comments": [
          {
            "board": "kan",
            "issue": 1,
            "repository_id": 17,
            "text": "**`codex-kan-1` may do less now** (by operator piotr: `too much`): may `board:read`. That holds for each of its credentials, and only a new request widens it."
          }
        ],
        "entries": [
          {
            "actor": "operator:piotr",
            "code": "identity_narrowed",
            "credential": null,
            "identity_id": 1,
            "request": null,
            "text": "by operator piotr: too much"
          }
        ],
        "records": [
          {
            "key": null,
            "removed": false,
            "table": "check"
          },
          {
            "key": [
              1
            ],
            "removed": false,
            "table": "credential"
          },
          {
            "key": [
              1
            ],
            "removed": false,
            "table": "identity"
          }
        ]
      }
    }
    "#);
    let (status, done) = send(
        &story,
        PIOTR,
        Method::POST,
        path,
        json!({"scopes": ["board:read"], "reason": "too much"}),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(done["said"], rehearsed["said"]);
    // What was foretold has come, word for word.
    assert_eq!(
        thread.last_reply(),
        rehearsed["would"]["comments"][0]["text"].as_str().unwrap()
    );
    assert_eq!(story.may(&token).await, "board:read");
    let (status, problem) = send(
        &story,
        PIOTR,
        Method::POST,
        path,
        json!({"scopes": ["card:write"]}),
    )
    .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"it has no card:write among its scopes, only board:read; narrowing only takes away");

    let path = "/v1/identities/codex-kan-1/pause";
    let (_, done) = send(
        &story,
        PIOTR,
        Method::POST,
        path,
        json!({"reason": "@carol **look**"}),
    )
    .await;
    assert_eq!(done["outcome"], "done");
    assert!(!story.alive(&token).await);
    assert_snapshot!(plain(&thread.last_reply()), @"**`codex-kan-1` is paused** by operator piotr: `@{zwsp}carol **look**`. Every credential of it is refused. `/gate resume codex-kan-1` asks that it goes on; `/gate revoke codex-kan-1` ends it.");
    let (_, again) = send(&story, PIOTR, Method::POST, path, json!({})).await;
    assert_eq!(again["outcome"], "already");
    let (_, done) = send(
        &story,
        PIOTR,
        Method::DELETE,
        "/v1/identities/codex-kan-1/credentials/c1?reason=leaked",
        json!({}),
    )
    .await;
    assert_eq!(
        done["said"],
        "c1 of codex-kan-1 is revoked; the identity stays"
    );
    let (_, page) = get(&story, PIOTR, "/v1/audit?actor=operator:piotr").await;
    assert_snapshot!(rows(&page, "entries", &["code", "actor", "text"]), @r"
    credential_revoked operator:piotr by operator piotr: leaked
    order_needless operator:piotr pause: codex-kan-1 is paused already
    identity_paused operator:piotr by operator piotr: @carol **look**
    order_refused operator:piotr narrow: it has no card:write among its scopes, only board:read; narrowing only takes away
    identity_narrowed operator:piotr by operator piotr: too much
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_or_on_another_board_nothing_is_stopped() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    let token = thread.credential(&Key::new()).await;
    let replies = thread.replies().len();
    let path = "/v1/identities/codex-kan-1/revoke";
    for (operator, status) in [
        (GRETA, StatusCode::FORBIDDEN),
        (OLGA, StatusCode::NOT_FOUND),
        ("not-an-operator", StatusCode::UNAUTHORIZED),
        (token.as_str(), StatusCode::UNAUTHORIZED),
    ] {
        for body in [json!({}), json!({"dry_run": true})] {
            let (found, _) = send(&story, operator, Method::POST, path, body).await;
            assert_eq!(found, status);
        }
    }
    for (body, why) in [
        (
            json!({"reason": "x", "force": true}),
            "unknown field `force`",
        ),
        (
            json!({"reason": "x".repeat(401)}),
            "may have 400 characters",
        ),
        (json!({"dry_run": "yes"}), "invalid type"),
        (json!([]), "body is not what is taken here"),
    ] {
        let (status, problem) = send(&story, PIOTR, Method::POST, path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
    }
    let narrow = "/v1/identities/codex-kan-1/narrow";
    for body in [json!({}), json!({"ttl": "soon"})] {
        let (status, _) = send(&story, PIOTR, Method::POST, narrow, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    // No other method, and no JSON is no yes.
    let (status, _) = send(&story, PIOTR, Method::PUT, path, json!({})).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let url = format!("{}{path}", story.stage.url());
    let form = story.stage.client().post(&url).bearer_auth(PIOTR);
    let form = form.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = form.body("dry_run=true").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(story.alive(&token).await);
    assert_eq!(thread.replies().len(), replies);
    // What was refused is the operator's own to read, and names nothing that it may not know of.
    let (_, page) = get(&story, OLGA, "/v1/audit?actor=operator:olga").await;
    let columns = ["code", "identity", "board", "text"];
    assert_snapshot!(rows(&page, "entries", &columns), @"order_refused null null revoke: there is no identity codex-kan-1");
    assert!(story.journal().contains("\"order_refused\""));
    assert!(story.journal().contains("\"operator_turned_away\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_gate_is_shut_is_told_rule_by_rule() {
    let story = begin().await;
    let (alice, codex, carol) = (&story.stage.alice, &story.stage.codex, &story.stage.carol);
    let thread = story.thread(codex, "sort").await;
    thread
        .ask_for(
            codex,
            &Key::new(),
            "codex-*",
            "board:read,card:write",
            "8h",
            "pair",
        )
        .await;
    let line = thread.approve_line();
    thread.comment(carol, &line).await;
    thread
        .comment(alice, &line.replace("ttl=8h", "ttl=9h"))
        .await;
    thread.comment(alice, &line).await;
    let (status, one) = get(&story, PIOTR, "/v1/requests/R1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(one["verdict"]["open"], false);
    assert_snapshot!(rows(&one["verdict"], "rules", &["rule", "finding", "why"]), @r"
    request_is_open ok null
    not_frozen ok null
    lives ok null
    digest_unchanged ok null
    scopes_within_gate ok null
    life_within_gate ok null
    slug_is_free ok null
    lives_here ok null
    same_environment ok null
    not_paused ok null
    recipient_safe ok null
    checkable ok null
    approvals_of_this_gate ok null
    factors_brought ok null
    vouched_for ok null
    something_left ok null
    judged ok null
    quorum not 1 of 2 owners have approved
    not_held ok null
    space_left ok null
    clock_trusted ok null
    history_whole ok null
    ");
    assert_snapshot!(rows(&one["verdict"], "owners", &["id", "login", "stands", "why"]), @r"
    2 alice counted []
    4 piotr missing []
    ");
    assert_snapshot!(rows(&one, "not_counted", &["by", "codes"]), @r#"user:2 ["wider_than_asked"]"#);
    assert_eq!(one["approver_ids"], json!([2]));
    // The public road still needs the code, and is as it was.
    let code = one["code"].as_str().unwrap();
    let url = |query: &str| format!("{}/v1/requests/R1{query}", story.stage.url());
    let public = story.stage.client().get(url(&format!("?code={code}")));
    assert_eq!(
        public.send().await.unwrap().json::<Value>().await.unwrap()["code"],
        code
    );
    let bare = story.stage.client().get(url("")).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::NOT_FOUND);

    let (status, _) = get(&story, OLGA, "/v1/requests/R1").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, open) = get(&story, PIOTR, "/v1/requests?status=open").await;
    assert_eq!(
        rows(&open, "requests", &["request", "status", "board"]),
        "R1 open kan"
    );
    let (_, open) = get(&story, OLGA, "/v1/requests?status=open").await;
    assert_eq!(rows(&open, "requests", &["request"]), "");
    let path = "/v1/requests/R1/deny";
    let (_, dry) = send(&story, PIOTR, Method::POST, path, json!({"dry_run": true})).await;
    assert_eq!(
        (&dry["outcome"], &dry["dry_run"]),
        (&json!("done"), &json!(true))
    );
    let (_, one) = get(&story, PIOTR, "/v1/requests/R1").await;
    assert_eq!(one["status"], "open");
    send(
        &story,
        PIOTR,
        Method::POST,
        path,
        json!({"reason": "not now"}),
    )
    .await;
    let (_, one) = get(&story, PIOTR, "/v1/requests/R1").await;
    assert_eq!(
        (&one["status"], &one["why"]),
        (&json!("denied"), &json!("by operator:piotr"))
    );
    assert_eq!(one["verdict"], Value::Null);
    let (_, all) = get(&story, PIOTR, "/v1/requests").await;
    assert_eq!(rows(&all, "requests", &["request", "status"]), "R1 denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_come_of_a_comment_is_told_and_nothing_is_written() {
    let story = begin().await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    let lines = story.lines();
    let replies = thread.replies().len();
    let ask = async |author: i64, comment: &str| {
        let body = json!({"board": "kan", "issue": 1, "author_id": author, "comment": comment});
        let (status, answer) = send(&story, PIOTR, Method::POST, "/v1/dry-run", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let entries = rows(&answer["would"], "entries", &["code"]);
        plain(&format!(
            "{}/{}: {} [{}]",
            answer["verb"],
            answer["outcome"],
            answer["said"].as_str().unwrap(),
            entries
        ))
    };
    let mut table = Vec::new();
    for (author, comment) in [
        (2, line.as_str()),
        (2, &line.replace("ttl=8h", "ttl=9h")),
        (3, &line),
        (2, "/gate deny R1 not now"),
        (2, "/Gate approve R1"),
        (7, "/gate withdraw"),
        (3, "/gate withdraw"),
        (2, "good morning"),
        (2, "/gate inspect codex-ops-1"),
    ] {
        table.push(format!(
            "> {author}: {}\n{}",
            plain(comment),
            ask(author, comment).await
        ));
    }
    assert_snapshot!(table.join("\n\n"), @r#"
    > 2: /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    "approve"/"issued": **R1 · `codex` asks for `codex-kan-1`** · dev · **approved by alice**
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R1`

    (a credential, sealed) [approval_counted
    credential_issued]

    > 2: /gate approve R1 CODE scopes=board:read,card:write ttl=9h
    "approve"/"wider_than_asked": Not counted for R1: its ttl is not within the 8h that were asked; an approval may narrow, never widen.

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ``` [approval_not_counted]

    > 3: /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    null/"nothing": whoever is no owner here and may not ask is not answered []

    > 2: /gate deny R1 not now
    "deny"/"done": **R1 · `codex` asks for `codex-kan-1`** · dev · **denied by alice**
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R1`

    **R1 denied by alice**: `not now` [request_denied]

    > 2: /Gate approve R1
    "fault"/"bad_character": `/Gate approve` must be in lower case (the capital letter is `G`) []

    > 7: /gate withdraw
    "withdraw"/"done": **R1 · `codex` asks for `codex-kan-1`** · dev · **withdrawn**
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R1`

    **R1 withdrawn by `user 7`** [request_withdrawn]

    > 3: /gate withdraw
    null/"nothing": whoever is no owner here and may not ask is not answered []

    > 2: good morning
    null/"nothing": it is no command []

    > 2: /gate inspect codex-ops-1
    "inspect"/"unknown_identity": There is no such identity in this thread. []
    "#);
    assert_eq!((story.lines(), thread.replies().len()), (lines, replies));
    // The real comment finds everything as it was.
    thread.comment(&story.stage.alice, &line).await;
    assert_eq!(thread.block("credential")["credential"], "c1");

    for (token, body, status) in [
        (
            OLGA,
            json!({"board": "kan", "issue": 1, "author_id": 2, "comment": "x"}),
            StatusCode::NOT_FOUND,
        ),
        (
            PIOTR,
            json!({"board": "kan", "issue": 1, "comment": "x"}),
            StatusCode::BAD_REQUEST,
        ),
        (
            PIOTR,
            json!({"board": "kan", "issue": 0, "author_id": 2, "comment": "x"}),
            StatusCode::BAD_REQUEST,
        ),
        (
            PIOTR,
            json!({"board": "kan", "issue": 1, "author_id": -1, "comment": "x"}),
            StatusCode::BAD_REQUEST,
        ),
        (PIOTR, json!({"thread": 1}), StatusCode::BAD_REQUEST),
    ] {
        let (found, problem) = send(&story, token, Method::POST, "/v1/dry-run", body).await;
        assert_eq!(found, status, "{problem}");
    }
}

/// A secret for one-time codes, and a gate that demands them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_the_same_whatever_the_code_or_the_signature() {
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let story = Story::with(|setting| {
        setting.config = changed(
            &setting.config,
            &[
                ("login = \"alice\"\n", "login = \"alice\"\ntotp_file = \"secrets/totp-alice\"\n"),
                ("quorum = 1\nfactors = [\"comment\"]", "quorum = 1\nfactors = [\"comment\", \"code\"]"),
            ],
        );
        setting.config.push_str(
            "\n[[operator]]\nname = \"piotr\"\ntoken_file = \"secrets/operator-piotr\"\nboards = [\"kan\"]\nrights = [\"read\"]\n",
        );
        setting.secret("operator-piotr", PIOTR);
        setting.secret("totp-alice", SECRET);
    })
    .await;
    let codex = &story.stage.codex;
    let thread = story.thread(codex, "sort").await;
    thread.ask(codex, &Key::new()).await;
    let line = thread.approve_line();
    let lines = story.lines();
    let ask = async |comment: &str| {
        let body = json!({"board": "kan", "issue": 1, "author_id": 2, "comment": comment});
        send(&story, PIOTR, Method::POST, "/v1/dry-run", body).await
    };
    let secret = TotpSecret::parse(&SecretText::new(SECRET)).unwrap();
    let second = u64::try_from(story.stage.clock().now().as_second()).unwrap();
    let right = secret.code(second / STEP).to_string();
    let first = ask(&line).await;
    assert_eq!(first.1["not_checked"], json!(["code", "signature"]));
    let said = first.1["said"].as_str().unwrap();
    assert!(said.contains("demands a one-time code"), "{said}");
    for code in [right.as_str(), "000000", "654321", "1"] {
        let with = ask(&format!("{line} otp={code}")).await;
        if code != "1" {
            assert_eq!(with.1["said"], first.1["said"], "{code}");
        }
        assert!(code == "1" || !with.1["said"].as_str().unwrap().contains(code));
    }
    for armor in ["U1NIU0lH", "AAAA"] {
        let armored = format!(
            "{line}\n\n```\n-----BEGIN SSH SIGNATURE-----\n{armor}\n-----END SSH SIGNATURE-----\n```\n"
        );
        assert_eq!(ask(&armored).await.1["said"], first.1["said"]);
    }
    assert_eq!(story.lines(), lines);
    // No try counted: the right one still opens the gate.
    thread
        .comment(&story.stage.alice, &format!("{line} otp={right}"))
        .await;
    assert_eq!(thread.block("credential")["credential"], "c1");
}
