//! Where each call goes, what it sends and what it reads.

use serde_json::{Value, json};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::gate::ids::{CommentId, IssueNumber, RepositoryId, UserId};

const COMMENT: CommentId = CommentId(902);
const ISSUE: IssueNumber = IssueNumber(9);

async fn forge(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

fn json_answer(value: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(value)
}

/// Method, address and body of each request, one line each.
async fn received(server: &MockServer) -> String {
    let requests = server.received_requests().await.unwrap();
    let line = |request: &wiremock::Request| {
        let query = request
            .url
            .query()
            .map_or(String::new(), |q| format!("?{q}"));
        let body = String::from_utf8_lossy(&request.body).into_owned();
        format!("{} {}{query} {body}", request.method, request.url.path())
            .trim_end()
            .to_owned()
    };
    requests.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_call_goes_to_its_place() {
    let server = forge(json_answer(
        &json!({"id": 1, "number": 1, "version": "15.0.3"}),
    ))
    .await;
    let client = client(&server.uri());
    let board = board();
    client.version().await.unwrap();
    client.whoami().await.unwrap();
    client.user("alice").await.unwrap();
    client.repository_by_id(RepositoryId(17)).await.unwrap();
    client.issue(&board, ISSUE).await.unwrap();
    client.comment(&board, COMMENT).await.unwrap();
    client.post_comment(&board, ISSUE, "a \"b\"").await.unwrap();
    client.edit_comment(&board, COMMENT, "c").await.unwrap();
    client.react_comment(&board, COMMENT, "eyes").await.unwrap();
    client.react_issue(&board, ISSUE, "+1").await.unwrap();
    // Here 200 is the wrong answer: only 204 says that it is gone.
    assert!(client.delete_comment(&board, COMMENT).await.is_err());
    insta::assert_snapshot!(received(&server).await, @r##"
    GET /api/v1/version
    GET /api/v1/user
    GET /api/v1/users/alice
    GET /api/v1/repositories/17
    GET /api/v1/repos/alice/board/issues/9
    GET /api/v1/repos/alice/board/issues/comments/902
    POST /api/v1/repos/alice/board/issues/9/comments {"body":"a \"b\""}
    PATCH /api/v1/repos/alice/board/issues/comments/902 {"body":"c"}
    POST /api/v1/repos/alice/board/issues/comments/902/reactions {"content":"eyes"}
    POST /api/v1/repos/alice/board/issues/9/reactions {"content":"+1"}
    DELETE /api/v1/repos/alice/board/issues/comments/902
    "##);
}

#[tokio::test]
async fn lists_are_asked_for_by_page_and_times_in_utc() {
    let server = forge(json_answer(&json!([])).insert_header("X-Total-Count", "123")).await;
    let client = client(&server.uri());
    let since: Timestamp = "2026-05-04T09:00:00.999+01:00".parse().unwrap();
    let page = client.comments_since(&board(), since, 1, 50).await.unwrap();
    assert_eq!((page.value.items.len(), page.value.total), (0, Some(123)));
    client
        .comments_since(&board(), since, 0, 5_000)
        .await
        .unwrap();
    client.issues_since(&board(), since, 2, 25).await.unwrap();
    client.issue_comments(&board(), ISSUE).await.unwrap();
    insta::assert_snapshot!(received(&server).await, @r##"
    GET /api/v1/repos/alice/board/issues/comments?since=2026-05-04T08%3A00%3A00Z&page=1&limit=50
    GET /api/v1/repos/alice/board/issues/comments?since=2026-05-04T08%3A00%3A00Z&page=1&limit=50
    GET /api/v1/repos/alice/board/issues?state=all&type=issues&since=2026-05-04T08%3A00%3A00Z&page=2&limit=25
    GET /api/v1/repos/alice/board/issues/9/comments
    "##);
}

#[tokio::test]
async fn the_path_of_the_base_is_kept_and_no_slash_doubled() {
    let server = forge(json_answer(&json!({"version": "15.0.3"}))).await;
    for base in ["", "/", "/git", "/git/", "/a/b"] {
        client(&format!("{}{base}", server.uri()))
            .version()
            .await
            .unwrap();
    }
    insta::assert_snapshot!(received(&server).await, @r##"
    GET /api/v1/version
    GET /api/v1/version
    GET /git/api/v1/version
    GET /git/api/v1/version
    GET /a/b/api/v1/version
    "##);
    let base = client(&format!("{}/git/", server.uri())).base().to_owned();
    assert_eq!(base, format!("{}/git", server.uri()));
}

#[tokio::test]
async fn names_cannot_leave_their_segment() {
    let server = forge(json_answer(&json!({"id": 1, "number": 1}))).await;
    let client = client(&server.uri());
    let odd = RepositoryPath::parse("al ice?x=1/bo#ard%2F..ü").unwrap();
    client.issue(&odd, ISSUE).await.unwrap();
    client.user("../admin/users").await.unwrap();
    insta::assert_snapshot!(received(&server).await, @r##"
    GET /api/v1/repos/al%20ice%3Fx=1/bo%23ard%252F..%C3%BC/issues/9
    GET /api/v1/users/..%2Fadmin%2Fusers
    "##);
    for login in ["", ".", "..", "%2e%2E"] {
        let error = client.user(login).await.unwrap_err();
        assert_eq!(error, ForgejoError::NotFound, "{login}");
    }
}

#[tokio::test]
async fn what_anybody_may_see_is_asked_without_the_token() {
    let server = forge(json_answer(
        &json!({"id": 2, "login": "alice", "prohibit_login": true}),
    ))
    .await;
    let client = client(&server.uri());
    let alice = client.user_as_anybody("alice").await.unwrap().value;
    assert!(alice.id == UserId(2) && alice.prohibit_login);
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.url.path(), "/api/v1/users/alice");
    assert!(!request.headers.contains_key("authorization"));
    let error = client.user_as_anybody("..").await.unwrap_err();
    assert_eq!(error, ForgejoError::NotFound);
}

#[tokio::test]
async fn the_token_goes_into_one_header() {
    let server = forge(json_answer(&json!({"version": "15.0.3"}))).await;
    let client = client(&server.uri());
    client.version().await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["authorization"], format!("token {TOKEN}"));
    assert_eq!(request.headers["user-agent"], "ownergate/test");
    assert!(!request.url.as_str().contains(TOKEN));
    assert!(!format!("{client:?}").contains(TOKEN));
}

#[tokio::test]
async fn every_answer_carries_the_clock_of_the_forge() {
    let date = "Wed, 25 Nov 2026 02:37:08 GMT";
    let version = json!({"version": "15.0.3"});
    let server = forge(json_answer(&version).insert_header("Date", date)).await;
    let answer = client(&server.uri()).version().await.unwrap();
    assert_eq!(answer.date, Some("2026-11-25T02:37:08Z".parse().unwrap()));
    let server = forge(json_answer(&version).insert_header("Date", "soon")).await;
    assert_eq!(client(&server.uri()).version().await.unwrap().date, None);
}

#[tokio::test]
async fn a_comment_is_there_or_not_plain_or_gone() {
    let server = MockServer::start().await;
    let comments = "/api/v1/repos/alice/board/issues/comments";
    let found = json!({
        "id": 902, "body": "hello", "user": {"id": -1, "login": "Ghost"},
        "issue_url": "https://forge.example/alice/board/issues/9", "pull_request_url": "",
    });
    let odd = ResponseTemplate::new(204);
    let gone = ResponseTemplate::new(404).set_body_json(json!({"message": "not found"}));
    for (id, template) in [(902, json_answer(&found)), (903, odd), (904, gone)] {
        Mock::given(method("GET"))
            .and(path(format!("{comments}/{id}")))
            .respond_with(template)
            .mount(&server)
            .await;
    }
    let client = client(&server.uri());
    let read = async |id| client.comment(&board(), CommentId(id)).await.unwrap().value;
    let CommentRead::Found(comment) = read(902).await else {
        panic!("it is there");
    };
    assert_eq!(comment.thread(), Some(ISSUE));
    assert_eq!(comment.user.unwrap().id, UserId(-1));
    assert_eq!(read(903).await, CommentRead::NotPlain);
    assert_eq!(read(904).await, CommentRead::Gone);
}

#[tokio::test]
async fn a_deleted_comment_is_answered_by_204() {
    let server = forge(ResponseTemplate::new(204)).await;
    let client = client(&server.uri());
    client.delete_comment(&board(), COMMENT).await.unwrap();
    insta::assert_snapshot!(received(&server).await, @"DELETE /api/v1/repos/alice/board/issues/comments/902");
}

#[tokio::test]
async fn an_ipv6_forge_is_called_by_its_name() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        return; // This machine has no IPv6 loopback, so nothing can be shown here.
    };
    let port = listener.local_addr().unwrap().port();
    let forge = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = request(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"version\":\"6\"}";
        stream.write_all(answer).await.unwrap();
        asked
    });
    let answer = client(&format!("http://[::1]:{port}"))
        .version()
        .await
        .unwrap();
    assert_eq!(answer.value.version, "6");
    let asked = forge.await.unwrap().to_lowercase();
    assert!(asked.contains(&format!("host: [::1]:{port}")), "{asked}");
}

#[test]
fn calls_may_run_on_any_thread() {
    fn on_any_thread(_call: impl Send) {}
    let client = client("https://forge.example");
    let board = board();
    on_any_thread(client.comment(&board, COMMENT));
    on_any_thread(client.comments_since(&board, Timestamp::UNIX_EPOCH, 1, 50));
    on_any_thread(client.post_comment(&board, ISSUE, "x"));
    on_any_thread(client);
}

#[test]
fn only_addresses_that_keep_the_token_safe_are_taken() {
    let made = |base: &str, insecure_http: bool| {
        let mut options = options(base);
        options.insecure_http = insecure_http;
        Client::new(options).map(|_| ())
    };
    for good in [
        "https://forge.example",
        "https://forge.example/git/",
        "http://localhost:3000",
        "http://127.0.0.9",
        "http://[::1]:3000",
    ] {
        assert!(made(good, false).is_ok(), "{good}");
    }
    for plain in [
        "http://forge.example",
        "http://10.0.0.1",
        "http://localhost.example",
    ] {
        assert!(
            matches!(made(plain, false), Err(OptionsFault::Plain(_))),
            "{plain}"
        );
        assert!(made(plain, true).is_ok(), "{plain}");
    }
    for extra in [
        "https://a:b@forge.example",
        "https://forge.example/?x=1",
        "https://forge.example/#x",
    ] {
        assert!(
            matches!(made(extra, true), Err(OptionsFault::Extras)),
            "{extra}"
        );
    }
    for odd in [
        "",
        "forge.example",
        "ftp://forge.example",
        "file:///etc/passwd",
        "https://",
    ] {
        assert!(
            matches!(made(odd, true), Err(OptionsFault::Address(_))),
            "{odd}"
        );
    }
}

#[test]
fn a_token_that_no_header_can_carry_is_refused_unseen() {
    for token in ["", "abc def", "abc\n", "ü"] {
        let mut options = options("https://forge.example");
        options.token = SecretString::from(token);
        let fault = Client::new(options).unwrap_err();
        assert!(matches!(fault, OptionsFault::Token), "{token:?}");
        assert!(!fault.to_string().contains("abc"));
    }
}
