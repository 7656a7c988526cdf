//! A way to the forge that notes when each call begins and when its answer has come back, so that
//! the forge's time can be told from the bot's own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ownergate::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The way.
pub(crate) struct Proxy {
    /// Where the bot finds the forge.
    pub(crate) address: SocketAddr,
    calls: Calls,
    posts: mpsc::UnboundedReceiver<Duration>,
}

/// When each call began and when its answer was back.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(Duration, Duration)>>>);

impl Calls {
    fn with<T>(&self, how: impl FnOnce(&mut Vec<(Duration, Duration)>) -> T) -> T {
        how(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Proxy {
    /// Opens the way to a forge.
    pub(crate) async fn open(forge: SocketAddr, clock: &Clock) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (told, posts) = mpsc::unbounded_channel();
        let calls = Calls::default();
        let (noted, clock) = (calls.clone(), clock.clone());
        tokio::spawn(async move {
            while let Ok((bot, _)) = listener.accept().await {
                let (clock, noted, told) = (clock.clone(), noted.clone(), told.clone());
                tokio::spawn(async move {
                    // Either side may hang up at any time.
                    let _ = carry(bot, forge, &clock, &noted, &told).await;
                });
            }
        });
        Ok(Self {
            address,
            calls,
            posts,
        })
    }

    /// When the next comment reached the forge that the bot posts.
    pub(crate) async fn post(&mut self) -> anyhow::Result<Duration> {
        self.posts.recv().await.context("the way is closed")
    }

    /// Forgets what was noted so far.
    pub(crate) fn forget(&mut self) {
        self.calls.with(Vec::clear);
        while self.posts.try_recv().is_ok() {}
    }

    /// How much of a span at least one call was under way.
    pub(crate) fn busy(&self, from: Duration, to: Duration) -> Duration {
        let mut calls = self.calls.with(|calls| calls.clone());
        calls.sort_unstable();
        let mut counted = from;
        let mut busy = Duration::ZERO;
        for (begin, end) in calls {
            let (begin, end) = (begin.max(counted), end.min(to));
            busy += end.saturating_sub(begin);
            counted = counted.max(end);
        }
        busy
    }
}

/// Carries one connection's bytes in both directions.
async fn carry(
    mut bot: TcpStream,
    forge: SocketAddr,
    clock: &Clock,
    calls: &Calls,
    told: &mpsc::UnboundedSender<Duration>,
) -> anyhow::Result<()> {
    let mut forge = TcpStream::connect(forge).await?;
    bot.set_nodelay(true)?;
    forge.set_nodelay(true)?;
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut call: Option<usize> = None;
    let mut asking = false;
    loop {
        tokio::select! {
            read = bot.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if !asking {
                    asking = true;
                    let now = clock.monotonic();
                    call = Some(calls.with(|calls| {
                        calls.push((now, now));
                        calls.len() - 1
                    }));
                    if is_post(bytes) {
                        // Nobody may be waiting for it.
                        let _ = told.send(now);
                    }
                }
                forge.write_all(bytes).await?;
            }
            read = forge.read(&mut answered) => {
                let bytes = &answered[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                asking = false;
                bot.write_all(bytes).await?;
                let now = clock.monotonic();
                calls.with(|calls| {
                    if let Some(noted) = call.and_then(|call| calls.get_mut(call)) {
                        noted.1 = now;
                    }
                });
            }
        }
    }
}

/// True for the beginning of a call that posts a comment.
fn is_post(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or(bytes);
    line.starts_with(b"POST ") && line.ends_with(b"/comments HTTP/1.1")
}
