//! The page for people: every call, made of what the document is made of. One file without a script;
//! its policy lets the browser load nothing but the style that stands in it.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::call::{Call, Given};
use super::{ABOUT, GROUPS};

/// A page and the policy under which it is shown.
pub(super) struct Page {
    pub(super) html: String,
    pub(super) policy: String,
}

const STYLE: &str = ":root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}\
h2{margin-top:3rem}h3{margin:2rem 0 .3rem;font:600 1.05rem ui-monospace,monospace}\
code{font-family:ui-monospace,monospace}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-top:1px solid #8886}\
td:first-child{white-space:nowrap}.about{margin:.3rem 0}nav a{margin-right:1rem}";

impl Page {
    /// The page of these calls.
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Ownergate: calls</title><style>{STYLE}</style><h1>Ownergate {}: calls</h1><p>{}</p><p>For programs: <a href=\"openapi.json\">openapi.json</a></p><nav>",
            env!("CARGO_PKG_VERSION"),
            prose(ABOUT),
        );
        for (number, (name, _)) in GROUPS.iter().enumerate() {
            html.push_str(&format!("<a href=\"#g{number}\">{}</a>", escaped(name)));
        }
        html.push_str("</nav>");
        for (number, (name, what)) in GROUPS.iter().enumerate() {
            html.push_str(&format!(
                "<h2 id=\"g{number}\">{}</h2><p>{}</p>",
                escaped(name),
                prose(what)
            ));
            for call in calls.iter().filter(|call| call.group == *name) {
                html.push_str(&one(call));
            }
        }
        html.push_str("</html>\n");
        let hash = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self { html, policy }
    }
}

/// One call.
fn one(call: &Call) -> String {
    let mut html = format!(
        "<h3 id=\"{}\">{} {}</h3><p class=\"about\"><strong>{}.</strong> {}</p>",
        escaped(call.id),
        call.method.name(),
        escaped(call.path),
        prose(call.summary),
        prose(call.about),
    );
    let login = match (call.login, call.login_is_optional) {
        (None, _) => "Anybody may call.",
        (Some("client"), _) => "Basic: name and secret of a client.",
        (Some("operator"), false) => "Bearer: an operator's token.",
        (Some("operator"), true) => "Bearer: an operator's token, or nothing.",
        (Some(_), false) => "Bearer: an agent's token.",
        (Some(_), true) => "Bearer: an agent's token, or nothing.",
    };
    let kinds: Vec<&str> = call.body.iter().map(|(kind, _)| *kind).collect();
    let body = if kinds.is_empty() {
        String::new()
    } else {
        format!(" Body: <code>{}</code>.", escaped(&kinds.join(", ")))
    };
    html.push_str(&format!("<p class=\"about\">{login}{body}</p><table>"));
    for given in &call.given {
        html.push_str(&parameter(given));
    }
    let answers = call
        .answers
        .iter()
        .map(|answer| (answer.status, answer.what));
    for (status, what) in answers.chain(call.all_problems()) {
        html.push_str(&format!("<tr><td>{status}<td>{}", prose(what)));
    }
    html.push_str("</table>");
    html
}

fn parameter(given: &Given) -> String {
    let needed = if given.needed { "" } else { " (optional)" };
    format!(
        "<tr><td><code>{}</code>{needed}<td>{}",
        escaped(given.name),
        prose(given.what)
    )
}

/// A text with `code` in it.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (number, piece) in text.split('`').enumerate() {
        match number % 2 {
            0 => html.push_str(&escaped(piece)),
            _ => html.push_str(&format!("<code>{}</code>", escaped(piece))),
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
