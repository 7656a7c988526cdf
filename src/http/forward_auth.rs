//! `/v1/forward-auth`: a proxy asks before it lets a request through. Its own line of configuration says
//! for which resource server it asks and what the route demands; the token says who acts.
//!
//! Invariant: the answer is 200, 401 or 403 and nothing else, whatever comes in, because proxies take
//! anything else for a failure of theirs; what is not understood is refused. All identity headers are
//! always set, empty if there is none, so that none of the caller's own can stand in for them. No body
//! is ever read, and the method never changes the verdict.

use std::collections::BTreeSet;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE,
    VARY, WWW_AUTHENTICATE,
};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::json;

use super::authorization::{self, Shown};
use super::gateway::Gateway;
use super::introspect::{alive, row};
use crate::bot::Bot;
use crate::gate::credential::Live;
use crate::gate::policy::Policy;
use crate::gate::time::seconds_between;

/// The longest that a proxy may keep a positive answer, in seconds. It is how long a revoked token can
/// go on at a proxy that keeps answers.
const KEPT: i64 = 30;
/// The longest value of a parameter, as for scopes and resources in the configuration.
const LONGEST: usize = 64;

/// Answers a proxy.
pub(super) async fn forward_auth(
    request: HttpRequest,
    suffix: Path<String>,
    gateway: Data<Gateway>,
) -> HttpResponse {
    let route = if suffix.is_empty() {
        Route::read(request.query_string())
    } else {
        Err(
            "the address has something behind `/v1/forward-auth`: the proxy must not append the path of the request",
        )
    };
    let mut answer = match judge(&request, route.as_ref().map_err(|why| *why), &gateway).await {
        Ok(passed) => pass(&passed, &gateway),
        Err(refusal) => refuse(&refusal, route.as_ref().ok(), &gateway),
    };
    if brings_more(&request) {
        // What may follow the head is not read, so nothing else can come on this connection.
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    answer
}

/// True if the head announces a body or another protocol.
fn brings_more(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let empty = |value: &[u8]| value.iter().all(|byte| *byte == b'0');
    let body = headers
        .get(CONTENT_LENGTH)
        .is_some_and(|length| !empty(length.as_bytes()));
    body || [TRANSFER_ENCODING, UPGRADE, EXPECT]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// What the proxy's line says of the route.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    /// The resource server that the proxy stands before.
    client: String,
    /// What a token must be allowed, all of it.
    scopes: BTreeSet<String>,
    /// What inside the workspace the route is about.
    resource: Option<String>,
    /// How the route is used.
    mode: Option<String>,
    /// Whether requests without a token of ours go on, for servers that have other logins, too.
    foreign: bool,
}

impl Route {
    /// Reads it from a query. Anything that is not exactly understood is a fault, said for whoever
    /// wrote the proxy's line.
    ///
    /// Some proxies append path and query of the request to the address that they were given. What is
    /// appended begins with `/`, so that no `/` or `?` may stand here: nobody adds a parameter.
    fn read(query: &str) -> Result<Self, &'static str> {
        if query.contains(['/', '?']) {
            return Err(
                "the query has a `/` or `?`: the proxy must not append the path of the request, and a resource with a `/` is written with `%2F`",
            );
        }
        let (mut client, mut resource, mut mode, mut foreign) = (None, None, None, None);
        let mut scopes = BTreeSet::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !is_word(&value) {
                return Err("a parameter is empty, too long, or has characters that no name has");
            }
            let place = match name.as_ref() {
                "client" => &mut client,
                "resource" => &mut resource,
                "mode" => &mut mode,
                "foreign" => &mut foreign,
                "scope" => {
                    scopes.insert(value.into_owned());
                    continue;
                }
                _ => return Err("a parameter is not known"),
            };
            if place.replace(value.into_owned()).is_some() {
                return Err("a parameter is there twice; only `scope` may be");
            }
        }
        if foreign.as_deref().is_some_and(|foreign| foreign != "pass") {
            return Err("`foreign` can only be `pass`");
        }
        if scopes.is_empty() {
            return Err("`scope=` is missing: what the route demands");
        }
        Ok(Self {
            client: client.ok_or("`client=` is missing: the name of a configured client")?,
            scopes,
            resource,
            mode,
            foreign: foreign.is_some(),
        })
    }

    /// Whether the configuration in force knows the client and, on its boards, the scopes: a name that
    /// was mistyped is told to whoever reads the answer, and opens nothing.
    fn is_known(&self, policy: &Policy) -> Result<(), &'static str> {
        let client = policy
            .clients
            .get(&self.client)
            .ok_or("no client of that name is configured")?;
        let known = |scope: &String| {
            let mut boards = client
                .boards
                .iter()
                .filter_map(|board| policy.board(*board));
            boards.any(|board| board.scopes.contains(scope))
        };
        if self.scopes.iter().all(known) {
            Ok(())
        } else {
            Err("no board of this client has one of the scopes")
        }
    }

    /// Whether a live token may do what the route demands. A token that is limited to named resources
    /// or modes passes only where the route says which it is about: nobody else would look.
    fn allows(&self, live: &Live) -> Result<(), &'static str> {
        if !self.scopes.is_subset(&live.scopes) {
            return Err(
                "the token may not do this; ask for these scopes with /gate request in the issue of its identity",
            );
        }
        let within = |limit: &Option<BTreeSet<String>>, named: &Option<String>| match (limit, named)
        {
            (None, _) => Ok(true),
            (Some(limit), Some(named)) => Ok(limit.contains(named)),
            (Some(_), None) => Err(()),
        };
        match within(&live.check.resources, &self.resource) {
            Ok(true) => {}
            Ok(false) => {
                return Err(
                    "the token is for other resources; ask for this one with /gate request in the issue of its identity",
                );
            }
            Err(()) => {
                return Err(
                    "the token is limited to some resources, and the route does not say which it is about: its proxy needs resource= in the address",
                );
            }
        }
        match within(&live.check.modes, &self.mode) {
            Ok(true) => Ok(()),
            Ok(false) => Err(
                "the token is for other modes; ask for this one with /gate request in the issue of its identity",
            ),
            Err(()) => Err(
                "the token is limited to some modes, and the route does not say which it is for: its proxy needs mode= in the address",
            ),
        }
    }

    /// The scopes as RFC 6750 writes them.
    fn scope(&self) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        scopes.join(" ")
    }
}

/// What names of clients, scopes, resources and modes are made of; safe in a header, too.
fn is_word(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
    (1..=LONGEST).contains(&value.len()) && value.bytes().all(allowed)
}

/// What is let through.
enum Passed {
    /// Somebody of ours.
    Known(Box<Live>),
    /// Somebody who shows nothing of ours, where the route lets them through.
    Foreign,
}

/// What is not.
enum Refusal {
    /// 401: nothing was shown.
    NoToken,
    /// 401: what was shown is not alive, whatever the cause.
    InvalidToken,
    /// 403: it is alive and may not do this; why.
    TooLittle(&'static str),
    /// 403: the proxy's line is wrong; how.
    BadRoute(&'static str),
    /// 403: nothing can be said of a token now.
    NotReady,
}

/// Judges a request.
async fn judge(
    request: &HttpRequest,
    route: Result<&Route, &'static str>,
    gateway: &Gateway,
) -> Result<Passed, Refusal> {
    let shown = authorization::shown(request);
    // Who shows nothing is told so, whatever else is wrong.
    let nothing = matches!(shown, Shown::Nothing);
    let bad = |why| {
        if nothing {
            Refusal::NoToken
        } else {
            Refusal::BadRoute(why)
        }
    };
    let route = route.map_err(bad)?;
    let token = match shown {
        Shown::Nothing | Shown::AnotherScheme if !route.foreign => return Err(Refusal::NoToken),
        Shown::Nothing | Shown::AnotherScheme => None,
        Shown::Several => return Err(Refusal::InvalidToken),
        Shown::Bearer(token) => Some(token),
    };
    let bot = gateway.bot().map_err(|_| Refusal::NotReady)?;
    let policy = bot.core.policy();
    route.is_known(&policy).map_err(bad)?;
    let Some(token) = token else {
        return Ok(Passed::Foreign);
    };
    if route.foreign && is_foreign(bot, gateway, &policy, route, token)? {
        return Ok(Passed::Foreign);
    }
    let live = alive(bot, gateway, token, Some(&route.client)).await;
    // The cause was logged where it was found; here it only means that nothing can be said.
    let live = live.map_err(|_| Refusal::NotReady)?;
    let live = live.ok_or(Refusal::InvalidToken)?;
    route.allows(&live).map_err(Refusal::TooLittle)?;
    Ok(Passed::Known(Box::new(live)))
}

/// Whether a token is none of ours. A secret from before that was imported is one of ours, whatever it
/// looks like: once it is revoked it must not pass as a stranger's.
fn is_foreign(
    bot: &Bot,
    gateway: &Gateway,
    policy: &Policy,
    route: &Route,
    token: &str,
) -> Result<bool, Refusal> {
    let ours = token
        .strip_prefix(gateway.prefix.as_str())
        .is_some_and(|rest| rest.starts_with('_'));
    if ours {
        return Ok(false);
    }
    let found = row(bot, gateway, token).map_err(|_| Refusal::NotReady)?;
    Ok(
        found
            .is_none_or(|(check, _)| !policy.shows(&route.client, check.board, &check.environment)),
    )
}

/// Sets the identity headers; the caller's own are overwritten by them, also by empty ones.
fn identify(response: &mut HttpResponseBuilder, live: Option<&Live>) {
    let check = live.map(|live| &live.check);
    let scopes = live.map(|live| {
        let scopes: Vec<&str> = live.scopes.iter().map(String::as_str).collect();
        scopes.join(" ")
    });
    let text = |value: Option<String>| value.unwrap_or_default();
    for (name, value) in [
        (
            "X-Agent-Id",
            text(
                check
                    .and_then(|check| check.identity)
                    .map(|number| number.0.to_string()),
            ),
        ),
        (
            "X-Agent-Identity",
            text(
                check
                    .and_then(|check| check.slug.as_ref())
                    .map(|slug| slug.as_str().to_owned()),
            ),
        ),
        ("X-Agent-Scopes", text(scopes)),
        (
            "X-Agent-Owner",
            text(check.map(|check| check.owner.to_string())),
        ),
        (
            "X-Agent-Credential",
            text(check.map(|check| check.credential.to_string())),
        ),
        (
            "X-Agent-Environment",
            text(check.map(|check| check.environment.clone())),
        ),
    ] {
        response.insert_header((name, value));
    }
}

/// The answer that lets a request through.
fn pass(passed: &Passed, gateway: &Gateway) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match passed {
        Passed::Known(live) => {
            let left = seconds_between(gateway.clock.now(), live.check.expires_at);
            let kept = left.clamp(0, KEPT);
            identify(&mut response, Some(live));
            response.insert_header((CACHE_CONTROL, format!("private, max-age={kept}")));
            gateway.metrics.check("active");
        }
        Passed::Foreign => {
            identify(&mut response, None);
            response.insert_header((CACHE_CONTROL, "no-store"));
            gateway.metrics.check("foreign");
        }
    }
    response.insert_header((VARY, "Authorization"));
    response.finish()
}

/// The answer that does not.
fn refuse(refusal: &Refusal, route: Option<&Route>, gateway: &Gateway) -> HttpResponse {
    let (status, outcome, title, detail) = match refusal {
        Refusal::NoToken => (
            StatusCode::UNAUTHORIZED,
            "no_token",
            "no token",
            "give the token as `Authorization: Bearer …`",
        ),
        Refusal::InvalidToken => (
            StatusCode::UNAUTHORIZED,
            "inactive",
            "invalid token",
            "the token is not valid (any more); ask for another in the issue thread",
        ),
        Refusal::TooLittle(why) => (StatusCode::FORBIDDEN, "too_little", "not allowed", *why),
        Refusal::BadRoute(why) => (
            StatusCode::FORBIDDEN,
            "bad_route",
            "the proxy is set up wrongly",
            *why,
        ),
        Refusal::NotReady => (
            StatusCode::FORBIDDEN,
            "not_ready",
            "not ready",
            "tokens cannot be checked now, so nothing is let through; try again in a few seconds",
        ),
    };
    gateway.metrics.check(outcome);
    if let Refusal::BadRoute(why) = refusal {
        tracing::warn!(
            why,
            "a proxy asks in a way that cannot be answered: nothing passes"
        );
    }
    let mut response = HttpResponse::build(status);
    identify(&mut response, None);
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header((CONTENT_TYPE, "application/problem+json"));
    if let Some(challenge) = challenge(refusal, route) {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
    if matches!(refusal, Refusal::NotReady) {
        response.insert_header((RETRY_AFTER, "5"));
    }
    let problem = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    response.body(problem.to_string())
}

/// The challenge (RFC 6750 §3): what is wrong and what to do. Who showed nothing is told no error
/// (§3.1), only what the route demands.
fn challenge(refusal: &Refusal, route: Option<&Route>) -> Option<String> {
    let realm = "Bearer realm=\"ownergate\"";
    let scope = route.map_or_else(String::new, |route| {
        format!(", scope=\"{}\"", route.scope())
    });
    match refusal {
        Refusal::NoToken => Some(format!("{realm}{scope}")),
        Refusal::InvalidToken => Some(format!(
            "{realm}, error=\"invalid_token\", error_description=\"the token is not valid (any more); ask for another in the issue thread\""
        )),
        Refusal::TooLittle(why) => Some(format!(
            "{realm}, error=\"insufficient_scope\", error_description=\"{why}\"{scope}"
        )),
        Refusal::BadRoute(_) | Refusal::NotReady => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_line_is_read_decoded() {
        let read = Route::read("scope=b&client=c&scope=a%3Ax&resource=x%2FY&foreign=pass&mode=m");
        let route = Route {
            client: "c".to_owned(),
            scopes: ["a:x".to_owned(), "b".to_owned()].into(),
            resource: Some("x/Y".to_owned()),
            mode: Some("m".to_owned()),
            foreign: true,
        };
        assert_eq!(read, Ok(route));
        assert!(Route::read("client=c&scope=b&resource=x/Y").is_err());
        let long = "s".repeat(LONGEST);
        assert!(Route::read(&format!("client=c&scope={long}")).is_ok());
        assert!(Route::read(&format!("client=c&scope={long}s")).is_err());
    }
}
