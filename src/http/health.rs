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
    let boards: Vec<Value> = bot
        .reconciliation
        .last_passes()
        .into_iter()
        .map(|(board, last)| {
            json!({
                "board": policy.board(board).map(|board| board.name.clone()),
                "read": last.map(rfc3339),
            })
        })
        .collect();
    json!({
        "ready": healthy,
        "journal": { "writable": healthy, "seq": head.seq, "bytes": head.bytes, "segments": head.segments },
        "records": { "reached": store.reached() },
        "forge": {
            "answers": heard.trouble.is_none(),
            "last": heard.well.map(rfc3339),
            "trouble": heard.trouble,
        },
        "clock": bot.core.clock_trouble().get(),
        "inbox": inbox,
        "parked": parked,
        "outbox": outbox,
        "refused_posts": bot.metrics.refused_posts.get(),
        "boards": boards,
    })
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
        metrics.journal_lines.set(bot.core.store().head().seq);
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

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
