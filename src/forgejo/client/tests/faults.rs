//! What does not work, and what is said about it.

use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId};

async fn forge(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

fn refusal(status: u16) -> ResponseTemplate {
    let body = json!({"message": "no such luck", "url": "https://forge.example/api/swagger"});
    ResponseTemplate::new(status).set_body_json(body)
}

fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html>prove it", "text/html; charset=utf-8")
}

async fn get(client: &Client) -> ForgejoError {
    client.issue(&board(), IssueNumber(9)).await.unwrap_err()
}

async fn post(client: &Client) -> ForgejoError {
    let posted = client.post_comment(&board(), IssueNumber(9), "x").await;
    posted.unwrap_err()
}

async fn list(client: &Client) -> ForgejoError {
    let since = Timestamp::UNIX_EPOCH;
    client
        .comments_since(&board(), since, 1, 50)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_status_says_what_to_do_next() {
    let kind = |error: &ForgejoError| match error {
        ForgejoError::Transient { .. } if error.may_have_acted() => "wait, look first",
        ForgejoError::Transient { .. } => "wait",
        ForgejoError::Permanent { .. } => "never",
        ForgejoError::NotFound => "not there",
        ForgejoError::TooLarge { .. } => "too large",
        ForgejoError::Redirected { .. } => "elsewhere",
    };
    let mut table = String::new();
    for status in [401, 403, 404, 408, 410, 413, 422, 423, 429, 500, 502, 503] {
        let server = forge(refusal(status)).await;
        let client = client(&server.uri());
        let (get, post, list) = (get(&client).await, post(&client).await, list(&client).await);
        let row = format!(
            "{status}: {} | {} | {}\n",
            kind(&get),
            kind(&post),
            kind(&list)
        );
        table.push_str(&row);
    }
    insta::assert_snapshot!(table, @r##"
    401: never | never | never
    403: never | never | never
    404: not there | not there | not there
    408: wait | wait | wait
    410: not there | not there | not there
    413: never | never | never
    422: never | never | wait
    423: never | never | never
    429: wait | wait | wait
    500: wait | wait, look first | wait
    502: wait | wait, look first | wait
    503: wait | wait, look first | wait
    "##);
}

#[tokio::test]
async fn the_words_of_the_forge_are_shown_on_one_line_and_without_the_token() {
    let words = format!("no\r\n\u{1b}[31m\u{202e} {TOKEN} {}", "x".repeat(1_000));
    let refusal = ResponseTemplate::new(403).set_body_json(json!({"message": words}));
    let error = get(&client(&forge(refusal).await.uri())).await;
    let text = error.to_string();
    assert!(
        text.starts_with("the forge refuses (403): no\\u{d}\\u{a}\\u{1b}[31m"),
        "{text}"
    );
    assert!(!text.contains(TOKEN) && text.contains("[token]"), "{text}");
    assert!(text.chars().count() < 250 && text.ends_with('…'), "{text}");

    let bare = forge(ResponseTemplate::new(403)).await;
    assert_eq!(
        get(&client(&bare.uri())).await.to_string(),
        "the forge refuses (403): no reason given"
    );
}

#[tokio::test]
async fn the_forge_may_say_how_long_to_wait() {
    let date = ("Date", "Wed, 25 Nov 2026 02:37:08 GMT");
    let asked = async |value: &str, date: Option<(&str, &str)>| {
        let mut template = refusal(429).insert_header("Retry-After", value);
        if let Some((name, value)) = date {
            template = template.insert_header(name, value);
        }
        get(&client(&forge(template).await.uri()))
            .await
            .retry_after()
    };
    let seconds = |count| Some(Duration::from_secs(count));
    assert_eq!(asked("120", None).await, seconds(120));
    assert_eq!(asked("99999999999999999999", None).await, seconds(u64::MAX));
    assert_eq!(
        asked("Wed, 25 Nov 2026 02:38:08 GMT", Some(date)).await,
        seconds(60)
    );
    assert_eq!(
        asked("Wed, 25 Nov 2026 02:00:00 GMT", Some(date)).await,
        seconds(0)
    );
    assert_eq!(asked("-5", Some(date)).await, None);
    assert_eq!(asked("", Some(date)).await, None);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_never_a_success_and_never_final() {
    let text = |body: &str| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    let answers = [
        (html(200), "HTML"),
        (html(403), "HTML"),
        (html(404), "HTML"),
        (html(503), "HTML"),
        (
            ResponseTemplate::new(200).set_body_raw("[]", "text/html"),
            "HTML",
        ),
        (text("  <html>"), "HTML"),
        (text(""), "nothing"),
        (text("{\"number\":"), "not JSON"),
        (text("{\"og_secret\":1}"), "missing field"),
        (
            text("{\"id\":\"og_secret\",\"number\":\"og_secret\"}"),
            "other JSON",
        ),
    ];
    for (template, words) in answers {
        let server = forge(template).await;
        let client = client(&server.uri());
        for error in [get(&client).await, post(&client).await, list(&client).await] {
            let ForgejoError::Transient { why, answered, .. } = &error else {
                panic!("{words}: {error:?}");
            };
            assert!(answered, "{words}");
            assert!(!why.contains("og_secret"), "{why}");
        }
        assert!(get(&client).await.to_string().contains(words), "{words}");
        let reacted = client.react_comment(&board(), CommentId(1), "eyes").await;
        let is_html = words == "HTML" || words == "nothing" || words == "not JSON";
        assert_eq!(reacted.is_err(), is_html, "{words}");
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_may_have_acted() {
    let server = forge(html(200)).await;
    let client = client(&server.uri());
    assert!(post(&client).await.may_have_acted());
    assert!(!get(&client).await.may_have_acted());
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_address_is_named() {
    let other = forge(refusal(500)).await;
    for status in [301, 302, 307, 308] {
        let target = format!(
            "{}/git/api/v1/repos/alice/board/issues/9?token={TOKEN}#top",
            other.uri()
        );
        let server = forge(ResponseTemplate::new(status).insert_header("Location", target)).await;
        let error = get(&client(&server.uri())).await;
        assert!(error.is_transient() && !error.may_have_acted());
        let expected = format!(
            "the forge redirects ({status}) to {0}/git/api/v1/repos/alice/board/issues/9, which \
             is not followed; set [forge] url = \"{0}/git\"",
            other.uri()
        );
        assert_eq!(error.to_string(), expected);
        let posted = post(&client(&server.uri())).await;
        assert!(matches!(posted, ForgejoError::Redirected { .. }) && !posted.may_have_acted());
    }
    assert!(other.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_redirect_inside_the_forge_is_a_renamed_repository() {
    let moved =
        ResponseTemplate::new(307).insert_header("Location", "/api/v1/repos/guild/board/issues/9");
    let server = forge(moved).await;
    let error = get(&client(&server.uri())).await;
    assert!(matches!(error, ForgejoError::Redirected { base: None, .. }));
    assert!(
        error.to_string().contains("renamed or transferred"),
        "{error}"
    );
    // One request, and none to the new path.
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_page_elsewhere_is_named_without_its_query() {
    let login = format!("https://user:pass@login.example/sso?back={TOKEN}");
    let server = forge(ResponseTemplate::new(302).insert_header("Location", login)).await;
    let text = get(&client(&server.uri())).await.to_string();
    assert!(text.contains("https://login.example/sso,"), "{text}");
    assert!(!text.contains(TOKEN) && !text.contains("pass"), "{text}");
}

#[tokio::test]
async fn what_never_reached_the_forge_is_told_from_what_may_have() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let client = client(&format!("http://{address}"));
    let refused = post(&client).await;
    assert!(!refused.may_have_acted(), "{refused:?}");
    assert!(
        refused
            .to_string()
            .starts_with("the forge cannot be reached"),
        "{refused}"
    );

    let hangs_up = raw_forge(Vec::new()).await;
    let client = super::client(&format!("http://{hangs_up}"));
    let broken = post(&client).await;
    assert!(broken.may_have_acted(), "{broken:?}");
    assert!(!get(&client).await.may_have_acted());

    let silent = silent_forge().await;
    let client = impatient(&format!("http://{silent}"));
    let late = post(&client).await;
    assert!(late.may_have_acted(), "{late:?}");
    assert_eq!(late.to_string(), "the forge did not answer in time");
    let mend = crate::doctor::mend(&late);
    assert!(mend.contains("firewall"), "{mend}");
    for error in [refused, broken, late] {
        assert!(
            matches!(
                error,
                ForgejoError::Transient {
                    answered: false,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn no_error_shows_a_query_or_the_token() {
    let hangs_up = raw_forge(Vec::new()).await;
    let cut_off = raw_forge(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[".to_vec()).await;
    let no_http = raw_forge(b"SSH-2.0-OpenSSH\r\n".to_vec()).await;
    for address in [hangs_up, cut_off, no_http] {
        let error = list(&client(&format!("http://{address}"))).await;
        let text = format!("{error} {error:?}");
        assert!(error.is_transient(), "{text}");
        assert!(!text.contains("since=") && !text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn addresses_in_answers_are_never_asked() {
    let other = forge(refusal(500)).await;
    let planted = json!({
        "id": 17, "number": 9, "full_name": "alice/board",
        "url": other.uri(), "html_url": other.uri(), "issue_url": format!("{}/issues/9", other.uri()),
    });
    let server = forge(ResponseTemplate::new(200).set_body_json(planted)).await;
    let client = client(&server.uri());
    client.repository_by_id(RepositoryId(17)).await.unwrap();
    client.issue(&board(), IssueNumber(9)).await.unwrap();
    client.comment(&board(), CommentId(17)).await.unwrap();
    assert!(other.received_requests().await.unwrap().is_empty());
}
