//! `GET /openapi.json` and `GET /docs`: every call of the bot with every status and the form of every
//! answer, for programs and for people.
//!
//! Invariant: what is registered is described here and nothing else is; a test reads the routes from the
//! sources and compares. The page is made of the same document, on the bot, and needs nothing from
//! outside.

mod call;
mod forms;
mod holders;
mod internal;
mod operator;
mod outcomes;
mod page;
mod pages;
mod shape;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, HeaderBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder,
    PathsBuilder,
};

use call::Call;

/// The document and its two forms; neither ever changes while the program runs.
static DOCUMENT: LazyLock<(OpenApi, String, page::Page)> = LazyLock::new(|| {
    let document = document();
    // What is made of maps, lists and texts can always be written.
    let json = document.to_json().unwrap_or_default();
    let page = page::Page::of(&calls());
    (document, json, page)
});

/// Gives the document.
pub(super) async fn json() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(DOCUMENT.1.as_str())
}

/// Gives the page.
pub(super) async fn page() -> HttpResponse {
    let page = &DOCUMENT.2;
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header(("Content-Security-Policy", page.policy.as_str()))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .body(page.html.as_str())
}

/// Every call, in the order in which people read them.
fn calls() -> Vec<Call> {
    let mut calls = holders::calls();
    calls.extend(internal::calls());
    calls.extend(operator::calls());
    calls.extend(pages::calls());
    calls
}

/// The groups: name and what is in it.
const GROUPS: [(&str, &str); 7] = [
    ("holders", "For whoever has a token or waits for one"),
    ("approvers", "For owners who look at a request and sign it"),
    ("forge", "For the forge"),
    (
        "resource servers",
        "For what the tokens are for; on the internal listener",
    ),
    (
        "running it",
        "For whoever runs the bot; on the internal listener, except `/healthz`",
    ),
    (
        "operators",
        "For operators, by token; on the internal listener",
    ),
    (
        "status page",
        "For browsers; on the internal listener. It shows, and changes nothing",
    ),
];

fn document() -> OpenApi {
    let mut paths = PathsBuilder::new().build();
    for call in calls() {
        paths.add_path_operation(call.path, vec![call.method.into()], call.operation());
    }
    let tags = GROUPS.map(|(name, what)| {
        let tag = TagBuilder::new().name(name);
        tag.description(Some(what)).build()
    });
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Ownergate")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .license(Some(License::new(env!("CARGO_PKG_LICENSE"))))
                .build(),
        )
        .paths(paths)
        .components(Some(components()))
        .tags(Some(tags))
        .build()
}

/// Everything that has a name: forms, headers and ways to show who calls.
fn components() -> Components {
    let scheme = |scheme, what: &str| {
        let mut http = Http::new(scheme);
        http.description = Some(what.to_owned());
        SecurityScheme::Http(http)
    };
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            "token",
            scheme(HttpAuthScheme::Bearer, "An agent's token (RFC 6750)"),
        )
        .security_scheme(
            "client",
            scheme(
                HttpAuthScheme::Basic,
                "Name and secret of a resource server, a `[[client]]` of the config (RFC 7617)",
            ),
        )
        .security_scheme(
            "operator",
            scheme(
                HttpAuthScheme::Bearer,
                "The token of an operator, `token_file` of an `[[operator]]` of the config",
            ),
        );
    for (name, shape) in forms::all().into_iter().chain(outcomes::all()) {
        components = components.schema(name, shape);
    }
    for (name, what, shape) in headers() {
        let header = HeaderBuilder::new()
            .description(Some(what))
            .schema(Some(shape))
            .build();
        components = components.header(name, header);
    }
    components.build()
}

/// The headers of answers, and what stands in them.
fn headers() -> Vec<(&'static str, &'static str, shape::Shape)> {
    let (text, pattern) = (shape::text, shape::pattern);
    let mut headers = vec![
        ("Allow", "The methods that this address takes", text()),
        (
            "Retry-After",
            "Seconds until it is worth another try",
            pattern("^[0-9]+$"),
        ),
        (
            "WWW-Authenticate",
            "The challenge of RFC 6750 or RFC 7617, with what to do",
            text(),
        ),
        ("Location", "The way on", text()),
        ("Set-Cookie", "The session, or its end", text()),
        (
            "RateLimit",
            "What is left of the limit, and in how many seconds all of it is there again: `\"operator\";r=599;t=1` (draft-ietf-httpapi-ratelimit-headers)",
            pattern("^\"[a-z-]+\";r=[0-9]+;t=[0-9]+$"),
        ),
        (
            "RateLimit-Policy",
            "The limit, calls in so many seconds: `\"operator\";q=600;w=60`",
            pattern("^\"[a-z-]+\";q=[0-9]+;w=[0-9]+$"),
        ),
    ];
    for (name, what) in internal::IDENTITY {
        headers.push((name, what, text()));
    }
    headers
}

/// What holds everywhere.
const ABOUT: &str = "Machine identities for agents, asked for in issue threads and approved by owners. \
HEAD works wherever GET does; another method than those of an address is 405 with `Allow`. Errors are problem JSON (RFC 9457) unless it says otherwise. While the \
bot starts, or its disk fails, everything but `/healthz`, `/readyz` and `/metrics` is 503 with \
`Retry-After`, except forward-auth, which is 403 then.";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// `GET /v1/audit` and so on, as the sources register them: `web::resource("…")` with `web::get()` and
    /// the like behind it, and the short words of operators' routes.
    fn registered() -> BTreeSet<String> {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
        let mut found = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.to_string_lossy().into_owned();
                if name.contains("openapi") {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    read(&std::fs::read_to_string(path).unwrap(), &mut found);
                }
            }
        }
        found
    }

    fn read(source: &str, found: &mut BTreeSet<String>) {
        for opening in ["web::resource(", "reading(", "changing(", "narrowing("] {
            for piece in source.split(opening).skip(1) {
                let rest = piece.split(".service(").next().unwrap();
                let written = rest.split([',', ')']).next().unwrap();
                let path = match written.split('"').nth(1) {
                    Some(path) => path.replace("{one}", "/v1/identities/{slug}"),
                    None if written.trim() == "view::STYLE" => "/style.css".to_owned(),
                    None if written.trim() == "one" => "/v1/identities/{slug}".to_owned(),
                    // The short words themselves.
                    None => continue,
                };
                let path = path.replace("{{", "{").replace("}}", "}");
                if path.starts_with("/v1/forward-auth{") {
                    // By every method; GET is the one that proxies use.
                    found.insert("GET /v1/forward-auth".to_owned());
                    continue;
                }
                let before = found.len();
                for method in ["get", "post", "put", "patch", "delete"] {
                    let reads = method == "get" && opening == "reading(";
                    if reads || rest.contains(&format!("web::{method}()")) {
                        found.insert(format!("{} {path}", method.to_uppercase()));
                    }
                }
                let known = found.len() > before || found.contains(&format!("GET {path}"));
                assert!(known, "{path} takes no method that is known here");
            }
        }
    }

    /// Only on the admin socket, for the command line of this very version.
    const HOST_ONLY: [&str; 2] = ["GET /verify", "POST /import"];

    #[test]
    fn every_route_that_is_registered_is_described_and_no_other() {
        let mut registered = registered();
        for host in HOST_ONLY {
            assert!(registered.remove(host), "{host} is gone");
        }
        let described: BTreeSet<String> = calls()
            .iter()
            .map(|call| format!("{} {}", call.method.name(), call.path))
            .collect();
        let missing: Vec<_> = registered.difference(&described).collect();
        assert!(
            missing.is_empty(),
            "describe in src/http/openapi/: {missing:?}"
        );
        let gone: Vec<_> = described.difference(&registered).collect();
        assert!(gone.is_empty(), "described, but not there: {gone:?}");
        assert!(described.len() >= 30, "{described:?}");
    }

    #[test]
    fn the_document_says_what_is_needed() {
        let document: serde_json::Value = serde_json::from_str(&DOCUMENT.1).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = format!("{method} {path}");
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{name}: {id} twice");
                assert!(operation["summary"].is_string(), "{name}");
                let answers = operation["responses"].as_object().unwrap();
                let well = |status: &String| status.starts_with(['2', '3']);
                assert!(answers.keys().any(well), "{name}: nothing works");
                let tag = operation["tags"][0].as_str().unwrap();
                assert!(GROUPS.iter().any(|(name, _)| *name == tag), "{name}: {tag}");
            }
        }
        assert_eq!(document["paths"].as_object().unwrap().len(), {
            let paths: BTreeSet<&str> = calls().iter().map(|call| call.path).collect();
            paths.len()
        });
        assert_eq!(
            DOCUMENT.0.paths.paths.len(),
            document["paths"].as_object().unwrap().len()
        );
    }

    #[test]
    fn the_page_names_every_call_and_nothing_outside() {
        let page = &DOCUMENT.2;
        for call in calls() {
            let name = format!("{} {}", call.method.name(), call.path);
            assert!(page.html.contains(&name), "{name}");
        }
        for outside in ["http://", "https://", "<script", "src=", "url(", "@import"] {
            assert!(!page.html.contains(outside), "{outside}");
        }
        assert!(
            page.policy
                .starts_with("default-src 'none'; style-src 'sha256-")
        );
    }
}
