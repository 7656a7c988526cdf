//! Issues, comments, reactions, lists.

use super::*;

#[tokio::test]
async fn a_writer_edits_anothers_comment_and_within_the_second_nothing_shows_it() {
    let village = Village::new();
    let issue = village.issue().await;
    let comment = village.alice.comment(BOARD, issue, "no").await.unwrap();
    village
        .carol
        .edit_comment(BOARD, comment, "yes")
        .await
        .unwrap();

    let listed = village.bob.comments(BOARD, issue).await.unwrap();
    assert_eq!(
        (listed[0].author, listed[0].login.as_str()),
        (village.alice.id, "alice")
    );
    assert_eq!(listed[0].body, "yes");
    assert_eq!(listed[0].created_at, listed[0].updated_at);
    assert_eq!(listed[0].created_at.to_string(), "2026-11-25T12:00:00Z");

    village.pass(1);
    village
        .carol
        .edit_comment(BOARD, comment, "maybe")
        .await
        .unwrap();
    let listed = village.bob.comments(BOARD, issue).await.unwrap();
    assert_ne!(listed[0].created_at, listed[0].updated_at);
    let moved = village.forge.issue(village.thread(issue)).unwrap().updated;
    assert_eq!(
        moved, listed[0].created_at,
        "an edit of a comment does not move the issue"
    );
}

#[tokio::test]
async fn an_owner_sets_times_back_and_a_writer_may_not() {
    let village = Village::new();
    let issue = village.issue().await;
    village.pass(10);
    let comment = village.alice.comment(BOARD, issue, "one").await.unwrap();
    let written = village.forge.comment(comment).unwrap().created;
    village.pass(10);
    village
        .alice
        .edit_comment_at(BOARD, comment, "two", written)
        .await
        .unwrap();
    let now = village.forge.comment(comment).unwrap();
    assert_eq!((now.body.as_str(), now.updated), ("two", now.created));
    let since = village.clock.now();
    let list = get(
        &village.bob,
        &format!("/repos/{BOARD}/issues/comments?since={since}"),
    )
    .await;
    assert_eq!(
        list.json(),
        json!([]),
        "the edit is hidden from since=, too"
    );

    let path = format!("/repos/{BOARD}/issues/comments/{comment}");
    let back = json!({"body": "three", "updated_at": written.to_string()});
    assert_eq!(
        call(&village.carol, Method::PATCH, &path, back)
            .await
            .status,
        403
    );
    for time in ["2026-11-25T11:59:59Z", "2026-11-25T12:00:21Z"] {
        let out = json!({"body": "three", "updated_at": time});
        assert_eq!(
            call(&village.alice, Method::PATCH, &path, out).await.status,
            403,
            "{time}"
        );
    }
    let path = format!("/repos/{BOARD}/issues/1/comments");
    let early = json!({"body": "early", "updated_at": "2026-11-25T13:00:05+01:00"});
    let made = call(&village.alice, Method::POST, &path, early).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["created_at"], "2026-11-25T12:00:05Z");
}

#[tokio::test]
async fn a_gitea_does_not_look_at_given_times() {
    let village = Village::new();
    village.forge.settings(|settings| settings.gitea = true);
    let issue = village.issue().await;
    village.pass(10);
    let path = format!("/repos/{BOARD}/issues/{}/comments", issue.0);
    let early = json!({"body": "early", "updated_at": "2026-11-25T12:00:01Z"});
    let made = call(&village.alice, Method::POST, &path, early)
        .await
        .json();
    assert_eq!(made["created_at"], "2026-11-25T12:00:10Z");
    assert_eq!(made["user"]["pronouns"], Value::Null);
}

#[tokio::test]
async fn the_list_of_a_repository_is_whole_without_a_page_and_paged_with_one() {
    let village = Village::new();
    let issue = village.issue().await;
    for number in 0..60 {
        village
            .bob
            .comment(BOARD, issue, &format!("comment {number}"))
            .await
            .unwrap();
    }
    village
        .bob
        .delete_comment(BOARD, CommentId(30))
        .await
        .unwrap();
    let all = format!("/repos/{BOARD}/issues/comments");

    let whole = get(&village.bob, &format!("{all}?limit=5")).await;
    assert_eq!(ids(&whole).len(), 59, "limit is ignored");
    assert!(!ids(&whole).contains(&30), "deleted ones are missing");
    assert_eq!(whole.headers["X-Total-Count"], "59");
    assert!(!whole.headers.contains_key("Link"));
    let second = get(&village.bob, &format!("{all}?page=2&limit=20")).await;
    assert_eq!((ids(&second)[0], ids(&second).len()), (21, 20));
    assert_eq!(second.headers["X-Total-Count"], "59");
    assert_eq!(
        ids(&get(&village.bob, &format!("{all}?page=1&limit=500")).await).len(),
        50
    );
    assert_eq!(
        ids(&get(&village.bob, &format!("{all}?page=1")).await).len(),
        30
    );
    let thread = format!("/repos/{BOARD}/issues/1/comments?page=1&limit=5");
    assert_eq!(
        ids(&get(&village.bob, &thread).await).len(),
        59,
        "the list of an issue is never paged"
    );
}

#[tokio::test]
async fn since_and_before_are_inclusive_and_look_at_changes() {
    let village = Village::new();
    let issue = village.issue().await;
    for text in ["first", "second", "third"] {
        village.bob.comment(BOARD, issue, text).await.unwrap();
        village.pass(10);
    }
    village
        .bob
        .edit_comment(BOARD, CommentId(1), "first, changed")
        .await
        .unwrap();
    let all = format!("/repos/{BOARD}/issues/comments");
    let since = get(&village.bob, &format!("{all}?since=2026-11-25T12:00:20Z")).await;
    assert_eq!(ids(&since), [1, 3], "in order of writing");
    let before = get(
        &village.bob,
        &format!("{all}?before=2026-11-25T13:00:10%2B01:00"),
    )
    .await;
    assert_eq!(ids(&before), [2]);
    let blank = get(
        &village.bob,
        &format!("{all}?since=2026-11-25T13:00:10+01:00"),
    )
    .await;
    assert_eq!(blank.status, 422, "an unescaped plus is a blank");
}

#[tokio::test]
async fn issues_are_listed_newest_first_open_and_paged() {
    let village = Village::new();
    for _ in 0..3 {
        village.issue().await;
        village.pass(1);
    }
    village.bob.close(BOARD, IssueNumber(2)).await.unwrap();
    village
        .forge
        .open_pull(village.board, village.alice.id, "change", "")
        .unwrap();
    let numbers = async |query: &str| -> Vec<i64> {
        let list = get(&village.bob, &format!("/repos/{BOARD}/issues{query}"))
            .await
            .json();
        list.as_array()
            .unwrap()
            .iter()
            .map(|issue| issue["number"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(numbers("").await, [4, 3, 1]);
    assert_eq!(numbers("?state=all&type=issues").await, [3, 2, 1]);
    assert_eq!(
        numbers("?state=all&type=issues&sort=recentupdate").await,
        [2, 3, 1]
    );
    assert_eq!(
        numbers("?state=all&since=2026-11-25T12:00:03Z").await,
        [4, 2]
    );
    assert_eq!(numbers("?state=closed").await, [2]);
    assert_eq!(numbers("?state=all&page=2&limit=3").await, [1]);
    let first = get(
        &village.bob,
        &format!("/repos/{BOARD}/issues?state=all&limit=3"),
    )
    .await;
    let link = first.headers["Link"].to_str().unwrap();
    assert!(
        link.contains("page=2&state=all&limit=3>; rel=\"next\""),
        "{link}"
    );
    assert_eq!(first.headers["X-Total-Count"], "4");
}

#[tokio::test]
async fn odd_comments_answer_204_and_deleted_authors_500() {
    let village = Village::new();
    let issue = village.issue().await;
    let note = village
        .forge
        .add_note(village.thread(issue), village.alice.id);
    let comment = village.bob.comment(BOARD, issue, "text").await.unwrap();
    let one = |id: CommentId| format!("/repos/{BOARD}/issues/comments/{id}");
    let odd = get(&village.alice, &one(note)).await;
    assert_eq!((odd.status, odd.body.as_str()), (204, ""));
    assert_eq!(get(&village.alice, &one(CommentId(99))).await.status, 404);
    assert_eq!(get(&village.alice, &one(comment)).await.status, 200);

    village
        .forge
        .change(|state| state.delete_user(village.bob.id));
    assert_eq!(
        get(&village.bob, "/user").await.status,
        401,
        "the token ends"
    );
    assert_eq!(get(&village.alice, &one(comment)).await.status, 500);
    let listed = village.alice.comments(BOARD, issue).await.unwrap();
    assert_eq!(
        (listed[0].author, listed[0].login.as_str()),
        (UserId(-1), "Ghost")
    );
    village
        .forge
        .settings(|settings| settings.deleted_author_fails = false);
    assert_eq!(
        get(&village.alice, &one(comment)).await.json()["user"]["id"],
        -1
    );
    village
        .forge
        .settings(|settings| settings.null_authors = true);
    let shown = get(&village.alice, &one(comment)).await.json();
    assert!(shown.as_object().unwrap().contains_key("user"));
    assert_eq!(shown["user"], Value::Null);
}

#[tokio::test]
async fn reactions_answer_201_then_200_and_unknown_ones_403() {
    let village = Village::new();
    let issue = village.issue().await;
    let comment = village.bob.comment(BOARD, issue, "text").await.unwrap();
    let path = format!("/repos/{BOARD}/issues/comments/{comment}/reactions");
    assert_eq!(
        get(&village.bob, &path).await.body,
        "null\n",
        "no reaction is no list"
    );
    let eyes = json!({"content": "eyes"});
    assert_eq!(
        call(&village.bob, Method::POST, &path, eyes.clone())
            .await
            .status,
        201
    );
    assert_eq!(
        call(&village.bob, Method::POST, &path, eyes.clone())
            .await
            .status,
        200
    );
    assert_eq!(
        call(&village.alice, Method::POST, &path, eyes.clone())
            .await
            .status,
        201
    );
    let unknown = json!({"content": "tada"});
    assert_eq!(
        call(&village.bob, Method::POST, &path, unknown)
            .await
            .status,
        403
    );
    let deleted = call(&village.bob, Method::DELETE, &path, eyes).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (200, ""));
    let left = village.bob.reactions(BOARD, comment).await.unwrap();
    assert_eq!((left.len(), left[0].user), (1, village.alice.id));
    let issue_path = format!("/repos/{BOARD}/issues/{}/reactions", issue.0);
    let heart = json!({"content": "heart"});
    assert_eq!(
        call(&village.bob, Method::POST, &issue_path, heart)
            .await
            .status,
        201
    );
    assert_eq!(
        village
            .forge
            .issue(village.thread(issue))
            .unwrap()
            .reactions
            .len(),
        1
    );
}

#[tokio::test]
async fn exclusive_labels_take_each_others_place() {
    let village = Village::new();
    let issue = village.issue().await;
    let labels = format!("/repos/{BOARD}/labels");
    for name in ["gate/open", "gate/done", "other"] {
        let form = json!({"name": name, "color": "#00FF00", "exclusive": name != "other"});
        let made = call(&village.carol, Method::POST, &labels, form).await;
        assert_eq!(
            (made.status, made.json()["color"].as_str()),
            (201, Some("00ff00"))
        );
    }
    let on = format!("/repos/{BOARD}/issues/{}/labels", issue.0);
    let put = json!({"labels": ["gate/open", "other", "unknown"]});
    assert_eq!(
        call(&village.carol, Method::POST, &on, put).await.status,
        200
    );
    call(&village.carol, Method::POST, &on, json!({"labels": [2]})).await;
    assert_eq!(
        village.forge.labels(village.thread(issue)),
        ["other", "gate/done"]
    );
    let one = format!("{on}/gate%2Fdone");
    let gone = call(&village.carol, Method::DELETE, &one, Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(village.forge.labels(village.thread(issue)), ["other"]);
    let reader = call(&village.bob, Method::POST, &on, json!({"labels": [1]})).await;
    assert_eq!((reader.status, reader.body.as_str()), (403, ""));
}

#[tokio::test]
async fn a_body_of_sixteen_megabytes_is_taken_and_angles_grow_sixfold() {
    let village = Village::new();
    let path = format!("/repos/{BOARD}/issues");
    let form = json!({"title": "large", "body": "x".repeat(16 << 20)});
    let large = call(&village.bob, Method::POST, &path, form).await;
    assert_eq!(large.status, 201);
    assert!(large.body.len() > 16 << 20);
    let form = json!({"title": "angles", "body": "<".repeat(70_000)});
    let angles = call(&village.bob, Method::POST, &path, form).await;
    assert!(angles.body.len() > 6 * 70_000);
}

#[tokio::test]
async fn times_and_the_date_are_the_forges_own() {
    let village = Village::new();
    village
        .forge
        .settings(|settings| settings.offset = jiff::tz::offset(1));
    village.issue().await;
    let shown = get(&village.bob, &format!("/repos/{BOARD}/issues/1")).await;
    assert_eq!(shown.json()["created_at"], "2026-11-25T13:00:00+01:00");
    assert_eq!(shown.headers["Date"], "Wed, 25 Nov 2026 12:00:00 GMT");
    village.pass(3600);
    let later = get(&village.bob, "/version").await;
    assert_eq!(later.headers["Date"], "Wed, 25 Nov 2026 13:00:00 GMT");
    assert_eq!(later.json()["version"], "15.0.3+gitea-1.22.0");
}

#[tokio::test]
async fn what_is_not_a_comment_is_refused() {
    let village = Village::new();
    village.issue().await;
    let path = format!("/repos/{BOARD}/issues/1/comments");
    for (body, status) in [
        (json!({"body": ""}), 422),
        (json!({}), 422),
        (json!([1]), 422),
    ] {
        let refused = call(&village.bob, Method::POST, &path, body.clone()).await;
        assert_eq!(refused.status, status, "{body}");
        assert!(refused.json()["message"].is_string() && refused.json()["url"].is_string());
    }
    let missing = format!("/repos/{BOARD}/issues/7/comments");
    assert_eq!(
        call(&village.bob, Method::POST, &missing, json!({"body": "x"}))
            .await
            .status,
        404
    );
}
