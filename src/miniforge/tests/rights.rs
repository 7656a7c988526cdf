//! Who may do what, names that move, and places.

use super::*;

#[tokio::test]
async fn everybody_signs_in_and_sudo_is_for_site_admins() {
    let village = Village::new();
    let issue = village.issue().await;
    let mut stranger = village.bob.clone();
    stranger.token = "0".repeat(40);
    assert_eq!(get(&stranger, "/user").await.status, 401);
    let anonymous = reqwest::get(format!("{}/api/v1/user", village.forge.url()))
        .await
        .unwrap();
    assert_eq!(anonymous.status(), 401);

    let comment = village
        .root
        .comment_as("alice", BOARD, issue, "by alice?")
        .await
        .unwrap();
    assert_eq!(
        village.forge.comment(comment).unwrap().author,
        village.alice.id
    );
    let refused = village
        .alice
        .comment_as("bob", BOARD, issue, "x")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("answered 403"), "{refused}");
    assert_eq!(get(&village.root, "/user?sudo=nobody").await.status, 404);
}

#[tokio::test]
async fn rights_decide_and_some_refusals_have_no_body() {
    let village = Village::new();
    let issue = village.issue().await;
    let comment = village.alice.comment(BOARD, issue, "mine").await.unwrap();
    let one = format!("/repos/{BOARD}/issues/comments/{comment}");
    let text = json!({"body": "changed"});
    let refused = call(&village.bob, Method::PATCH, &one, text).await;
    assert_eq!((refused.status, refused.body.as_str()), (403, ""));
    let refused = call(&village.bob, Method::DELETE, &one, Value::Null).await;
    assert_eq!((refused.status, refused.body.as_str()), (403, ""));
    let whole = format!("/repos/{BOARD}/issues/{}", issue.0);
    assert_eq!(
        call(&village.carol, Method::DELETE, &whole, Value::Null)
            .await
            .status,
        403
    );

    let asked = format!("/repos/{BOARD}/collaborators/carol/permission");
    assert_eq!(
        get(&village.alice, &asked).await.json()["permission"],
        "write"
    );
    assert_eq!(get(&village.carol, &asked).await.status, 200);
    assert_eq!(get(&village.bob, &asked).await.status, 403);
    village
        .forge
        .set_right(village.board, village.bob.id, Right::None);
    assert_eq!(get(&village.bob, &one).await.status, 404);
    village
        .forge
        .change(|state| state.set_private(village.board, true));
    let stranger = village.forge.add_user("dave").unwrap();
    assert_eq!(get(&stranger, &one).await.status, 404);
    village.alice.delete_comment(BOARD, comment).await.unwrap();
    assert_eq!(village.forge.comment(comment).map(|found| found.id), None);
    village.alice.delete_issue(BOARD, issue).await.unwrap();
    assert_eq!(get(&village.alice, &whole).await.status, 404);
    assert_eq!(
        village.carol.open_issue(BOARD, "next", "").await.unwrap(),
        IssueNumber(2)
    );
}

#[tokio::test]
async fn blocked_by_author_or_owner_means_no_comment_and_no_reaction() {
    let village = Village::new();
    let issue = village.issue().await;
    let before = village.bob.comment(BOARD, issue, "before").await.unwrap();
    village.bob.block("carol").await.unwrap();
    let refused = village
        .carol
        .comment(BOARD, issue, "hello")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("answered 403"), "{refused}");
    let refused = village
        .carol
        .react(BOARD, before, "eyes")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("answered 403"), "{refused}");
    village
        .forge
        .change(|state| state.block(village.alice.id, village.bob.id));
    assert!(village.bob.comment(BOARD, issue, "hello").await.is_err());
    assert!(village.bob.open_issue(BOARD, "ask", "again").await.is_err());
}

#[tokio::test]
async fn a_locked_issue_is_for_writers() {
    let village = Village::new();
    let issue = village.issue().await;
    let comment = village.bob.comment(BOARD, issue, "before").await.unwrap();
    village.forge.lock(village.thread(issue), true);
    assert!(village.bob.comment(BOARD, issue, "after").await.is_err());
    assert!(village.bob.react(BOARD, comment, "eyes").await.is_err());
    village
        .carol
        .comment(BOARD, issue, "a writer's")
        .await
        .unwrap();
}

#[tokio::test]
async fn former_names_redirect_until_somebody_takes_them() {
    let village = Village::new();
    village.issue().await;
    village
        .forge
        .change(|state| state.move_repository(village.board, None, Some("tools")));
    let old = format!("/repos/{BOARD}/issues?state=all&page=1");
    let moved = get(&village.bob, &old).await;
    assert_eq!(moved.status, 307);
    assert_eq!(
        moved.headers["Location"],
        "/api/v1/repos/alice/tools/issues?state=all&page=1"
    );
    village
        .forge
        .settings(|settings| settings.redirect_status = 301);
    assert_eq!(get(&village.bob, &old).await.status, 301);

    let guild = village.forge.add_user("guild").unwrap();
    village
        .forge
        .change(|state| state.move_repository(village.board, Some(guild.id), None));
    let by_id = get(&village.bob, &format!("/repositories/{}", village.board))
        .await
        .json();
    assert_eq!(by_id["full_name"], "guild/tools");
    let moved = get(&village.bob, "/repos/alice/tools").await;
    assert_eq!(moved.headers["Location"], "/api/v1/repos/guild/tools");

    village.forge.add_repository(village.alice.id, "board");
    assert_eq!(
        get(&village.bob, &format!("/repos/{BOARD}")).await.json()["id"],
        2
    );
}

#[tokio::test]
async fn a_name_can_belong_to_another_person_tomorrow() {
    let village = Village::new();
    let issue = village.issue().await;
    village
        .alice
        .comment(BOARD, issue, "by the first alice")
        .await
        .unwrap();
    village
        .forge
        .change(|state| state.rename_user(village.alice.id, "alicia"));
    let renamed = get(&village.bob, "/users/alice").await;
    assert_eq!(renamed.headers["Location"], "/api/v1/users/alicia");
    let moved = get(&village.bob, &format!("/repos/{BOARD}")).await;
    assert_eq!(moved.headers["Location"], "/api/v1/repos/alicia/board");
    let other = village.forge.add_user_with_id("alice", UserId(77)).unwrap();
    other
        .comment("alicia/board", issue, "by the second alice")
        .await
        .unwrap();
    let listed = village.bob.comments("alicia/board", issue).await.unwrap();
    let authors: Vec<_> = listed
        .iter()
        .map(|one| (one.author, one.login.as_str()))
        .collect();
    assert_eq!(
        authors,
        [(village.alice.id, "alicia"), (UserId(77), "alice")]
    );
    assert_eq!(get(&village.bob, "/users/alice").await.json()["id"], 77);
}

#[tokio::test]
async fn it_lives_under_a_sub_path_and_on_ipv6() {
    let options = Options {
        sub_path: "/git/".to_owned(),
        ipv6: true,
        ..Options::default()
    };
    let village = Village::with(&options);
    assert!(village.forge.url().starts_with("http://[::1]:"));
    assert!(village.forge.url().ends_with("/git"));
    let issue = village.issue().await;
    let shown = get(&village.bob, &format!("/repos/{BOARD}/issues/{}", issue.0))
        .await
        .json();
    assert_eq!(
        shown["html_url"],
        format!("{}/alice/board/issues/1", village.forge.url())
    );
    village
        .forge
        .change(|state| state.move_repository(village.board, None, Some("tools")));
    let moved = get(&village.bob, &format!("/repos/{BOARD}")).await;
    assert_eq!(moved.headers["Location"], "/git/api/v1/repos/alice/tools");
    let beside = village.forge.url().replace("/git", "/api/v1/version");
    assert_eq!(reqwest::get(beside).await.unwrap().status(), 404);
}
