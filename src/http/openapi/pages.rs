//! The calls of the status page, which browsers make.

use super::call::{Call, FORM, Method};
use super::shape::{form, text};

const PAGE: &str = "status page";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
/// Another page's form.
const NOT_FROM_HERE: (u16, &str) = (403, "the browser says that another page sent it");

/// All of them.
pub(super) fn calls() -> Vec<Call> {
    vec![show(), style(), login(), logout()]
}

fn show() -> Call {
    Call::new(Method::Get, "/", "statusPage")
        .of(
            PAGE,
            "What lives, what waits for an owner, what happened lately",
        )
        .about("With the cookie of a session; without one, the way in.")
        .contents(200, "the page, or the way in", vec![(HTML, None)])
        .contents(403, "this operator may not read", vec![(HTML, None)])
        .needs_store()
}

fn style() -> Call {
    Call::new(Method::Get, "/style.css", "statusPageStyle")
        .of(PAGE, "How the page looks")
        .contents(200, "the style sheet", vec![(CSS, None)])
}

fn login() -> Call {
    Call::new(Method::Post, "/login", "statusPageLogin")
        .of(PAGE, "Lets an operator in, for eight hours")
        .body(FORM, form([("token", text())]))
        .empty(303, "it is open; to the page")
        .with_headers(&["Location", "Set-Cookie"])
        .contents(401, "that is no operator's token", vec![(HTML, None)])
        .contents(
            429,
            "too many wrong tokens from this address; the right one always opens",
            vec![(HTML, None)],
        )
        .problems(&[NOT_FROM_HERE])
        .takes_body()
        .needs_store()
}

fn logout() -> Call {
    Call::new(Method::Post, "/logout", "statusPageLogout")
        .of(PAGE, "Ends the session")
        .empty(303, "it is over; to the page")
        .with_headers(&["Location", "Set-Cookie"])
        .problems(&[NOT_FROM_HERE])
}
