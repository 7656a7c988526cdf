//! The application: built from settings, run until it is stopped.
//!
//! Its parts start in this order: secrets, ports, store, policy, work; and stop in the reverse one.
//! It owns the servers and the tasks; whoever holds it can stop it, or end it as a kill would.

pub mod inherited;
mod opening;
mod reload;
pub mod secrets;
mod socket;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use anyhow::Context;
use inherited::Inherited;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bot::Bot;
use crate::clock::Clock;
use crate::config::{Config, Listen};
use crate::http::{self, Doors, Gateway, Hook};
use crate::secret::token::TokenPrefix;
use crate::store::{self, Faults, Progress, Reserve};
use crate::telemetry::Metrics;
use opening::Working;
pub use reload::Reloaded;
use secrets::Secrets;

/// Seconds that a stop may take before what is left is dropped.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// Of these, what writing uses down may take.
const COUNT_WITHIN: Duration = Duration::from_secs(3);
/// How long an unused connection is kept: longer than usual proxies keep theirs, so that it is the
/// proxy that closes it and no delivery is sent into a connection that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Seconds that open connections are given at a stop.
const DRAIN: u64 = 3;
/// How long connections that were taken already are given to bring their call, where the service
/// manager keeps the sockets: a stop drops what it has taken and not read.
const TAKEN_WITHIN: Duration = Duration::from_millis(500);
/// How long a start waits for its ports.
const LISTEN_WITHIN: Duration = Duration::from_secs(2);
/// How long one try waits for the next.
const LISTEN_PAUSE: Duration = Duration::from_millis(50);

/// What the application is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The loss that the operator accepts: the journal's last number.
    pub accept_journal_loss: Option<u64>,
    /// Planned failures, for tests.
    pub faults: Faults,
    /// How much space is kept for narrowing.
    pub reserve: Reserve,
    /// Jobs in a batch; 1 to measure what batches bring.
    pub max_batch: usize,
    /// Whether boards are read from time to time. Stories ask for passes themselves.
    pub reconcile: bool,
    /// Listeners that the service manager has opened already.
    pub inherited: Inherited,
}

impl Settings {
    /// The usual settings.
    pub fn new(config: Config, clock: Clock) -> Self {
        Self {
            config,
            clock,
            accept_journal_loss: None,
            faults: Faults::none(),
            reserve: Reserve::Usual,
            max_batch: 256,
            reconcile: true,
            inherited: Inherited::default(),
        }
    }
}

/// How the opening stands.
#[derive(Clone, Debug)]
enum Opening {
    Going,
    Open,
    Failed(Arc<String>),
}

/// Why a running application ends.
#[derive(Debug)]
pub enum Ended {
    /// The store cannot be opened, or something else of the start is wrong.
    Failed(String),
    /// The store has failed while running: restart me.
    StoreFailed,
}

/// A running application.
#[derive(Debug)]
pub struct Application {
    gateway: Arc<Gateway>,
    public: Vec<SocketAddr>,
    internal: Vec<SocketAddr>,
    servers: Vec<ServerHandle>,
    serving: Vec<JoinHandle<std::io::Result<()>>>,
    opening: JoinHandle<()>,
    state: watch::Receiver<Opening>,
    working: Arc<OnceLock<Mutex<Option<Working>>>>,
    socket: PathBuf,
    /// What is in force; locked while it is being exchanged, so that one reload follows another.
    config: tokio::sync::Mutex<Config>,
    /// Whether boards are read from time to time.
    reconcile: bool,
    /// The listening sockets stay open when this ends.
    handed_over: bool,
    /// The signing keys' and the peppers' names, which a reload must find unchanged.
    kept: reload::Kept,
}

impl Application {
    /// Reads the secrets, binds the ports and begins to open the store.
    pub fn start(settings: Settings) -> anyhow::Result<Self> {
        let secrets = Secrets::read(&settings.config).map_err(|faults| {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })?;
        let gateway = Arc::new(gateway(&settings, &secrets)?);
        let (servers, public, internal) = listen_soon(&settings, &gateway)?;
        let mut handles = Vec::new();
        let mut serving = Vec::new();
        for server in servers {
            handles.push(server.handle());
            serving.push(tokio::spawn(server));
        }
        let (told, state) = watch::channel(Opening::Going);
        let working = Arc::new(OnceLock::new());
        let socket = settings.config.server.admin_socket.clone();
        let config = tokio::sync::Mutex::new(settings.config.clone());
        let reconcile = settings.reconcile;
        let handed_over = !settings.inherited.public.is_empty();
        let kept = reload::Kept::of(&secrets);
        let opening = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            let working = Arc::clone(&working);
            async move {
                match opening::open(&settings, &secrets, &gateway).await {
                    Ok(opened) => {
                        let _ = working.set(Mutex::new(Some(opened)));
                        told.send_replace(Opening::Open);
                    }
                    Err(error) => {
                        told.send_replace(Opening::Failed(Arc::new(format!("{error:#}"))));
                    }
                }
            }
        });
        Ok(Self {
            gateway,
            public,
            internal,
            servers: handles,
            serving,
            opening,
            state,
            working,
            socket,
            config,
            reconcile,
            handed_over,
            kept,
        })
    }

    /// Where webhooks and holders come in.
    pub fn public(&self) -> &[SocketAddr] {
        &self.public
    }

    /// Where resource servers come in; the same as `public` if there is one listener.
    pub fn internal(&self) -> &[SocketAddr] {
        if self.internal.is_empty() {
            &self.public
        } else {
            &self.internal
        }
    }

    /// Waits until the bot works, or says why it cannot.
    pub async fn ready(&self) -> Result<Arc<Bot>, String> {
        let mut state = self.state.clone();
        let ended = state
            .wait_for(|state| !matches!(state, Opening::Going))
            .await
            .map(|state| state.clone());
        match (ended, self.gateway.bot.get()) {
            (Ok(Opening::Open), Some(bot)) => Ok(Arc::clone(bot)),
            (Ok(Opening::Failed(why)), _) => Err(why.as_ref().clone()),
            _ => Err("the start ended early".to_owned()),
        }
    }

    /// Waits until something ends it that nobody asked for.
    pub async fn ended(&self) -> Ended {
        match self.ready().await {
            Err(why) => Ended::Failed(why),
            Ok(bot) => {
                bot.core.writer().died().await;
                Ended::StoreFailed
            }
        }
    }

    /// Stops: no new connections, what is in flight is answered, last uses are written, the journal
    /// gets its closing line. What takes too long is dropped.
    pub async fn stop(self) {
        let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
        let orderly = async {
            if self.handed_over {
                // From here on who calls waits for the next process.
                let pausing = self.servers.iter().map(ServerHandle::pause);
                futures_util::future::join_all(pausing).await;
                tokio::time::sleep(TAKEN_WITHIN).await;
            }
            let stopping = self.servers.iter().map(|server| server.stop(true));
            futures_util::future::join_all(stopping).await;
            self.end_tasks();
            if let Some(bot) = self.gateway.bot.get() {
                bot.write_uses().await;
                // Counts are not worth a stop without its closing line.
                let counted = tokio::time::timeout(COUNT_WITHIN, bot.journal_uses()).await;
                if counted.is_err() {
                    tracing::warn!("not every use of a credential was written down");
                }
                bot.core.writer().close().await;
            }
        };
        if tokio::time::timeout(STOP_WITHIN, orderly).await.is_err() {
            tracing::warn!("stopping took too long; what is left is dropped");
        }
        self.opening.abort();
        // It is the last thing, and nothing depends on it: a start replaces a file left behind.
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Ends as a kill would: nothing is answered, written or closed any more. For tests; the store's
    /// planned failures make its thread stop, too.
    pub async fn kill(self) {
        self.end_tasks();
        self.opening.abort();
        let stopping = self.servers.iter().map(|server| server.stop(false));
        futures_util::future::join_all(stopping).await;
        for serving in self.serving {
            let _ = serving.await;
        }
    }

    fn end_tasks(&self) {
        let working = self
            .working
            .get()
            .and_then(|working| working.lock().ok()?.take());
        if let Some(mut working) = working {
            working.tasks.abort_all();
        }
    }
}

/// The ways in that a configuration has.
fn doors(config: &Config, secrets: &Secrets, clock: &Clock) -> Doors {
    let hooks = config
        .boards
        .iter()
        .filter_map(|board| {
            let secrets = secrets.hooks.get(&board.rules.name)?.clone();
            let hook = Hook {
                repository: board.rules.repository_id,
                secrets,
            };
            Some((board.rules.name.clone(), hook))
        })
        .collect();
    Doors {
        hooks,
        clients: secrets.clients.clone(),
        operators: secrets.operators.clone(),
        public_url: config.server.public_url.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        callers: http::Callers::new(config.limits.operator, config.limits.client, clock),
    }
}

fn gateway(settings: &Settings, secrets: &Secrets) -> anyhow::Result<Gateway> {
    let config = &settings.config;
    Ok(Gateway {
        doors: RwLock::new(Arc::new(doors(config, secrets, &settings.clock))),
        prefix: TokenPrefix::parse(&config.tokens.prefix).context("tokens.prefix is no prefix")?,
        peppers: Arc::clone(&secrets.peppers),
        clock: settings.clock.clone(),
        metrics: Arc::new(Metrics::default()),
        progress: Arc::new(Progress::new()),
        waits_for: Mutex::new("the start"),
        tries: http::Tries::new(&settings.clock),
        bot_keys: Arc::clone(&secrets.bot_keys),
        refusals: http::Refusals::default(),
        sessions: http::Sessions::default(),
        bot: OnceLock::new(),
        opened: tokio::sync::Notify::new(),
    })
}

type Listening = (Vec<Server>, Vec<SocketAddr>, Vec<SocketAddr>);

/// Binds the ports. A process that was just killed may hold them for another moment; one that runs is
/// named.
fn listen_soon(settings: &Settings, gateway: &Arc<Gateway>) -> anyhow::Result<Listening> {
    let tries = LISTEN_WITHIN.as_millis() / LISTEN_PAUSE.as_millis();
    for _ in 1..tries {
        match listen(settings, gateway) {
            Err(error) if is_taken(&error) => std::thread::sleep(LISTEN_PAUSE),
            done => return done,
        }
    }
    listen(settings, gateway).map_err(|error| {
        let directory = &settings.config.store.path;
        match store::holder(directory) {
            None => error,
            Some(pid) => {
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                error.context(format!(
                    "the store in {} is in use by another process{pid}: stop that one first. Nothing was touched",
                    directory.display()
                ))
            }
        }
    })
}

fn is_taken(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::AddrInUse)
}

fn listen(settings: &Settings, gateway: &Arc<Gateway>) -> anyhow::Result<Listening> {
    let server = &settings.config.server;
    let alone = server.internal_listen.is_none();
    let inherited = &settings.inherited;
    inherited.check(alone)?;
    let (first, public) = bind((&server.listen, &inherited.public), gateway, true, alone)?;
    let mut servers = vec![first];
    let mut internal = Vec::new();
    if let Some(listen) = &server.internal_listen {
        let (second, addresses) = bind((listen, &inherited.internal), gateway, false, true)?;
        servers.push(second);
        internal = addresses;
    }
    servers.push(admin(settings, gateway)?);
    Ok((servers, public, internal))
}

/// One listener, on every address that its name has here; or those that were handed over for it.
fn bind(
    (listen, inherited): (&Listen, &[Arc<TcpListener>]),
    gateway: &Arc<Gateway>,
    public: bool,
    internal: bool,
) -> anyhow::Result<(Server, Vec<SocketAddr>)> {
    let data = Data::from(Arc::clone(gateway));
    let server = HttpServer::new(move || {
        let mut app = App::new()
            .wrap(from_fn(http::limit_headers))
            .app_data(data.clone());
        if internal {
            app = app.configure(http::checks);
            // Before the public ones, which answer whoever these are not for.
            app = app.configure(|config| http::requests(config, public));
        }
        if public {
            app = app.configure(http::public);
        }
        if internal {
            app = app.configure(http::internal);
        }
        app.default_service(web::to(http::nothing_here))
    })
    .workers(std::thread::available_parallelism().map_or(2, usize::from))
    .disable_signals()
    .shutdown_timeout(DRAIN)
    .keep_alive(KEEP_ALIVE);
    let server = if inherited.is_empty() {
        server
            .bind((listen.host.as_str(), listen.port))
            .with_context(|| format!("cannot listen on {listen}"))?
    } else {
        // A copy: the first one stays open for as long as the service manager wants.
        let taken = |server: HttpServer<_, _, _, _>, one: &Arc<TcpListener>| {
            server.listen(one.try_clone()?)
        };
        inherited
            .iter()
            .try_fold(server, taken)
            .context("cannot listen on the service manager's socket")?
    };
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// The admin socket.
fn admin(settings: &Settings, gateway: &Arc<Gateway>) -> anyhow::Result<Server> {
    let listener = socket::bind(&settings.config.server.admin_socket)?;
    let data = Data::from(Arc::clone(gateway));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(http::limit_headers))
            .app_data(data.clone())
            .configure(http::admin)
            .default_service(web::to(http::nothing_here))
    })
    .on_connect(http::note_peer)
    .workers(1)
    .disable_signals()
    .shutdown_timeout(DRAIN)
    .listen_uds(listener)
    .context("cannot listen on the admin socket")?;
    Ok(server.run())
}
