//! The resource servers in `examples/`, each as it stands there: they let in what owners, identity and
//! token allow together, and say what was done.
//!
//! Ignored unless asked for, since they need Python and Node, and the Rust one has to be built;
//! `.ci/run` prepares that and runs these with `cargo test --test stories examples -- --ignored`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ownergate::clock::Clock;
use ownergate::demo::stage::CLIENT_SECRET;
use tokio::process::{Child, Command};

use crate::activity::entries;
use crate::harness::{Key, Story};
use crate::harness_edges::soon;

/// What runs an example: a program, and the file that it takes.
fn command(language: &str) -> Command {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let built = PathBuf::from(env!("CARGO_BIN_EXE_ownergate"));
    let built = built.parent().unwrap().join("examples");
    let (program, file) = match language {
        "python" => (
            PathBuf::from("python3"),
            examples.join("resource_server.py"),
        ),
        // `npx tsc -p examples --outDir target/debug/examples`
        "typescript" => (PathBuf::from("node"), built.join("resource_server.js")),
        "rust" => (built.join("resource_server"), PathBuf::new()),
        other => panic!("no example in {other}"),
    };
    let mut command = Command::new(program);
    if file.as_os_str().is_empty() {
        return command;
    }
    assert!(
        file.exists(),
        "{} is not there, see `.ci/run`",
        file.display()
    );
    command.arg(file);
    command
}

/// A running example.
struct Example {
    url: String,
    _process: Child,
}

impl Example {
    async fn start(language: &str, story: &Story) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let secret = story.stage.directory().join("secrets/client");
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), CLIENT_SECRET);
        let process = command(language)
            .arg(story.stage.url())
            .arg("kanban-api")
            .arg(secret)
            .arg(port.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        soon(async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Self {
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
        }
    }

    /// Makes a card on a board: status, challenge and text.
    async fn card(&self, story: &Story, board: &str, authorization: &str) -> (u16, bool, String) {
        let mut call = story
            .stage
            .client()
            .post(format!("{}/boards/{board}/cards", self.url));
        if !authorization.is_empty() {
            call = call.header("Authorization", authorization);
        }
        let answer = call.send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.headers().contains_key("www-authenticate"),
            answer.text().await.unwrap(),
        )
    }

    async fn status(&self, story: &Story, board: &str, token: &str) -> u16 {
        self.card(story, board, &format!("Bearer {token}")).await.0
    }
}

/// An identity that alice approved.
async fn asked(story: &Story, line: &str) -> String {
    let key = Key::new();
    let thread = story.thread(&story.stage.codex, line).await;
    let line = format!(
        "/gate request {line} ttl=8h environment=dev recipient={}",
        key.recipient
    );
    thread.comment(&story.stage.codex, &line).await;
    thread.approved(&story.stage.alice, &key).await
}

/// What was done was told; the telling comes after the answer, so that it may be on its way.
async fn three_cards_were_told(story: &Story) {
    soon(async {
        while entries(story, "activity_reported").len() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let told = entries(story, "activity_reported");
    assert_eq!(told.len(), 3, "{told:?}");
    let told = format!("{told:?}");
    assert!(
        told.contains("card:write") && told.contains("inbox"),
        "{told}"
    );
}

/// Nobody, and nobody whom the bot knows.
async fn strangers_make_no_cards(example: &Example, story: &Story, token: &str) {
    let (status, challenged, _) = example.card(story, "roadmap", "").await;
    assert_eq!((status, challenged), (401, true));
    let dead = format!("Bearer og_any_{}", "0".repeat(64));
    for authorization in [
        dead.as_str(),
        "Basic YTpi",
        "Bearer",
        &format!("Token {token}"),
    ] {
        let (status, challenged, _) = example.card(story, "roadmap", authorization).await;
        assert_eq!((status, challenged), (401, true), "{authorization}");
    }
}

/// What every example does.
async fn applies_the_three_ceilings(language: &str) {
    // By the machine's clock, as the examples are.
    let mut story = Story::with(|setting| setting.clock = Clock::system()).await;
    let example = Example::start(language, &story).await;
    let any = asked(&story, "identity=any scopes=board:read,card:write").await;
    let reads = asked(&story, "identity=reads scopes=board:read").await;
    let roadmap = asked(
        &story,
        "identity=roadmap scopes=card:write resources=roadmap modes=autonomous",
    )
    .await;
    let attended = asked(
        &story,
        "identity=attended scopes=card:write modes=interactive",
    )
    .await;

    strangers_make_no_cards(&example, &story, &any).await;
    let (status, _, text) = example
        .card(&story, "roadmap", &format!("bearer {any}"))
        .await;
    assert_eq!((status, text.as_str()), (201, "a card on roadmap by any\n"));
    // The token.
    for (token, board, status) in [
        (&any, "inbox", 201),
        (&reads, "roadmap", 403),
        (&roadmap, "roadmap", 201),
        (&roadmap, "inbox", 403),
        (&attended, "roadmap", 403),
    ] {
        assert_eq!(
            example.status(&story, board, token).await,
            status,
            "{board} {token}"
        );
    }
    three_cards_were_told(&story).await;
    // The identity.
    story
        .at(1)
        .comment(&story.stage.alice, "/gate narrow any scopes=board:read")
        .await;
    assert_eq!(example.status(&story, "inbox", &any).await, 403);
    // The owner.
    assert_eq!(example.status(&story, "roadmap", &roadmap).await, 201);
    story
        .restart(&[(
            "login = \"alice\"",
            "login = \"alice\"\nceiling = [\"board:read\"]",
        )])
        .await;
    assert_eq!(
        example.status(&story, "roadmap", &roadmap).await,
        401,
        "nothing is left of it"
    );
    // No answer is no permission.
    story.stage.stop_bot().await;
    assert_eq!(example.status(&story, "inbox", &any).await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the example built; .ci/run does that"]
async fn the_example_in_rust() {
    applies_the_three_ceilings("rust").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Python; .ci/run installs it"]
async fn the_example_in_python() {
    applies_the_three_ceilings("python").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Node and the compiled example; .ci/run prepares them"]
async fn the_example_in_typescript() {
    applies_the_three_ceilings("typescript").await;
}
