//! Sends deliveries: one after the other, each once, never holding up the call that caused them.
//!
//! As Forgejo's sender: five seconds for the whole exchange, any answer is an answer, redirects are
//! followed, nothing is tried again. A slow receiver delays all others.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::hooks::{Delivery, Outcome};
use super::people;
use super::server::Shared;

/// Forgejo's `[webhook] DELIVER_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the courier on a thread of its own; it ends with the forge.
pub(crate) fn start(shared: Arc<Shared>) -> anyhow::Result<()> {
    let client = people::client("http://", TIMEOUT, reqwest::redirect::Policy::limited(10))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the courier of the miniature forge")?;
    std::thread::spawn(move || runtime.block_on(work(&shared, &client)));
    Ok(())
}

/// Takes what is in line until the forge ends.
async fn work(shared: &Shared, client: &reqwest::Client) {
    loop {
        shared
            .until(|inner| inner.stopped || !inner.state.hooks.ready.is_empty())
            .await;
        let next = shared.change(|inner| {
            let hooks = &mut inner.state.hooks;
            let index = hooks.ready.pop_front().filter(|_| !inner.stopped)?;
            inner.sending = true;
            hooks
                .deliveries
                .get(index)
                .cloned()
                .map(|delivery| (index, delivery))
        });
        let Some((index, delivery)) = next else {
            return;
        };
        let outcome = tokio::select! {
            outcome = send(client, delivery) => outcome,
            () = shared.until(|inner| inner.stopped) => return,
        };
        shared.change(|inner| {
            inner.state.hooks.finish(index, outcome);
            inner.sending = false;
        });
    }
}

/// Sends one delivery and reads the whole answer.
async fn send(client: &reqwest::Client, delivery: Delivery) -> Outcome {
    let mut request = client
        .post(&delivery.url)
        .header("User-Agent", "Go-http-client/1.1")
        .header("Accept-Encoding", "gzip");
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    match request.body(delivery.body).send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            match answer.bytes().await {
                Ok(_) => Outcome::Answered(status),
                Err(fault) => Outcome::Failed(fault.to_string()),
            }
        }
        Err(fault) => Outcome::Failed(format!("{:#}", anyhow::Error::from(fault))),
    }
}
