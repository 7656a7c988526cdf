//! What a story does to the forge's deliveries and calls, and what it waits for.
//!
//! Deliveries can be held, reordered, lost, repeated and made up; calls can be made to fail; both
//! can be read afterwards. Every wait ends with the event itself, so that no story sleeps.

use actix_web::web::Bytes;

use super::MiniForge;
use super::faults::{Fault, FaultId};
use super::hooks::{Delivery, Hook};
use super::log::{Log, LoggedCall};
use super::server::Inner;
use crate::gate::ids::RepositoryId;

/// Hooks and their deliveries.
impl MiniForge {
    /// Adds an active JSON hook for issues and all comments; the number of the hook.
    pub fn add_hook(&self, repository: RepositoryId, url: &str, secret: &str) -> i64 {
        let events = ["issues", "issue_comment", "pull_request_comment"].map(str::to_owned);
        let hook = Hook {
            id: 0,
            repository,
            url: url.to_owned(),
            secret: secret.to_owned(),
            events: events.into_iter().collect(),
            authorization: None,
            active: true,
            form: false,
        };
        self.change(|state| state.hooks.add(hook))
    }

    /// Everything that was or will be delivered, in the order of the events.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.look(|state| state.hooks.deliveries.clone())
    }

    /// How many deliveries are held back.
    pub fn held_hooks(&self) -> usize {
        self.look(|state| state.hooks.held.len())
    }

    /// Holds coming deliveries back.
    pub fn hold_hooks(&self) {
        self.change(|state| state.hooks.holding = true);
    }

    /// Sends what was held back, oldest first, and holds nothing back any more.
    pub fn release_hooks(&self) {
        self.change(|state| {
            let hooks = &mut state.hooks;
            hooks.holding = false;
            hooks.ready.append(&mut hooks.held);
        });
    }

    /// Sends some of the held deliveries in this order and waits for it: 0 is the oldest. The others
    /// stay held; a place that is not there is passed over.
    pub async fn deliver_in_order(&self, places: &[usize]) {
        self.change(|state| {
            let hooks = &mut state.hooks;
            let chosen: Vec<usize> = places
                .iter()
                .filter_map(|place| hooks.held.get(*place).copied())
                .collect();
            hooks.held.retain(|index| !chosen.contains(index));
            hooks.ready.extend(chosen);
        });
        self.hooks_idle().await;
    }

    /// Loses deliveries: the oldest held ones, and of the coming ones what is missing to the number.
    pub fn drop_hooks(&self, number: usize) {
        self.change(|state| state.hooks.lose(number));
    }

    /// Sends a past delivery again under a new UUID: the index of the new one in
    /// [`Self::deliveries`]. `None` if there is no such delivery or its body is forgotten.
    pub fn replay(&self, index: usize) -> Option<usize> {
        self.change(|state| state.hooks.replay(state.settings.gitea, index))
    }

    /// Sends any body under a hook's signature, as whoever knows its secret can.
    pub fn forge_delivery(&self, hook: i64, event: &str, body: impl Into<Bytes>) -> Option<usize> {
        let body = body.into();
        self.change(|state| {
            let gitea = state.settings.gitea;
            state.hooks.deliver(gitea, hook, (event, event), body)
        })
    }

    /// Waits until nothing is in line or on its way. What is held back does not count.
    pub async fn hooks_idle(&self) {
        let idle = |inner: &Inner| inner.state.hooks.ready.is_empty() && !inner.sending;
        self.shared.until(idle).await;
    }
}

/// Faults and the log of calls.
impl MiniForge {
    /// Sets a fault for a method (`*` for any) and a prefix of the path below `/api/v1`, for a number
    /// of calls or, with `None`, until cleared.
    pub fn fault(&self, method: &str, prefix: &str, times: Option<u32>, fault: Fault) -> FaultId {
        self.shared
            .change(|inner| inner.faults.set(method, prefix, times, fault))
    }

    /// Ends a fault; calls that it holds up go on.
    pub fn clear_fault(&self, fault: FaultId) {
        self.shared.change(|inner| inner.faults.clear(Some(fault)));
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.change(|inner| inner.faults.clear(None));
    }

    /// Waits until a fault has struck this many calls.
    pub async fn fault_reached(&self, fault: FaultId, calls: usize) {
        self.shared
            .until(|inner| inner.faults.reached(fault) >= calls)
            .await;
    }

    /// How many calls a fault has struck.
    pub fn fault_count(&self, fault: FaultId) -> usize {
        self.shared.lock().faults.reached(fault)
    }

    /// The calls so far, oldest first.
    pub fn calls(&self) -> Vec<LoggedCall> {
        self.shared.lock().log.calls.iter().cloned().collect()
    }

    /// How many calls were pushed out of the log.
    pub fn forgotten_calls(&self) -> usize {
        self.shared.lock().log.forgotten
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.shared.change(|inner| inner.log = Log::default());
    }

    /// Waits until so many calls were made since the log was last cleared.
    pub async fn calls_reached(&self, number: usize) {
        self.shared
            .until(|inner| inner.log.forgotten + inner.log.calls.len() >= number)
            .await;
    }

    /// Waits until the log holds a call that fits.
    pub async fn called(&self, fits: impl Fn(&LoggedCall) -> bool) {
        self.shared
            .until(|inner| inner.log.calls.iter().any(&fits))
            .await;
    }
}
