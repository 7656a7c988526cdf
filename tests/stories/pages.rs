//! The status page: whom it lets in, what it shows, and that it lets nobody do anything.

use reqwest::{Response, StatusCode};

use crate::harness::{Key, Story};
use crate::operator_calls::{OLGA, PIOTR, begin};

/// A try to log in with a token.
async fn try_with(story: &Story, token: &str) -> Response {
    let call = story
        .stage
        .client()
        .post(format!("{}/login", story.stage.url()));
    call.header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"))
        .send()
        .await
        .unwrap()
}

/// The cookie of somebody who has logged in.
async fn log_in(story: &Story, token: &str) -> String {
    let answer = try_with(story, token).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "./");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    for word in [
        "__Host-ownergate=",
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
        "Max-Age=28800",
    ] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

async fn page(story: &Story, cookie: &str) -> Response {
    let call = story.stage.client().get(format!("{}/", story.stage.url()));
    call.header("Cookie", cookie).send().await.unwrap()
}

/// What somebody with that cookie sees.
async fn seen(story: &Story, cookie: &str) -> String {
    page(story, cookie).await.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_what_lives_what_waits_and_what_happened_on_its_boards() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    let other = story.thread(&story.stage.codex, "another").await;
    other.ask(&story.stage.codex, &Key::new()).await;
    let cookie = log_in(&story, PIOTR).await;
    let html = seen(&story, &cookie).await;
    for text in [
        "alice/board",
        "works",
        "R2",
        "codex-kan-2",
        "0 of 1 owners",
        "could come from alice, piotr",
        "each by comment",
        "codex-kan-1",
        "active",
        "kan#1",
        "credential issued",
        "<td>alice</td>",
    ] {
        assert!(html.contains(text), "{text} is not in\n{html}");
    }
    let link = format!("{}/alice/board/issues/1", story.stage.forge.url());
    assert!(html.contains(&link), "{link} is not in\n{html}");
    // What shuts the gate besides is what the gate itself says.
    assert!(!html.contains("this board stands still; "), "{html}");
    other.say(&story.stage.alice, "/gate freeze").await;
    story.stage.settle().await.unwrap();
    let still = seen(&story, &cookie).await;
    assert!(still.contains("this board stands still; "), "{still}");
    // Nothing on it does anything but leave, and nothing comes from elsewhere.
    assert_eq!(html.matches("<form").count(), 1);
    assert!(html.contains(r#"action="/logout""#));
    assert!(!html.contains("<script") && !html.contains("src="));
    // Who has another board sees nothing of this one.
    let olga = log_in(&story, OLGA).await;
    let html = seen(&story, &olga).await;
    for text in ["alice/board", "codex-kan", "R2", "credential issued"] {
        assert!(!html.contains(text), "{text} is in\n{html}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_without_a_token_and_guessing_is_slow() {
    let story = begin().await;
    let nobody = page(&story, "").await;
    assert_eq!(nobody.status(), StatusCode::OK);
    let guarded = nobody.headers().clone();
    let policy = guarded["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(guarded["cache-control"], "no-store");
    assert_eq!(guarded["x-frame-options"], "DENY");
    let html = nobody.text().await.unwrap();
    assert!(html.contains(r#"type="password""#) && !html.contains("alice/board"));
    let forged = format!("__Host-ownergate={}", "0".repeat(64));
    assert!(seen(&story, &forged).await.contains(r#"type="password""#));
    for _ in 0..5 {
        let answer = try_with(&story, "a-guess-of-somebody-who-has-no-token").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.headers().get("set-cookie").is_none());
    }
    let answer = try_with(&story, "another-guess").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    // Guesses from the same address keep nobody out who has a token.
    log_in(&story, PIOTR).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_when_it_is_closed_and_with_its_token() {
    let story = begin().await;
    let first = log_in(&story, PIOTR).await;
    let second = log_in(&story, PIOTR).await;
    let call = story
        .stage
        .client()
        .post(format!("{}/logout", story.stage.url()));
    let answer = call.header("Cookie", &first).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(seen(&story, &first).await.contains(r#"type="password""#));
    assert!(seen(&story, &second).await.contains("alice/board"));
    // Another page cannot log anybody in or out.
    let call = story
        .stage
        .client()
        .post(format!("{}/logout", story.stage.url()));
    let foreign = call
        .header("Cookie", &second)
        .header("Sec-Fetch-Site", "cross-site");
    let answer = foreign.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(seen(&story, &second).await.contains("alice/board"));
    let file = story.stage.directory().join("secrets/operator-piotr");
    std::fs::write(file, "the-next-token-of-piotr-0123456789abcdef").unwrap();
    story.stage.reload().await.unwrap();
    assert!(seen(&story, &second).await.contains(r#"type="password""#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_words_are_only_words() {
    let story = begin().await;
    let thread = story.thread(&story.stage.codex, "sort").await;
    thread.credential(&Key::new()).await;
    thread
        .comment(
            &story.stage.alice,
            "/gate pause codex-kan-1 <img src=x onerror=alert(1)>",
        )
        .await;
    let cookie = log_in(&story, PIOTR).await;
    let html = seen(&story, &cookie).await;
    assert!(html.contains("&lt;img"), "{html}");
    assert!(!html.contains("<img"), "{html}");
}
