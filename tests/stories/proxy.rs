//! Real proxies for the stories about them: each started with its file from `deploy/proxies/` in which
//! only addresses are replaced, before a small server that answers with what it was sent.
//!
//! Ports are loopback's, processes are ended by their own numbers. Whether a proxy listens is found out
//! by connecting: none of them says when it does.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::harness_edges::soon;

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
    Traefik,
    Envoy,
}

impl Kind {
    /// Its file in `deploy/proxies/`, as people get it.
    fn file(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../deploy/proxies/nginx.conf"),
            Self::Caddy => include_str!("../../deploy/proxies/Caddyfile"),
            Self::Traefik => include_str!("../../deploy/proxies/traefik.yml"),
            Self::Envoy => include_str!("../../deploy/proxies/envoy.yaml"),
        }
    }

    /// What stands around that file where it is used, and where its own things may go.
    fn main_file(self, folder: &Path, file: &str) -> String {
        match self {
            Self::Nginx => {
                let folder = folder.display();
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
                    .concat();
                format!(
                    "daemon off; master_process off; pid {folder}/pid; events {{}} http {{ access_log off; {temporary}\n{file}\n}}"
                )
            }
            Self::Caddy => format!("{{\n\tadmin off\n}}\n{file}"),
            Self::Traefik | Self::Envoy => file.to_owned(),
        }
    }

    /// The command that runs it.
    fn command(self, file: &Path, port: u16) -> Command {
        let (name, arguments): (&str, Vec<String>) = match self {
            Self::Nginx => ("nginx", words(&["-e", "stderr", "-c"])),
            Self::Caddy => (
                "caddy",
                words(&["run", "--adapter", "caddyfile", "--config"]),
            ),
            Self::Traefik => (
                "traefik",
                vec![
                    format!("--entryPoints.web.address=127.0.0.1:{port}"),
                    "--global.checkNewVersion=false".to_owned(),
                    "--global.sendAnonymousUsage=false".to_owned(),
                    "--log.level=ERROR".to_owned(),
                    "--providers.file.filename".to_owned(),
                ],
            ),
            Self::Envoy => (
                "envoy",
                words(&[
                    "--use-dynamic-base-id",
                    "--concurrency",
                    "1",
                    "-l",
                    "error",
                    "-c",
                ]),
            ),
        };
        let mut command = Command::new(name);
        match self {
            Self::Traefik => {
                let mut arguments = arguments;
                let last = arguments.pop().unwrap();
                command
                    .args(arguments)
                    .arg(format!("{last}={}", file.display()));
            }
            Self::Nginx | Self::Caddy | Self::Envoy => {
                command.args(arguments).arg(file);
            }
        }
        command
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A running proxy.
pub(crate) struct Proxy {
    /// Where it answers.
    pub(crate) url: String,
    child: Child,
    folder: TempDir,
}

impl Proxy {
    /// Starts it before `server`, with the bot at `bot`; each text of its file may be replaced by
    /// another, and must be there.
    pub(crate) async fn start(
        kind: Kind,
        bot: &str,
        server: u16,
        changes: &[(&str, &str)],
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let bot = bot.rsplit_once(':').unwrap().1;
        let mut file = kind.file().to_owned();
        for (from, to) in changes {
            assert!(file.contains(from), "{kind:?} has no {from}");
            file = file.replace(from, to);
        }
        for (from, to) in [
            ("8421", bot),
            ("3000", &server.to_string()),
            ("8080", &port.to_string()),
        ] {
            // Comments name the same addresses, and Traefik's own is no part of its file.
            assert!(
                file.contains(from) || kind == Kind::Traefik,
                "{kind:?}: {from}"
            );
            file = file.replace(from, to);
        }
        // Some proxies tell the kind of a file by its name.
        let path = folder.path().join(match kind {
            Kind::Nginx | Kind::Caddy => "proxy.conf",
            Kind::Traefik | Kind::Envoy => "proxy.yaml",
        });
        std::fs::write(&path, kind.main_file(folder.path(), &file)).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = kind
            .command(&path, port)
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot run {kind:?}, see `.ci/run` for where it comes from: {error}")
            });
        let mut proxy = Self {
            url: format!("http://127.0.0.1:{port}"),
            child,
            folder,
        };
        soon(proxy.listens(port)).await;
        proxy
    }

    /// Waits until it takes connections and knows its routes.
    async fn listens(&mut self, port: u16) {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended: {status}\n{}", self.log());
            }
            // A proxy that listens before it has read its routes knows nothing of the path.
            let answer = exchange(
                port,
                b"GET /is-it-there HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            );
            let known = |answer: String| {
                let status = answer.split(' ').nth(1).map(str::to_owned);
                status.is_some_and(|status| status == "401" || status == "200")
            };
            if answer.await.is_some_and(known) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// One exchange of bytes, if there is anybody.
async fn exchange(port: u16, request: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// A server that answers each request with its head and body as they came; a WebSocket gets back what it
/// sends.
pub(crate) struct Server {
    /// Its port.
    pub(crate) port: u16,
    served: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&served);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counting)));
            }
        });
        Self {
            port,
            served,
            accepting,
        }
    }

    /// How many requests have come.
    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection, which is for one request.
async fn serve(mut stream: TcpStream, served: Arc<AtomicUsize>) -> Option<()> {
    let mut seen = Vec::new();
    let (head, mut body) = loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            break (head.to_owned(), body.to_owned());
        }
        if stream.read_buf(&mut seen).await.ok()? == 0 {
            return None;
        }
    };
    served.fetch_add(1, Ordering::SeqCst);
    let lower = head.to_ascii_lowercase();
    if lower.contains("\r\nupgrade: websocket") {
        let accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(accepted.as_bytes()).await.ok()?;
        let (mut reading, mut writing) = stream.split();
        tokio::io::copy(&mut reading, &mut writing).await.ok()?;
        return Some(());
    }
    let length = lower
        .split("\r\ncontent-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.trim().parse().ok())
        .unwrap_or(0);
    while body.len() < length {
        let mut more = Vec::new();
        if stream.read_buf(&mut more).await.ok()? == 0 {
            break;
        }
        body.push_str(&String::from_utf8_lossy(&more));
    }
    let told = format!("{head}\n\n{body}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{told}",
        told.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()
}
