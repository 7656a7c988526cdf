//! What is measured: the real bot on a directory of its own, and beside it a handler that does
//! nothing, each on as many workers as the bot has.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use ownergate::app::{Application, Settings};
use ownergate::bot::Bot;
use ownergate::clock::Clock;
use ownergate::demo::stage::{Setting, Stage};
use ownergate::store::Faults;

use crate::client;

/// The usual number of jobs in a batch, and one.
pub(crate) const BATCHES: [usize; 2] = [256, 1];

/// A running bot and the forge that belongs to it.
pub(crate) struct Stand {
    /// Forge, people and directory.
    pub(crate) stage: Stage,
    /// The bot's parts.
    pub(crate) bot: Arc<Bot>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    application: Application,
}

impl Stand {
    /// Builds a stage and starts a bot on it.
    pub(crate) async fn build(
        directory: &Path,
        clock: &Clock,
        max_batch: usize,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let stage = Stage::build(directory, Setting::new(clock.clone()))?;
        Self::start(stage, max_batch, Faults::none()).await
    }

    /// Starts a bot on a stage.
    pub(crate) async fn start(
        stage: Stage,
        max_batch: usize,
        faults: Faults,
    ) -> anyhow::Result<Self> {
        let mut settings = Settings::new(stage.config()?, stage.clock().clone());
        settings.reconcile = false;
        settings.max_batch = max_batch;
        settings.faults = faults;
        let application = Application::start(settings)?;
        let bot = application.ready().await.map_err(anyhow::Error::msg)?;
        let address = *application
            .public()
            .first()
            .context("the bot listens nowhere")?;
        Ok(Self {
            stage,
            bot,
            address,
            application,
        })
    }

    /// Stops the bot in good order.
    pub(crate) async fn stop(self) {
        drop(self.bot);
        self.application.stop().await;
    }
}

/// Starts the static handler: an actix route without work, and one at the path of checks.
pub(crate) fn static_handler() -> anyhow::Result<SocketAddr> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/", web::get().to(nothing))
            .route("/v1/introspect", web::post().to(taken))
    })
    .workers(std::thread::available_parallelism().map_or(2, usize::from))
    .disable_signals()
    .bind(("127.0.0.1", 0))?;
    let address = *server
        .addrs()
        .first()
        .context("the static handler listens nowhere")?;
    tokio::spawn(server.run());
    Ok(address)
}

async fn nothing() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

/// A body has to be taken from the connection before the next request can come.
async fn taken(_: web::Bytes) -> HttpResponse {
    nothing().await
}

/// So many requests of the static handler.
pub(crate) fn static_requests(count: usize) -> Arc<Vec<Vec<u8>>> {
    Arc::new(vec![client::request("GET", "/", &[], b""); count])
}
