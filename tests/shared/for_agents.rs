//! The script of `docs/for-agents.md`, run as it stands there: an agent with bash, curl and coreutils
//! gets its token.
//!
//! It finds no other program than those, each of which writes down what it was called with, and its
//! `sleep` lasts until the story lets it go on. On a machine without curl nothing is run, and that is
//! said.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Output, Stdio};
use std::time::Duration;

use ownergate::gate::ids::IssueNumber;
use ownergate::secret::file::write_secret_file;
use reqwest::Method;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::ground::{BOARD, Ground};
use super::life::assert_nothing_holds;
use super::thread::Thread;

/// A script that does not end is an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a folder with everything that the script may call; says where bash is.
const PROGRAMS: &str = r##"set -eu
for name in base64 cat curl cut head mkdir mv rm sha256sum sleep tr uname; do
  real=$(type -P "$name") || { echo "$name is not installed" >&2; exit 1; }
  wait=
  [ "$name" != sleep ] || wait="while [[ -d '$1' && ! -e '$1/go' ]]; do '$real' 0.02; done"
  printf '%s\n' "#!$BASH" "printf '%s\\n' \"$name \$*\" >> '$1/called'" "$wait" "exec '$real' \"\$@\"" \
    > "$1/bin/$name"
done
chmod 700 "$1"/bin/*
printf %s "$BASH"
"##;

/// The script, as the document gives it.
fn script() -> &'static str {
    let document = include_str!("../../docs/for-agents.md");
    let (_, rest) = document.split_once("\n```bash\n").unwrap();
    rest.split_once("\n```\n").unwrap().0
}

/// Makes the programs in a folder; where bash is, or `None` and a word if one is not installed here.
async fn programs(folder: &Path) -> Option<PathBuf> {
    std::fs::create_dir(folder.join("bin")).unwrap();
    // Whatever is executed is written by another process: a file is busy as long as anybody has it
    // open for writing, and whoever is started at this moment may have.
    let mut maker = Command::new("bash");
    let made = maker.args(["-c", PROGRAMS, "bash"]).arg(folder);
    let missing = match made.output().await {
        Ok(made) if made.status.success() => {
            return Some(String::from_utf8(made.stdout).unwrap().into());
        }
        Ok(made) => String::from_utf8_lossy(&made.stderr).into_owned(),
        Err(error) => format!("bash: {error}"),
    };
    #[expect(
        clippy::print_stderr,
        reason = "a story that is not told has to say so"
    )]
    {
        eprintln!("the script for agents was not run: {}", missing.trim());
    }
    None
}

/// An agent's machine, and the script on it.
struct Agent {
    folder: TempDir,
    running: Pin<Box<dyn Future<Output = Output>>>,
}

impl Agent {
    /// Starts the script; `None` if what it needs is not installed here.
    async fn start(ground: &impl Ground, server: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let here = folder.path();
        let bash = programs(here).await?;
        std::fs::write(here.join("script"), script()).unwrap();
        let codex = &ground.people().codex;
        let header = format!("Authorization: token {}\n", codex.token);
        write_secret_file(&here.join("forge-auth"), header.as_bytes()).unwrap();
        let process = Command::new(bash)
            .arg(here.join("script"))
            .arg(here.join("kept"))
            .env_clear()
            .env("PATH", here.join("bin"))
            .env("FORGE", &codex.base_url)
            .env("REPO", BOARD)
            .env("FORGE_AUTH", here.join("forge-auth"))
            .env("BOT", ground.bot_url())
            .env("USE", server)
            .env("PAUSE", "0.05")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let running = Box::pin(async move {
            let ended = tokio::time::timeout(PATIENCE, process.wait_with_output());
            ended.await.unwrap().unwrap()
        });
        Some(Self { folder, running })
    }

    /// Waits for the issue that the script opens.
    async fn asked<'a, G: Ground>(&mut self, ground: &'a G) -> Thread<'a, G> {
        let path = format!("/repos/{BOARD}/issues?state=all");
        let issue = async {
            loop {
                let alice = &ground.people().alice;
                let issues = alice.call(Method::GET, &path, None).await.unwrap().json();
                if let Some(number) = issues[0]["number"].as_i64() {
                    break IssueNumber(number);
                }
            }
        };
        tokio::select! {
            ended = &mut self.running => panic!("it ended early: {ended:?}"),
            issue = issue => Thread::of(ground, issue),
        }
    }

    /// Lets it go on, and waits until it has ended.
    async fn ended(&mut self) -> Output {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
        (&mut self.running).await
    }

    /// A file that it keeps.
    fn kept(&self, name: &str) -> PathBuf {
        self.folder.path().join("kept").join(name)
    }

    /// What it keeps in a file that nobody else may read.
    fn secret(&self, name: &str) -> String {
        let path = self.kept(name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        std::fs::read_to_string(path).unwrap().trim_end().to_owned()
    }

    /// Everything that a program was called with.
    fn called(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("called")).unwrap()
    }
}

/// A resource server: lets in whoever shows a token that the bot calls alive.
async fn serve<G: Ground>(listener: &TcpListener, thread: &Thread<'_, G>) {
    loop {
        let (mut caller, _) = listener.accept().await.unwrap();
        let head = head(&mut caller).await;
        let token = head
            .lines()
            .find_map(|line| line.strip_prefix("Authorization: Bearer "));
        let answer = match token {
            Some(token) if thread.alive(token).await => "200 OK\r\nContent-Length: 5\r\n\r\ncards",
            _ => "401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        };
        let answer = format!("HTTP/1.1 {answer}");
        caller.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// The lines before the body.
async fn head(caller: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(caller.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

pub(crate) async fn an_agent_with_bash_and_curl_gets_its_token_by_the_script_for_agents(
    ground: &impl Ground,
) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = format!("http://{}/cards", listener.local_addr().unwrap());
    let Some(mut agent) = Agent::start(ground, &server).await else {
        return;
    };
    let thread = agent.asked(ground).await;
    let verifier = agent.secret("verifier");
    let line = thread.approve_line().await;
    thread.say(&ground.people().alice, &line).await;
    let ended = tokio::select! {
        ended = agent.ended() => ended,
        () = serve(&listener, &thread) => unreachable!(),
    };
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stdout, b"cards");

    let token = agent.secret("token");
    assert_eq!(thread.introspect(&token).await["sub"], "codex-kan-1");
    assert_eq!(
        agent.secret("header"),
        format!("Authorization: Bearer {token}")
    );
    assert!(!agent.kept("verifier").exists());
    // Whoever lists processes, or reads what the script or the bot wrote, has learnt nothing.
    let called = agent.called();
    assert!(
        called.contains("/v1/claim") && called.contains("sleep"),
        "{called}"
    );
    let codex = &ground.people().codex;
    for secret in [&token, &verifier, &codex.token] {
        assert!(!called.contains(secret.as_str()), "{called}");
    }
    assert!(!String::from_utf8_lossy(&ended.stderr).contains(&token));
    assert_nothing_holds(ground, &token);
}

pub(crate) async fn the_script_for_agents_says_why_there_is_no_token(ground: &impl Ground) {
    let people = ground.people();
    let Some(mut agent) = Agent::start(ground, "http://127.0.0.1:1/").await else {
        return;
    };
    let thread = agent.asked(ground).await;
    let line = thread.approve_line().await;
    thread.say(&people.alice, &line).await;
    thread.answer_with("claim it with your verifier").await;
    thread.say(&people.alice, "/gate freeze").await;
    thread.answer_with("stands still").await;
    let ended = agent.ended().await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        said.starts_with("no token: 403 ") && said.contains("this board stands still"),
        "{said}"
    );
    // It may be claimed later, with what is still there.
    agent.secret("verifier");
    assert!(!agent.kept("token").exists());
}

pub(crate) async fn the_script_for_agents_ends_when_it_is_denied(ground: &impl Ground) {
    let Some(mut agent) = Agent::start(ground, "http://127.0.0.1:1/").await else {
        return;
    };
    let thread = agent.asked(ground).await;
    thread.approve_line().await;
    let denied = thread.say(&ground.people().alice, "/gate deny R1").await;
    thread.reacted(denied, "+1").await;
    let ended = agent.ended().await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(said, "no token: the request is denied\n");
    assert!(!agent.kept("token").exists());
    let called = agent.called();
    assert!(!called.contains("/v1/claim"), "{called}");
}
