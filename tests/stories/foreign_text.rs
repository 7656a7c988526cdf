//! Foreign text in the bot's comments: it mentions nobody, links nowhere and ends nothing.

use insta::assert_snapshot;
use pulldown_cmark::{Event, Parser, Tag};

use crate::harness::{Key, Story, visible};

/// Links, images and HTML that the visible part of a comment renders to, but for the bot's own.
fn active_parts(text: &str) -> Vec<String> {
    Parser::new(text)
        .filter_map(|event| match event {
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::Heading { .. })) => {
                Some(format!("{tag:?}"))
            }
            Event::Html(html) | Event::InlineHtml(html) => Some(html.to_string()),
            _ => None,
        })
        .collect()
}

const EVIL: &str = "@piotr [click](http://evil.example) ![x](http://evil.example/p.png) <img src=x> --> ``` `` <!-- # head";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_renders_as_itself() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let said = thread
        .answer(codex, "/gate request\n~~~~toml\nx\n~~~~\n")
        .await;
    assert_snapshot!(said, @"````after `/gate request` only one block that opens with ```toml may follow````");
    let request = format!(
        "/gate request\n````toml\nidentity = \"codex-*\"\nscopes = [\"board:read\"]\nttl = \"8h\"\nrecipient = \"{}\"\nreason = '''{EVIL}'''\ndisplay_name = \"**bold** @alice\"\nlabel = \"<b>laptop</b>\"\n````",
        key.recipient
    );
    assert_snapshot!(thread.answer(codex, &request).await, @r"
    **R1 · codex asks for `codex-kan-1`** · dev
    - may `board:read` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - called `**bold** @{zwsp}alice`
    - says: ````@{zwsp}piotr [click](http://evil.example) ![x](http://evil.example/p.png) ‹img src=x› --› ``` `` ‹!-- # head````
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read ttl=8h
    ```
    or `/gate deny R1`
    ");
    let token = thread.approved(alice, &key).await;
    assert!(story.alive(&token).await);
    thread.comment(alice, "/gate inspect").await;
    thread
        .comment(alice, &format!("/gate revoke codex-kan-1 {EVIL}\n\n{EVIL}"))
        .await;
    assert_snapshot!(thread.last_reply().replace('\u{200b}', "{zwsp}"), @"**`codex-kan-1` is revoked**, with 1 of its credentials: ````@{zwsp}piotr [click](http://evil.example) ![x](http://evil.example/p.png) ‹img src=x› --› ``` `` ‹!-- # head  @{zwsp}piotr [click](http://evil.example) ![x](http://evil.example/p.png) ‹img src=x› --› ``` `` ‹!-- …````.");
    for reply in thread.replies() {
        let parts: Vec<String> = active_parts(&visible(&reply))
            .into_iter()
            .filter(|part| !part.contains("details"))
            .collect();
        assert_eq!(parts, Vec::<String>::new(), "{reply}");
        // The hidden part is a line for programs and a marker, each one whole comment.
        let hidden = &reply[visible(&reply).len()..];
        for line in hidden.lines().filter(|line| !line.is_empty()) {
            let inside = line.strip_prefix("<!-- ").unwrap().strip_suffix(" -->");
            assert!(!inside.unwrap().contains("--"), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_quoted_harmlessly() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let said = thread
        .table(
            codex,
            &[
                "/gate request @piotr=1",
                "/gate request [x](http://evil.example)=1",
                "/gate request identity=<b>",
                "/gate request\n```toml\n\"@piotr ``` <b>\" = 1\n```",
                "/gate request\n```toml\nidentity = [1, \"@piotr\"\n```",
                "/gate @piotr",
            ],
        )
        .await;
    assert_snapshot!(said, @r#"
    > /gate request @piotr=1
    bad_form: `@{zwsp}piotr` is no `key=value` of this command

    > /gate request [x](http://evil.example)=1
    bad_form: `[x](http://evil.example)` is no `key=value` of this command

    > /gate request identity=<b>
    bad_request: `identity` must be 1 to 40 of a-z, 0-9 and `-`, not at an end; or such a name and `-*`

    > /gate request
    ```toml
    "@piotr ``` <b>" = 1
    ```
    bad_request: ```` `@{zwsp}piotr ``` ‹b›` must be a text in quotes or a list of them ````

    > /gate request
    ```toml
    identity = [1, "@piotr"
    ```
    bad_request: `` the block is not valid TOML: unclosed array, expected `]` ``

    > /gate @piotr
    unknown_verb: there is no such verb; `/gate help` shows them
    "#);
    let said = thread
        .table(
            alice,
            &[
                "/gate approve R1 @piotr",
                "/gate approve R1 0000-0000-0000 @piotr <b>",
            ],
        )
        .await;
    assert_snapshot!(said, @r"
    > /gate approve R1 @piotr
    bad_request: `code` must be the code from the bot's summary, such as `CODE`

    > /gate approve R1 CODE @piotr <b>
    bad_form: `@{zwsp}piotr` is no `key=value` of this command
    ");
    for reply in thread.replies() {
        assert_eq!(
            active_parts(&visible(&reply)),
            Vec::<String>::new(),
            "{reply}"
        );
        assert!(!visible(&reply).contains("@piotr"), "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_could_be_markup_is_shown_as_code() {
    let story = Story::begin().await;
    let (codex, alice) = (&story.stage.codex, &story.stage.alice);
    let thread = story.thread(codex, "sort").await;
    let key = Key::new();
    let odd = "_x_](http://evil.example)<b>@piotr";
    story
        .stage
        .forge
        .change(|state| state.rename_user(codex.id, odd));
    let before = thread.replies().len();
    thread.ask(codex, &key).await;
    assert_snapshot!(thread.news(before), @r"
    **R1 · `_x_](http://evil.example)‹b›@{zwsp}piotr` asks for `codex-kan-1`** · dev
    - may `board:read` `card:write` in `kan-ductor`, for 8 h
    - new identity; sealed to `age1…`
    - says: `sort the roadmap`
    - needs one of @alice @piotr, by 27 Nov 14:00 UTC

    ```
    /gate approve R1 CODE scopes=board:read,card:write ttl=8h
    ```
    or `/gate deny R1`
    ");
    let line = thread.approve_line();
    assert_snapshot!(thread.answer(alice, &line).await, @r"
    **R1 approved by alice: `codex-kan-1` c1** · `board:read` `card:write` · ends 24 Nov 22:00 UTC
    `_x_](http://evil.example)‹b›@{zwsp}piotr`: open it and use it by 24 Nov 22:00 UTC. To take it back: `/gate revoke codex-kan-1`
    <details><summary>sealed file</summary>

    ```
    (age file)
    ```
    </details>
    ");
    thread.open(&key);
    for reply in thread.replies() {
        let parts: Vec<String> = active_parts(&visible(&reply))
            .into_iter()
            .filter(|part| !part.contains("details"))
            .collect();
        assert_eq!(parts, Vec::<String>::new(), "{reply}");
        let mentions = visible(&reply).replace("of @alice @piotr,", "");
        assert!(!mentions.contains("@piotr"), "{reply}");
    }
}
