//! `ownergate serve`: runs the bot until it is told to stop.
//!
//! SIGTERM and SIGINT stop it in order, also as the first process of a container. SIGHUP reads the
//! configuration anew. A store that fails while it runs ends it with 75, so that a supervisor starts
//! it again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::inherited::Inherited;
use crate::app::{Application, Ended, Settings};
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::telemetry;

/// EX_TEMPFAIL of sysexits.h: restart me.
const RESTART_ME: u8 = 75;
/// "File size limit exceeded" on Linux.
const SIGXFSZ: i32 = 25;

/// Run the bot
///
/// Waits for SIGTERM or SIGINT; SIGHUP reads the configuration and its secrets anew, and keeps the
/// old ones if anything is wrong with them. The port opens at once; whoever starts the bot waits for `readyz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ownergate.toml")]
    pub config: PathBuf,
    /// Go on although acknowledged lines of the journal are missing: SEQ is the journal's last
    /// number, as the refused start printed it. Every identity is paused
    #[arg(long, value_name = "SEQ")]
    pub accept_journal_loss: Option<u64>,
    /// How logs are written
    #[arg(long, value_name = "FORM", default_value = "text", value_parser = ["text", "json"])]
    pub log_format: String,
    /// What is logged: `info`, `warn`, `info,ownergate=debug`
    #[arg(long, value_name = "FILTER", default_value = "info,actix_server=warn")]
    pub log: String,
}

/// Runs the bot.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    telemetry::log(args.log_format == "json", &args.log);
    let Loaded { config, warnings } = Config::load(&args.config).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration cannot be used\n{}", lines.join("\n"))
    })?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let mut settings = Settings::new(config, Clock::system());
    settings.accept_journal_loss = args.accept_journal_loss;
    settings.inherited = Inherited::from_environment()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(serve(settings))?;
    // Nothing that still runs may hold the exit up.
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    // Before anything is opened, so that a stop during the start is one, too.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    // A file-size limit is met as an error of the write, not as a signal that ends the process; the
    // listener is what keeps the signal from its default.
    let _file_too_large =
        signal(SignalKind::from_raw(SIGXFSZ)).context("cannot listen for SIGXFSZ")?;
    let application = Application::start(settings)?;
    tracing::info!(public = ?application.public(), internal = ?application.internal(), "listening; the store opens");
    let ready = async {
        if application.ready().await.is_ok() {
            let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
            tracing::info!("ready");
        }
        std::future::pending::<()>().await;
    };
    let reloads = async {
        while hang_up.recv().await.is_some() {
            reload(&application).await;
        }
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = application.ended() => Some(ended),
        () = ready => None,
        () = reloads => None,
    };
    match ended {
        None => {
            tracing::info!("stopping");
            application.stop().await;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Some(Ended::Failed(why)) => {
            application.stop().await;
            anyhow::bail!("{why}")
        }
        Some(Ended::StoreFailed) => {
            tracing::error!("the store has failed; restart me");
            application.kill().await;
            Ok(ExitCode::from(RESTART_ME))
        }
    }
}

/// Reloads, and tells the service manager when it begins and how it ended.
async fn reload(application: &Application) {
    use sd_notify::NotifyState;
    if application.ready().await.is_err() {
        return;
    }
    let mut begins = vec![NotifyState::Reloading];
    begins.extend(NotifyState::monotonic_usec_now());
    let _ = sd_notify::notify(false, &begins);
    let status = match application.reload().await {
        Ok(_) => "in force: the configuration as it was last reloaded",
        Err(_) => "in force: an older configuration, the last reload was refused (see the log)",
    };
    let _ = sd_notify::notify(false, &[NotifyState::Ready, NotifyState::Status(status)]);
}
