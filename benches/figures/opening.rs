//! Opening a store of 100,000 credentials in a process of its own: how long until the bot works, and
//! how much memory it has then and after every token was checked once.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ownergate::app::{Application, Settings};
use ownergate::clock::Clock;
use ownergate::config::Config;
use ownergate::demo::stage::{Setting, Stage};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::introspection::{CREDENTIALS, check};
use crate::load::{self, Load};
use crate::{seed, table};

/// The argument that makes this program the bot that is opened.
pub(crate) const CHILD: &str = "opened-child";

/// How often the store is opened.
const TIMES: usize = 3;
/// Megabytes that the process may have.
const MOST_MEMORY: f64 = 200.0;
/// How long it may take.
const MOST_TIME: Duration = Duration::from_secs(2);

/// The bot in a process of its own: says when it works, ends when its input does.
pub(crate) async fn child(config: &Path, clock: &Clock) -> anyhow::Result<()> {
    let config = Config::load(config)
        .map_err(|faults| anyhow::anyhow!("{} faults in the config", faults.len()))?
        .config;
    let mut settings = Settings::new(config, clock.clone());
    settings.reconcile = false;
    let began = clock.monotonic();
    let application = Application::start(settings)?;
    application.ready().await.map_err(anyhow::Error::msg)?;
    println!("{}", (clock.monotonic() - began).as_micros());
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    application.stop().await;
    Ok(())
}

/// A bot in a process of its own.
struct Opened {
    child: Child,
    took: Duration,
}

impl Opened {
    async fn start(config: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CHILD)
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().context("the child has no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).await?;
        let took = line.trim().parse().context("the child did not open it")?;
        Ok(Self {
            child,
            took: Duration::from_micros(took),
        })
    }

    /// Resident memory now and at most so far, in megabytes.
    fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let id = self.child.id().context("the child has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
            Some(kilobytes / 1024.0)
        };
        let now = field("VmRSS:").context("no VmRSS")?;
        Ok((now, field("VmHWM:").context("no VmHWM")?))
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().await?;
        Ok(())
    }
}

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let stage = Stage::build(directory, Setting::new(clock.clone()))?;
    let config = stage.config()?;
    let began = clock.monotonic();
    let tokens = seed::write(&config, clock, CREDENTIALS).await?;
    let seeded = clock.monotonic() - began;
    let mut took = Vec::new();
    let mut memory = Vec::new();
    let all = tokens.active.iter().map(|token| check(token));
    let all: Arc<Vec<Vec<u8>>> = Arc::new(all.collect());
    for time in 0..TIMES {
        let opened = Opened::start(&config.file).await?;
        took.push(opened.took);
        memory.push(("after the opening", opened.memory()?));
        if time + 1 == TIMES {
            let address = config.server.listen.to_string().parse()?;
            let load = Load {
                connections: 32,
                within: Duration::from_secs(15),
                status: 200,
            };
            load::run(clock, address, load, Arc::clone(&all)).await?;
            memory.push(("after a check of every token", opened.memory()?));
        }
        opened.stop().await?;
    }
    println!("\nOpening {CREDENTIALS} credentials");
    let sizes = [("journal", "data/journal"), ("records", "data/sled")];
    for (name, folder) in sizes {
        println!("{name}: {:.0} MB", size(&directory.join(folder))?);
    }
    println!(
        "written by the store's own writer in {:.1} s",
        seeded.as_secs_f64()
    );
    for took in &took {
        println!("from the start to work: {:.2} s", took.as_secs_f64());
    }
    for (when, (now, most)) in &memory {
        println!("resident {when}: {now:.0} MB, at most {most:.0} MB so far");
    }
    let slowest = took.iter().max().copied().unwrap_or_default();
    let most = memory
        .iter()
        .map(|(_, (_, most))| *most)
        .fold(0.0, f64::max);
    table::target("opened in less than 2 s", slowest < MOST_TIME);
    table::target("in less than 200 MB", most < MOST_MEMORY);
    Ok(())
}

/// Megabytes in a folder.
fn size(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        bytes += if data.is_dir() {
            size(&entry.path())?
        } else {
            data.len() as f64 / (1024.0 * 1024.0)
        };
    }
    Ok(bytes)
}
