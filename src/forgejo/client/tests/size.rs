//! Answers whose size somebody else decides.

use super::answer::{LARGE, SMALL};
use super::*;
use crate::forgejo::text::{Body, KEPT_BODY};
use crate::gate::ids::IssueNumber;

fn http(body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[tokio::test]
async fn a_body_of_sixteen_mebibytes_is_read_and_not_kept() {
    let length = 16 * 1024 * 1024;
    let issue = format!(
        r#"{{"number":9,"state":"open","body":"{}"}}"#,
        "a".repeat(length)
    );
    let address = raw_forge(http(issue.as_bytes())).await;
    let client = client(&format!("http://{address}"));
    let issue = client.issue(&board(), IssueNumber(9)).await.unwrap().value;
    assert_eq!(issue.body, Body::TooLarge { bytes: length });
    assert_eq!(client.large.available_permits(), LARGE_AT_ONCE);
}

#[tokio::test]
async fn one_large_comment_leaves_the_others_of_its_page_readable() {
    let list = format!(
        r#"[{{"id":1,"body":"{}"}},{{"id":2,"body":"/gate revoke"}}]"#,
        "\\u003c".repeat(KEPT_BODY + 1)
    );
    let address = raw_forge(http(list.as_bytes())).await;
    let client = client(&format!("http://{address}"));
    let page = client
        .comments_since(&board(), Timestamp::UNIX_EPOCH, 1, 50)
        .await
        .unwrap();
    let items = page.value.items;
    assert_eq!(
        items[0].body,
        Body::TooLarge {
            bytes: KEPT_BODY + 1
        }
    );
    assert_eq!(items[1].body.text().unwrap().expose(), "/gate revoke");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_given_up_whether_its_length_is_told_or_not() {
    let told = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n[", LARGE + 1).into_bytes();
    // Without a length it must be counted; one chunk of a mebibyte, again and again.
    let mut untold = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..=(LARGE / SMALL) {
        untold.extend_from_slice(b"100000\r\n");
        untold.resize(untold.len() + SMALL, b' ');
        untold.extend_from_slice(b"\r\n");
    }
    for answer in [told, untold] {
        let address = raw_forge(answer).await;
        let client = client(&format!("http://{address}"));
        let list = client
            .comments_since(&board(), Timestamp::UNIX_EPOCH, 1, 50)
            .await;
        assert!(
            matches!(list, Err(ForgejoError::TooLarge { limit: LARGE, .. })),
            "{list:?}"
        );
        let error = client.version().await.unwrap_err();
        assert!(
            matches!(error, ForgejoError::TooLarge { limit: SMALL, .. }),
            "{error:?}"
        );
        assert!(!error.may_have_acted());
        let posted = client
            .post_comment(&board(), IssueNumber(9), "x")
            .await
            .unwrap_err();
        assert!(posted.may_have_acted(), "{posted:?}");
    }
}

#[tokio::test]
async fn a_page_that_comes_too_slowly_is_halved_only_if_it_is_large() {
    // Both promise more than they send and then keep the connection open.
    let stalled = async |sent: usize| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let _ = stream.write_all(&vec![b' '; sent]).await;
            std::future::pending::<()>().await;
        });
        impatient(&format!("http://{address}"))
            .comments_since(&board(), Timestamp::UNIX_EPOCH, 1, 50)
            .await
            .unwrap_err()
    };
    assert!(matches!(
        stalled(2 * SMALL).await,
        ForgejoError::TooLarge { .. }
    ));
    assert!(stalled(10).await.is_transient());
}
