//! A judgement as one line of advice, in a request's summary and in what `inspect` shows.

use super::super::evidence::FoundIssue;
use super::super::judgement::Judged;
use super::escape::{foreign, login};

/// The line. Everything that the judge wrote is foreign text.
pub fn advice(judge: &str, judged: &Judged, issue: &FoundIssue) -> String {
    let said = &judged.said;
    let mut parts = Vec::new();
    parts.extend(said.priority.as_ref().map(|it| foreign(it, 40)));
    parts.push(foreign(&said.action, 64));
    if let Some(caveat) = &said.caveat {
        parts.push(format!("caveat {}", foreign(caveat, 300)));
    }
    let text = if said.fits(issue) {
        "for the text as it stands"
    } else {
        "for an older text"
    };
    let labels = match (said.unlabelled, issue.unlabelled) {
        (true, Some(true)) => "no labels then and now",
        (true, Some(false)) => "labelled since",
        (true, None) | (false, _) => "labels not checked",
    };
    format!(
        "- judge {} advises: {}; {text}, {labels}",
        login(judge),
        parts.join(", ")
    )
}
