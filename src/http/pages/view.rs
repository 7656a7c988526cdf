//! What the status page shows, as text that is ready to be shown; and its HTML.
//!
//! Everything is escaped by the template; nothing comes from outside of this program, and there is no
//! script.

use maud::{DOCTYPE, Markup, html};

/// The style sheet's address.
pub(super) const STYLE: &str = "/style.css";

/// Everything on the page.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Who looks.
    pub(super) operator: String,
    /// When, in UTC.
    pub(super) at: String,
    /// What is wrong with the whole installation, if anything.
    pub(super) troubles: Vec<String>,
    /// The operator's boards.
    pub(super) boards: Vec<BoardRow>,
    /// Open requests, oldest first.
    pub(super) requests: Vec<RequestRow>,
    /// Identities, newest first.
    pub(super) identities: Vec<IdentityRow>,
    /// True if there are more identities than are shown.
    pub(super) more_identities: bool,
    /// What happened lately, newest first.
    pub(super) audit: Vec<AuditRow>,
}

/// A board.
#[derive(Debug)]
pub(super) struct BoardRow {
    /// Its name.
    pub(super) name: String,
    /// Its repository.
    pub(super) repository: String,
    /// One word: works, held, stands still, silent.
    pub(super) state: &'static str,
    /// Why, if it does not work.
    pub(super) why: String,
    /// Its gates, one text each.
    pub(super) gates: Vec<String>,
}

/// An open request.
#[derive(Debug)]
pub(super) struct RequestRow {
    /// R17.
    pub(super) number: String,
    /// What it asks for, in words.
    pub(super) asks: String,
    /// kan#12.
    pub(super) thread: String,
    /// The thread on the forge.
    pub(super) link: String,
    /// What the gate still misses, one text each.
    pub(super) missing: Vec<String>,
    /// When it ends.
    pub(super) ends: String,
}

/// An identity.
#[derive(Debug)]
pub(super) struct IdentityRow {
    /// Its slug.
    pub(super) slug: String,
    /// Its status, one word.
    pub(super) status: String,
    /// Its environment.
    pub(super) environment: String,
    /// What it may do.
    pub(super) scopes: String,
    /// Who answers for it.
    pub(super) owner: String,
    /// How many credentials of it live.
    pub(super) living: usize,
    /// When it ends.
    pub(super) ends: String,
    /// kan#12.
    pub(super) thread: String,
    /// The thread on the forge.
    pub(super) link: String,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct AuditRow {
    /// When.
    pub(super) at: String,
    /// Who did it.
    pub(super) actor: String,
    /// What.
    pub(super) code: String,
    /// To what.
    pub(super) whose: String,
    /// In words.
    pub(super) text: String,
}

/// The page.
pub(super) fn page(view: &View) -> Markup {
    let body = html! {
        header {
            h1 { "Ownergate" }
            p { (view.operator) " · " (view.at) }
            form method="post" action="/logout" { button { "Log out" } }
        }
        @for trouble in &view.troubles { p.trouble { (trouble) } }
        (boards(&view.boards))
        (requests(&view.requests))
        (identities(&view.identities, view.more_identities))
        (audit(&view.audit))
    };
    document(&body)
}

fn boards(rows: &[BoardRow]) -> Markup {
    html! {
        h2 { "Boards" }
        @if rows.is_empty() { p.none { "You may look at no board." } }
        @else { table {
            thead { tr { th { "Board" } th { "Repository" } th { "State" } th { "Gates" } } }
            tbody { @for row in rows { tr {
                td { (row.name) }
                td { (row.repository) }
                td { span.state data-state=(row.state) { (row.state) } @if !row.why.is_empty() { " " (row.why) } }
                td { @for gate in &row.gates { div { (gate) } } }
            } } }
        } }
    }
}

fn requests(rows: &[RequestRow]) -> Markup {
    html! {
        h2 { "Open requests" }
        @if rows.is_empty() { p.none { "Nobody waits for an owner." } }
        @else { table {
            thead { tr { th { "Request" } th { "Asks" } th { "Thread" } th { "Missing" } th { "Ends" } } }
            tbody { @for row in rows { tr {
                td { (row.number) }
                td { (row.asks) }
                td { a href=(row.link) rel="noreferrer" { (row.thread) } }
                td { @for missing in &row.missing { div { (missing) } } }
                td.time { (row.ends) }
            } } }
        } }
    }
}

fn identities(rows: &[IdentityRow], more: bool) -> Markup {
    html! {
        h2 { "Identities" }
        @if rows.is_empty() { p.none { "There is none yet: an agent asks in an issue of a board." } }
        @else { table {
            thead { tr {
                th { "Identity" } th { "Status" } th { "Environment" } th { "May" } th { "Owner" }
                th { "Credentials" } th { "Ends" } th { "Thread" }
            } }
            tbody { @for row in rows { tr {
                td { (row.slug) }
                td { span.state data-state=(row.status) { (row.status) } }
                td { (row.environment) }
                td { (row.scopes) }
                td { (row.owner) }
                td.number { (row.living) }
                td.time { (row.ends) }
                td { a href=(row.link) rel="noreferrer" { (row.thread) } }
            } } }
        } }
        @if more { p.none { "There are more: " code { "ownergate identity list" } " shows all of them." } }
    }
}

fn audit(rows: &[AuditRow]) -> Markup {
    html! {
        h2 { "Lately" }
        @if rows.is_empty() { p.none { "Nothing has happened yet." } }
        @else { table {
            thead { tr { th { "Time" } th { "Who" } th { "What" } th { "To what" } th { "Said" } } }
            tbody { @for row in rows { tr {
                td.time { (row.at) }
                td { (row.actor) }
                td { (row.code) }
                td { (row.whose) }
                td { (row.text) }
            } } }
        } }
    }
}

/// The page for who is not logged in; `fault` says what was wrong with a try.
pub(super) fn login(fault: Option<&str>) -> Markup {
    let body = html! {
        main.login {
            h1 { "Ownergate" }
            form method="post" action="/login" {
                label for="token" { "Operator token" }
                input #token name="token" type="password" autocomplete="off" required autofocus;
                button { "Look" }
            }
            @if let Some(fault) = fault { p.trouble role="alert" { (fault) } }
            p.none { "It is the text of the file that " code { "[[operator]] token_file" } " names. This page only shows; nothing can be changed here." }
        }
    };
    document(&body)
}

fn document(body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Ownergate" }
                link rel="stylesheet" href=(STYLE);
            }
            body { (body) }
        }
    }
}
