//! A webhook receiver on a loopback port, which keeps what a forge sends it.
//!
//! It answers 204 to everything and judges nothing: stories look at what came.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::HeaderMap;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// How long a delivery may take; forges send them late and in bunches.
const PATIENCE: Duration = Duration::from_secs(60);

/// One POST as it came in.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, byte for byte.
    pub(crate) body: web::Bytes,
}

impl Delivery {
    /// A header's value, empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("cannot read the delivery's body as JSON")
    }
}

/// The running receiver; dropping it stops it.
pub(crate) struct Listener {
    /// Where the forge has to send to.
    pub(crate) url: String,
    deliveries: UnboundedReceiver<Delivery>,
    server: ServerHandle,
}

impl Listener {
    /// Opens a free port and listens.
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_on(0)
    }

    /// Opens this port and listens; 0 is a free one.
    pub(crate) fn start_on(port: u16) -> anyhow::Result<Self> {
        let (sender, deliveries) = mpsc::unbounded_channel();
        let socket = std::net::TcpListener::bind(("127.0.0.1", port))
            .context("cannot open a loopback port for webhooks")?;
        let url = format!("http://{}/hook", socket.local_addr()?);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(sender.clone()))
                .app_data(web::PayloadConfig::new(16 << 20))
                .default_service(web::to(keep))
        })
        .workers(1)
        .disable_signals()
        .listen(socket)?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            url,
            deliveries,
            server: handle,
        })
    }

    /// Stops, and waits until the port is free again.
    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }

    /// The next delivery, in the order of arrival.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Delivery> {
        tokio::time::timeout(PATIENCE, self.deliveries.recv())
            .await
            .context("no delivery came")?
            .context("the receiver has stopped")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The stop signal is sent by the call; only waiting for its end is left out.
        drop(self.server.stop(false));
    }
}

/// Keeps one POST and answers it.
async fn keep(
    request: HttpRequest,
    body: web::Bytes,
    sender: web::Data<UnboundedSender<Delivery>>,
) -> HttpResponse {
    let delivery = Delivery {
        headers: request.headers().clone(),
        body,
    };
    // A story that has seen enough no longer listens; the forge need not know.
    drop(sender.send(delivery));
    HttpResponse::NoContent().finish()
}
