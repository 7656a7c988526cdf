//! `GET /healthz` (the process lives), `GET /readyz` (it can do its work) and `GET /metrics`.
//!
//! The forge is reported and not required: without it nothing is lost and everything that needs no
//! forge goes on.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::Data;
use serde_json::{Value, json};

use super::gateway::Gateway;
use crate::bot::Bot;
use crate::gate::ids::RepositoryId;
use crate::gate::key::Key;
use crate::gate::thread::Installation;
use crate::gate::time::{rfc3339, seconds_between};

/// The process lives.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body("ok\n")
}

/// It can do its work: 200, or 503 with how far it is.
pub(super) async fn readyz(gateway: Data<Gateway>) -> HttpResponse {
    let (status, state) = match gateway.bot.get() {
        None => {
            let waits = *gateway
                .waits_for
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let progress = &gateway.progress;
            let state = json!({
                "ready": false,
                "waits_for": waits,
                "store": {
                    "phase": progress.phase(),
                    "done": progress.done(),
                    "total": progress.total(),
                },
            });
            (StatusCode::SERVICE_UNAVAILABLE, state)
        }
        Some(bot) => {
            let healthy = bot.core.writer().healthy();
            let status = if healthy {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            (status, describe(bot, healthy))
        }
    };
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CACHE_CONTROL, "no-store"));
    if status != StatusCode::OK {
        answer.insert_header((RETRY_AFTER, "2"));
    }
    answer.json(state)
}

fn describe(bot: &Bot, healthy: bool) -> Value {
    let store = bot.core.store();
    let head = store.head();
    let heard = bot.forge.heard();
    let (inbox, parked) = bot.inbox.counts();
    let (outbox, _) = bot.outbox.counts();
    let policy = bot.core.policy();
    let boards: Vec<Value> = policy
        .boards
        .values()
        .map(|board| {
            let last = bot.reconciliation.last_pass(board.repository_id);
            json!({
                "board": board.name,
                "read": last.map(rfc3339),
                "refused": is_refused(bot, board.repository_id),
            })
        })
        .collect();
    json!({
        "ready": healthy,
        "disk": match store.low_space() {
            Ok(false) => json!({ "low": false }),
            Ok(true) => json!({
                "low": true,
                "why": "below the reserve: only what takes away is journaled until there is space",
            }),
            Err(error) => json!({ "unknown": error.to_string() }),
        },
        "journal": { "writable": healthy, "seq": head.seq, "bytes": head.bytes, "segments": head.segments },
        "records": { "reached": store.reached() },
        "forge": {
            "answers": heard.well.is_some() && heard.trouble.is_none(),
            "last": heard.well.map(rfc3339),
            "trouble": heard.trouble,
        },
        "lost_history": lost_history(bot),
        "clock": bot.core.clock_trouble().get(),
        "inbox": inbox,
        "parked": parked,
        "outbox": outbox,
        "refused_posts": bot.metrics.refused_posts.get(),
        "boards": boards,
    })
}

/// What shows that lines of the journal are missing, while nobody has accepted that.
fn lost_history(bot: &Bot) -> Value {
    match bot.core.get::<Installation>(&Key::installation()) {
        Ok(installation) => json!(installation.and_then(|installation| installation.missing)),
        // The store has reported itself; nothing is known, and that is said.
        Err(error) => json!({ "unknown": error.to_string() }),
    }
}

/// True if the board was not read for so long that its tokens are refused.
fn is_refused(bot: &Bot, board: RepositoryId) -> bool {
    let silence = &bot.reconciliation.silence;
    silence.refuses(&bot.core.policy(), board, &bot.clock)
}

/// Counters for Prometheus.
pub(super) async fn metrics(gateway: Data<Gateway>) -> HttpResponse {
    if let Some(bot) = gateway.bot.get() {
        let metrics = &gateway.metrics;
        let (inbox, parked) = bot.inbox.counts();
        let (outbox, _) = bot.outbox.counts();
        metrics.inbox.set(gauge(inbox));
        metrics.parked.set(gauge(parked));
        metrics.outbox.set(gauge(outbox));
        let boards = bot.core.policy();
        let refused = boards
            .boards
            .keys()
            .filter(|board| is_refused(bot, **board));
        metrics.silent_boards.set(gauge(refused.count()));
        let head = bot.core.store().head();
        metrics.journal_lines.set(head.seq);
        metrics.journal_bytes.set(head.bytes);
        metrics.start_time.set(bot.started.as_second());
        troubles(bot);
        let age = bot
            .outbox
            .oldest()
            .map_or(0, |due| seconds_between(due, bot.clock.now()).max(0));
        metrics.outbox_age.set(age);
    }
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ))
        .body(gateway.metrics.render())
}

/// What holds the bot back; what cannot be told counts as trouble.
fn troubles(bot: &Bot) {
    let heard = bot.forge.heard();
    let lost = bot.core.get::<Installation>(&Key::installation());
    for (kind, holds) in [
        ("store", !bot.core.writer().healthy()),
        ("disk", bot.core.store().low_space().unwrap_or(true)),
        ("clock", bot.core.clock_trouble().get().is_some()),
        ("forge", heard.trouble.is_some()),
        (
            "history",
            lost.map_or(true, |it| it.is_some_and(|it| it.missing.is_some())),
        ),
    ] {
        bot.metrics.trouble(kind, holds);
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
