//! What was asked for has happened, whatever it was: the request is approved and off every list, the
//! audit has it with the digest and the owners who let it, and the thread is told.
//!
//! What comes of a token or of secrets from before is written down one by one (`issue.rs`,
//! `import.rs`) and does not end here.

use serde_json::{Value, json};

use super::super::audit::Entry;
use super::super::request::RequestStatus;
use super::super::verdict::Opening;
use super::named::told;
use super::said::Said;
use super::{Draft, lifecycle};

/// What an open gate let happen.
pub(super) struct Happened {
    /// For the audit: where it happened, to what, and as facts what only this deed has.
    pub entry: Entry,
    /// The word for the metric.
    pub outcome: &'static str,
    /// What the thread is told.
    pub text: String,
}

/// Ends the request whose gate was open.
pub(super) fn end(draft: &mut Draft<'_>, said: &Said<'_>, opening: &Opening, happened: Happened) {
    let mut request = opening.request().clone();
    lifecycle::end(draft, &mut request, RequestStatus::Approved);
    let mut facts = json!({ "digest": request.digest, "approvers": opening.approvers() });
    let mut entry = happened.entry.about_request(request.number);
    if let (Value::Object(all), Some(Value::Object(own))) = (&mut facts, entry.facts.take()) {
        all.extend(own);
    }
    draft.entry(entry.with_facts(facts));
    draft.outcome("approve", happened.outcome);
    told(draft, said, &happened.text);
}
