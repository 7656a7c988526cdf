//! The stage on which the demo and the stories play: a miniature forge, people, and the real bot in a
//! directory, as if somebody had set it up.
//!
//! Board `kan` is repository 17, `alice/board`: alice (2) and piotr (4) own it, carol (3) may write
//! there, codex (7) is a machine account, the bot is 5. A second board can be added. The bot is the
//! same as `ownergate serve` runs, on free ports; it can be stopped, killed and started again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, bail};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::app::{Application, Reloaded, Settings};
use crate::bot::{Bot, timers};
use crate::clock::Clock;
use crate::config::Config;
use crate::gate::ids::{IssueNumber, RepositoryId, ThreadKey, UserId};
use crate::miniforge::people::Person;
use crate::miniforge::{MiniForge, Right};
use crate::secret::file::write_secret_file;
use crate::store::{Fault, Faults, Point, Reserve};

/// The board's repository.
pub const KAN: RepositoryId = RepositoryId(17);
/// Its name on the forge.
pub const KAN_NAME: &str = "alice/board";
/// The second board's repository.
pub const OPS: RepositoryId = RepositoryId(18);
/// Its name on the forge.
pub const OPS_NAME: &str = "piotr/ops";
/// Every hook's secret on this stage.
pub const HOOK_SECRET: &str = "the-secret-of-a-hook-on-the-stage-0123456789";
/// The client's secret on this stage.
pub const CLIENT_SECRET: &str = "the-secret-of-the-kanban-api";

/// Planned failures: what to do at a point of the store's work.
pub type Plan = Arc<dyn Fn(Point) -> Fault + Send + Sync>;

/// How a stage is set up.
#[derive(Clone)]
pub struct Setting {
    /// The time.
    pub clock: Clock,
    /// Whether the bot reads the boards by itself.
    pub reconcile: bool,
    /// The configuration, with places for addresses; `Stage::usual_config` makes the usual one.
    pub config: String,
    /// Planned failures of the store.
    pub plan: Option<Plan>,
    /// Whether the disk is nearly full.
    pub low_space: Arc<AtomicBool>,
    /// The path under which the forge lives.
    pub sub_path: String,
    /// Further secret files, by name below `secrets/`.
    pub secrets: Vec<(String, String)>,
}

impl Setting {
    /// One secret file more.
    pub fn secret(&mut self, name: &str, secret: &str) {
        self.secrets.push((name.to_owned(), secret.to_owned()));
    }

    /// The usual stage.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            reconcile: false,
            config: usual_config(),
            secrets: Vec::new(),
            plan: None,
            low_space: Arc::default(),
            sub_path: String::new(),
        }
    }
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting").finish_non_exhaustive()
    }
}

/// The configuration of the usual stage: one board with one gate, a second one with two.
pub fn usual_config() -> String {
    include_str!("stage.toml").to_owned()
}

/// A miniature forge, people and a bot.
#[derive(Debug)]
pub struct Stage {
    /// The forge.
    pub forge: MiniForge,
    /// Owner of `kan`, 2.
    pub alice: Person,
    /// May write in `kan`, 3.
    pub carol: Person,
    /// Owner of both boards, 4.
    pub piotr: Person,
    /// The bot's account, 5.
    pub bot_account: Person,
    /// A machine account, 7.
    pub codex: Person,
    /// Administers the forge, 9.
    pub root: Person,
    /// The hook of `kan` on the forge.
    pub kan_hook: i64,
    directory: PathBuf,
    setting: Setting,
    killed: Arc<AtomicBool>,
    running: Option<Running>,
    client: Client,
    port: u16,
}

#[derive(Debug)]
struct Running {
    application: Application,
    bot: Arc<Bot>,
}

impl Stage {
    /// Sets the stage in an empty directory and starts the bot.
    pub async fn set(directory: &Path, setting: Setting) -> anyhow::Result<Self> {
        let mut stage = Self::build(directory, setting)?;
        stage.start_bot().await?;
        Ok(stage)
    }

    /// Sets the stage without starting the bot.
    pub fn build(directory: &Path, setting: Setting) -> anyhow::Result<Self> {
        let options = crate::miniforge::Options {
            sub_path: setting.sub_path.clone(),
            ..crate::miniforge::Options::default()
        };
        let forge = MiniForge::start_with(setting.clock.clone(), &options)?;
        let person = |login, id| forge.add_user_with_id(login, UserId(id));
        let alice = person("alice", 2)?;
        let carol = person("carol", 3)?;
        let piotr = person("piotr", 4)?;
        let bot_account = person("ownergate", 5)?;
        let codex = person("codex", 7)?;
        let root = person("root1", 9)?;
        forge.change(|state| state.make_site_admin(root.id));
        forge.add_repository_with_id(alice.id, "board", KAN);
        forge.add_repository_with_id(piotr.id, "ops", OPS);
        for repository in [KAN, OPS] {
            forge.set_right(repository, carol.id, Right::Write);
            forge.set_right(repository, codex.id, Right::Read);
            forge.set_right(repository, bot_account.id, Right::Read);
        }
        forge.set_right(KAN, piotr.id, Right::Write);
        forge.set_right(OPS, alice.id, Right::Write);
        let port = free_port()?;
        let hook = |repository, name: &str| {
            forge.add_hook(
                repository,
                &format!("http://127.0.0.1:{port}/hooks/{name}"),
                HOOK_SECRET,
            )
        };
        let kan_hook = hook(KAN, "kan");
        hook(OPS, "ops");
        write_secrets(directory, &bot_account.token, &setting.secrets)?;
        Ok(Self {
            alice,
            carol,
            piotr,
            bot_account,
            codex,
            root,
            kan_hook,
            directory: directory.to_owned(),
            setting,
            killed: Arc::default(),
            running: None,
            client: client()?,
            port,
            forge,
        })
    }

    /// The thread of an issue of `kan`.
    pub fn thread(&self, issue: IssueNumber) -> ThreadKey {
        ThreadKey {
            repository: KAN,
            issue,
        }
    }

    /// The directory of config, secrets and store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.setting.clock
    }

    /// What can still be changed before the next start.
    pub fn setting(&mut self) -> &mut Setting {
        &mut self.setting
    }

    /// The configuration as the bot reads it.
    pub fn config(&self) -> anyhow::Result<Config> {
        let file = self.write_config()?;
        match Config::load(&file) {
            Ok(loaded) => Ok(loaded.config),
            Err(faults) => {
                let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
                bail!("{}", lines.join("\n"))
            }
        }
    }

    /// Writes the configuration, whatever is wrong with it, and has the running bot read it anew.
    pub async fn reload(&self) -> anyhow::Result<Reloaded> {
        self.write_config()?;
        let running = self.running.as_ref().context("the bot is not running")?;
        running.application.reload().await
    }

    fn write_config(&self) -> anyhow::Result<PathBuf> {
        let text = self
            .setting
            .config
            .replace("{port}", &self.port.to_string())
            .replace("{forge}", &self.forge.url());
        let file = self.directory.join("ownergate.toml");
        std::fs::write(&file, text).context("cannot write the stage's config")?;
        Ok(file)
    }

    /// Starts the bot and waits until it works.
    pub async fn start_bot(&mut self) -> anyhow::Result<()> {
        self.start_bot_with(None).await
    }

    /// Starts the bot, accepting a loss.
    pub async fn start_bot_with(&mut self, accept_loss: Option<u64>) -> anyhow::Result<()> {
        self.killed.store(false, Ordering::SeqCst);
        let mut settings = Settings::new(self.config()?, self.setting.clock.clone());
        settings.reconcile = self.setting.reconcile;
        settings.accept_journal_loss = accept_loss;
        settings.reserve = Reserve::Switch(Arc::clone(&self.setting.low_space));
        let killed = Arc::clone(&self.killed);
        let plan = self.setting.plan.clone();
        settings.faults = Faults::new(move |point| {
            if killed.load(Ordering::SeqCst) {
                Fault::Stop
            } else {
                plan.as_ref().map_or(Fault::None, |plan| plan(point))
            }
        });
        let application = Application::start(settings)?;
        match application.ready().await {
            Ok(bot) => {
                self.running = Some(Running { application, bot });
                Ok(())
            }
            Err(why) => {
                application.stop().await;
                bail!("{why}")
            }
        }
    }

    /// Stops the bot as SIGTERM does.
    pub async fn stop_bot(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.bot);
            running.application.stop().await;
        }
    }

    /// Ends the bot as SIGKILL does: nothing is finished, written or closed.
    pub async fn kill_bot(&mut self) {
        self.killed.store(true, Ordering::SeqCst);
        if let Some(running) = self.running.take() {
            let writer = running.bot.core.writer().clone();
            drop(running.bot);
            running.application.kill().await;
            // The store's thread stops at the closing line, before it writes anything.
            writer.close().await;
        }
    }

    /// The running bot.
    pub fn bot(&self) -> anyhow::Result<&Arc<Bot>> {
        self.running
            .as_ref()
            .map(|running| &running.bot)
            .context("the bot is not running")
    }

    /// Waits until every delivery is made and the bot has nothing left to do at this time.
    pub async fn settle(&self) -> anyhow::Result<()> {
        loop {
            self.forge.hooks_idle().await;
            let Some(running) = &self.running else {
                return Ok(());
            };
            running.bot.idle().await;
            let fired = timers::fire(&running.bot).await;
            let deliveries = self.forge.deliveries().len();
            self.forge.hooks_idle().await;
            if fired == 0 && running.bot.is_idle() && self.forge.deliveries().len() == deliveries {
                return Ok(());
            }
        }
    }

    /// Has the bot read a board now, and settles.
    pub async fn reconcile(&self, board: RepositoryId) -> anyhow::Result<bool> {
        let complete = crate::bot::reconcile::pass(self.bot()?, board).await;
        self.settle().await?;
        Ok(complete)
    }

    /// The bot's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the resource server is told of a token.
    pub async fn introspect(&self, token: &str) -> anyhow::Result<Value> {
        self.introspect_as("kanban-api", token).await
    }

    /// What a resource server is told of a token.
    pub async fn introspect_as(&self, name: &str, token: &str) -> anyhow::Result<Value> {
        let answer = self
            .client
            .post(format!("{}/v1/introspect", self.url()))
            .basic_auth(name, Some(CLIENT_SECRET))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("token={token}"))
            .send()
            .await?;
        if answer.status() != StatusCode::OK {
            bail!("introspection answered {}", answer.status());
        }
        Ok(answer.json().await?)
    }

    /// Shows a token as its holder does: status and answer.
    pub async fn activate(&self, token: &str) -> anyhow::Result<(StatusCode, Value)> {
        let answer = self
            .client
            .post(format!("{}/v1/activate", self.url()))
            .bearer_auth(token)
            .send()
            .await?;
        let status = answer.status();
        Ok((status, answer.json().await?))
    }

    /// For calls that have no function of their own.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn client() -> anyhow::Result<Client> {
    // An error only says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        // A kept connection may have been ended by a bot that was stopped or slow.
        .pool_max_idle_per_host(0)
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .context("cannot make a client")
}

/// A port that was free a moment ago: hooks have to name it before the bot listens there. It is below
/// the range from which Linux gives ports to outgoing connections, so that none of them takes it while
/// the bot is away, and no other stage of this process gets it.
pub fn free_port() -> anyhow::Result<u16> {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let [high, low, ..] = uuid::Uuid::new_v4().into_bytes();
        AtomicU16::new(u16::from_be_bytes([high, low]) % COUNT)
    });
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::SeqCst) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

fn write_secrets(
    directory: &Path,
    forge_token: &str,
    more: &[(String, String)],
) -> anyhow::Result<()> {
    let folder = directory.join("secrets");
    std::fs::create_dir_all(&folder)?;
    let pepper = crate::secret::token::random_hex()?;
    let signing_key = crate::secret::token::random_hex()?;
    for (name, secret) in [
        ("pepper", pepper.as_str()),
        ("signing-key", signing_key.as_str()),
        ("forge-token", forge_token),
        ("hook", HOOK_SECRET),
        ("hook-ops", HOOK_SECRET),
        ("client", CLIENT_SECRET),
        ("client-ops", CLIENT_SECRET),
    ]
    .into_iter()
    .chain(
        more.iter()
            .map(|(name, secret)| (name.as_str(), secret.as_str())),
    ) {
        write_secret_file(&folder.join(name), secret.as_bytes())
            .with_context(|| format!("cannot write the secret {name}"))?;
    }
    Ok(())
}
