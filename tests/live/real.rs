//! The shared stories on a real forge: the program itself runs there, as an operator would have set
//! it up, and time passes by itself.
//!
//! Only here is anything polled, with an end after `PATIENCE`. The program is ended by its own
//! process id. It knows no story.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use ownergate::clock::Clock;
use ownergate::demo::stage::{CLIENT_SECRET, HOOK_SECRET};
use ownergate::gate::ids::CommentId;
use ownergate::secret::file::write_secret_file;
use ownergate::secret::token::random_hex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::sync::Mutex as AsyncMutex;

use crate::forge::RealForge;
use crate::listener::Listener;
use crate::shared::each_story;
use crate::shared::ground::{Ground, People, bot_binary, changed};
use crate::shared::thread::plain_client;

/// How long a story waits for anything. The bot's own longest wait in these stories is ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a stop may take.
const STOP: Duration = Duration::from_secs(10);

each_story!(
    RealGround,
    [ignore = "needs a real forge: run tests/live/build-forge first"]
);

/// A real forge, and the program beside it.
pub(crate) struct RealGround {
    /// The forge.
    pub(crate) forge: RealForge,
    people: People,
    folder: TempDir,
    port: u16,
    /// Bound to the port and never listening, so that nobody else gets it while the bot is away.
    _kept: TcpSocket,
    bot: Mutex<Option<Child>>,
    /// Stands in the bot's place while it is stopped, so that a delivery is lost for certain: forges
    /// send late, maybe only when the bot is there again.
    nobody: AsyncMutex<Option<Listener>>,
}

impl RealGround {
    /// Starts a forge, sets the bot up as its guide says, and starts it.
    pub(crate) async fn begin() -> Self {
        let forge = RealForge::start().await.unwrap();
        let kept = TcpSocket::new_v4().unwrap();
        kept.set_reuseaddr(true).unwrap();
        kept.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let port = kept.local_addr().unwrap().port();
        let hook = format!("http://127.0.0.1:{port}/hooks/kan");
        forge.webhook(&hook, HOOK_SECRET).await.unwrap();
        let people = People {
            alice: forge.alice.clone(),
            piotr: forge.piotr.clone(),
            carol: forge.carol.clone(),
            codex: forge.codex.clone(),
            root1: forge.root1.clone(),
            bot: forge.bot.clone(),
        };
        let ground = Self {
            folder: TempDir::with_prefix("ownergate-bot-").unwrap(),
            forge,
            people,
            port,
            _kept: kept,
            bot: Mutex::default(),
            nobody: AsyncMutex::default(),
        };
        ground.write_settings().unwrap();
        ground.start_bot().await.unwrap();
        ground
    }

    /// Writes config and secrets.
    fn write_settings(&self) -> anyhow::Result<()> {
        let text = include_str!("ownergate.toml")
            .replace("{port}", &self.port.to_string())
            .replace("{forge}", &self.forge.url)
            .replace("{repository_id}", &self.forge.board_id.to_string())
            .replace("{alice}", &self.people.alice.id.to_string())
            .replace("{piotr}", &self.people.piotr.id.to_string())
            .replace("{codex}", &self.people.codex.id.to_string());
        std::fs::write(self.folder.path().join("ownergate.toml"), text)?;
        let secrets = self.folder.path().join("secrets");
        std::fs::create_dir(&secrets)?;
        let (pepper, signing_key) = (random_hex()?, random_hex()?);
        for (name, secret) in [
            ("pepper", pepper.as_str()),
            ("signing-key", signing_key.as_str()),
            ("forge-token", &self.forge.bot.token),
            ("hook", HOOK_SECRET),
            ("client", CLIENT_SECRET),
        ] {
            write_secret_file(&secrets.join(name), secret.as_bytes())?;
        }
        Ok(())
    }

    /// What the program has said since its last start.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The running program.
    fn bot(&self) -> MutexGuard<'_, Option<Child>> {
        self.bot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the program ended, if it has.
    fn ended(&self) -> Option<ExitStatus> {
        self.bot().as_mut()?.try_wait().unwrap()
    }
}

impl Ground for RealGround {
    fn people(&self) -> &People {
        &self.people
    }

    fn bot_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let clock = Clock::system();
        while !holds().await {
            assert!(
                clock.monotonic() < PATIENCE,
                "{what} did not come; the bot, whose folder is kept as {}, said:\n{}",
                self.folder.path().display(),
                self.log()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn next_second(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    async fn pass(&self, _seconds: i64) {}

    async fn catch_up(&self) {}

    async fn start_bot(&self) -> anyhow::Result<()> {
        if let Some(nobody) = self.nobody.lock().await.take() {
            nobody.stop().await;
        }
        let log = File::create(self.folder.path().join("log"))?;
        let process = Command::new(bot_binary())
            .args(["serve", "--config", "ownergate.toml"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the bot")?;
        *self.bot() = Some(process);
        let ready = format!("{}/readyz", self.bot_url());
        let (client, clock) = (plain_client(), Clock::system());
        loop {
            let answer = client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.ended() {
                bail!("the bot ended ({status}) and said:\n{}", self.log());
            }
            if clock.monotonic() > PATIENCE {
                bail!("the bot does not get ready; it said:\n{}", self.log());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn configure(&self, changes: &[(&str, &str)]) {
        self.stop_bot().await;
        let file = self.folder.path().join("ownergate.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, changed(&config, changes)).unwrap();
        self.start_bot().await.unwrap();
    }

    async fn stop_bot(&self) {
        let id = self.bot().as_ref().unwrap().id();
        let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let clock = Clock::system();
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            assert!(clock.monotonic() < STOP, "no end:\n{}", self.log());
            tokio::time::sleep(PAUSE).await;
        };
        *self.bot() = None;
        assert_eq!(status.code(), Some(0), "{}", self.log());
        *self.nobody.lock().await = Some(Listener::start_on(self.port).unwrap());
    }

    async fn lost(&self, comment: CommentId) {
        let mut nobody = self.nobody.lock().await;
        let deliveries = nobody.as_mut().unwrap();
        while deliveries.next().await.unwrap().json().unwrap()["comment"]["id"] != comment.0 {}
    }

    async fn kill_bot(&self) {
        let mut process = self.bot().take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Drop for RealGround {
    fn drop(&mut self) {
        if let Some(mut process) = self.bot().take() {
            // Both fail only if it has ended already.
            drop(process.kill());
            drop(process.wait());
        }
        self.folder.disable_cleanup(std::thread::panicking());
    }
}
