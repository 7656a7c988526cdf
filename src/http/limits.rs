//! How often a caller may call: counters of one kind for everything that is limited, and the headers in
//! which a caller reads how much is left (draft-ietf-httpapi-ratelimit-headers).
//!
//! Invariant: whoever shows what is right is limited by what it is (operator, resource server, request,
//! line of successors); an address is counted only for what was wrong, so that nobody is kept out by
//! a neighbour. Deliveries, forward-auth and whatever narrows are counted nowhere.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::problem::ApiError;
use crate::clock::Clock;
use crate::gate::ids::{CredentialNumber, RequestNumber};

/// The span of every limit, in seconds.
const WINDOW: u32 = 60;
/// Tries of whatever can be tried out, in a minute.
const TRIES: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// Wrong tokens and secrets from one network, in a minute.
const STRANGERS: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// The most addresses that one limit remembers.
const KEPT: usize = 4096;

impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.monotonic()
    }
}

type Counters<K> = RateLimiter<K, HashMapStateStore<K>, Clock, StateInformationMiddleware>;

/// So many calls in a minute for each key, at once or spread; they come back one by one, evenly (GCRA, a
/// leaky bucket).
pub struct Limit<K: Hash + Eq + Clone> {
    name: &'static str,
    calls: NonZeroU32,
    counters: Counters<K>,
    clock: Clock,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} a minute", self.name, self.calls)
    }
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// A limit by its name in headers and its calls a minute.
    pub fn new(name: &'static str, calls: NonZeroU32, clock: &Clock) -> Self {
        let (quota, clock) = (Quota::per_minute(calls), clock.clone());
        let counters = RateLimiter::hashmap_with_clock(quota, clock.clone());
        Self {
            name,
            calls,
            counters: counters.with_middleware(),
            clock,
        }
    }

    /// Counts a call. What it leaves is noted for the answer's headers; an error says when the next one
    /// is taken.
    pub fn count(&self, request: &HttpRequest, key: &K) -> Result<(), ApiError> {
        let (spent, counted) = self.spend(key);
        request.extensions_mut().insert(spent);
        counted
    }

    fn spend(&self, key: &K) -> (Spent, Result<(), ApiError>) {
        let spent = |left: u32, next: u64| Spent {
            name: self.name,
            calls: self.calls.get(),
            left,
            next,
        };
        match self.counters.check_key(key) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                let gone = u64::from(self.calls.get().saturating_sub(left));
                let full = (gone * u64::from(WINDOW)).div_ceil(u64::from(self.calls.get()));
                (spent(left, full), Ok(()))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.clock.monotonic());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let seconds = seconds.max(1);
                (spent(0, seconds), Err(ApiError::TooMany(seconds)))
            }
        }
    }
}

impl<A: Hash + Eq + Clone> Limit<Option<A>> {
    /// Counts something wrong by whence it came. Beyond as many as are remembered, all others are
    /// counted as one: what is kept is bounded, whoever calls.
    fn count_wrong(&self, request: &HttpRequest, from: A) -> Result<(), ApiError> {
        if self.counters.len() >= KEPT {
            self.counters.retain_recent();
        }
        let full = self.counters.len() >= KEPT;
        self.count(request, &(!full).then_some(from))
    }
}

/// What a call left of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spent {
    name: &'static str,
    calls: u32,
    left: u32,
    /// Seconds until all of it is there again; where nothing is left, until the next call is taken.
    next: u64,
}

/// The limits that the configuration sets. They begin anew with each that it is given.
#[derive(Debug)]
pub struct Callers {
    /// Calls of one operator, by name.
    operators: Limit<String>,
    /// Calls of one resource server, by name.
    clients: Limit<String>,
}

impl Callers {
    /// With so many calls a minute each.
    pub fn new(operator: NonZeroU32, client: NonZeroU32, clock: &Clock) -> Self {
        Self {
            operators: Limit::new("operator", operator, clock),
            clients: Limit::new("client", client, clock),
        }
    }

    /// Counts a call of an operator, where calls are counted.
    pub fn operator(&self, request: &HttpRequest, name: &String) -> Result<(), ApiError> {
        if is_counted(request) {
            self.operators.count(request, name)?;
        }
        Ok(())
    }

    /// Counts a call of a resource server, where calls are counted.
    pub fn client(&self, request: &HttpRequest, name: &String) -> Result<(), ApiError> {
        if is_counted(request) {
            self.clients.count(request, name)?;
        }
        Ok(())
    }
}

/// The limits of what can be tried out.
#[derive(Debug)]
pub struct Tries {
    /// Claims by request, wrong ones and right ones apart: nobody's guesses keep the right verifier
    /// from its token.
    pub claims: Limit<(RequestNumber, bool)>,
    /// Rotations by the first credential of a line of successors: a holder that swaps each successor at
    /// once gets no further than one that swaps the same again and again.
    pub rotations: Limit<CredentialNumber>,
    /// Wrong codes by address and request; no number: something that is no number of a request.
    codes: Limit<Option<(IpAddr, Option<RequestNumber>)>>,
    /// Wrong tokens at the status page's door, by address.
    logins: Limit<Option<IpAddr>>,
    /// Wrong tokens of operators and wrong secrets of resource servers elsewhere, by address.
    strangers: Limit<Option<IpAddr>>,
}

impl Tries {
    /// Nothing tried yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            claims: Limit::new("claim", TRIES, clock),
            rotations: Limit::new("rotation", TRIES, clock),
            codes: Limit::new("wrong-code", TRIES, clock),
            logins: Limit::new("wrong-login", TRIES, clock),
            strangers: Limit::new("stranger", STRANGERS, clock),
        }
    }

    /// Counts a wrong code. Right ones are not for counting.
    pub fn wrong_code(
        &self,
        request: &HttpRequest,
        trusted: &BTreeSet<IpAddr>,
        number: Option<RequestNumber>,
    ) -> Result<(), ApiError> {
        let from = (network(request, trusted), number);
        self.codes.count_wrong(request, from)
    }

    /// Counts a wrong token at the status page's door.
    pub fn wrong_login(
        &self,
        request: &HttpRequest,
        trusted: &BTreeSet<IpAddr>,
    ) -> Result<(), ApiError> {
        self.logins.count_wrong(request, network(request, trusted))
    }

    /// Counts somebody whom nobody knows, where calls are counted.
    pub fn stranger(
        &self,
        request: &HttpRequest,
        trusted: &BTreeSet<IpAddr>,
    ) -> Result<(), ApiError> {
        if !is_counted(request) {
            return Ok(());
        }
        let from = network(request, trusted);
        self.strangers.count_wrong(request, from)
    }
}

/// Stands with a resource whose calls are counted by who makes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted;

/// Whether calls of this address are counted by who makes them.
fn is_counted(request: &HttpRequest) -> bool {
    request.app_data::<Counted>().is_some()
}

/// Writes what a call left of its limit into its answer, `RateLimit-Policy` and `RateLimit`.
pub async fn headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut answer = next.call(request).await?;
    let spent = answer.request().extensions().get::<Spent>().copied();
    if let Some(spent) = spent {
        let headers = [
            (
                HeaderName::from_static("ratelimit-policy"),
                format!("\"{}\";q={};w={WINDOW}", spent.name, spent.calls),
            ),
            (
                HeaderName::from_static("ratelimit"),
                format!("\"{}\";r={};t={}", spent.name, spent.left, spent.next),
            ),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers_mut().insert(name, value);
            }
        }
    }
    Ok(answer)
}

/// Whence a call comes: an address, or the network of 64 bits that it is in.
fn network(request: &HttpRequest, trusted: &BTreeSet<IpAddr>) -> IpAddr {
    match caller(request, trusted).to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// Who calls: the last address of `X-Forwarded-For` that no trusted proxy has, if a trusted proxy is
/// what is connected; the connection's address otherwise.
fn caller(request: &HttpRequest, trusted: &BTreeSet<IpAddr>) -> IpAddr {
    let peer = request.peer_addr().map_or_else(
        || IpAddr::from(Ipv6Addr::UNSPECIFIED),
        |address| address.ip().to_canonical(),
    );
    let forwarded = request.headers().get_all("X-Forwarded-For");
    let said: Vec<&str> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut caller = peer;
    for address in said.iter().rev() {
        if !trusted.contains(&caller) {
            break;
        }
        match address.parse::<IpAddr>() {
            Ok(address) => caller = address.to_canonical(),
            Err(_) => break,
        }
    }
    caller
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use actix_web::test::TestRequest;
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn clock() -> Clock {
        Clock::manual(Timestamp::UNIX_EPOCH)
    }

    fn pass(clock: &Clock, seconds: i64) {
        clock.advance(SignedDuration::from_secs(seconds));
    }

    fn from(address: &str) -> HttpRequest {
        let peer = format!("{address}:1").parse().unwrap();
        TestRequest::default().peer_addr(peer).to_http_request()
    }

    fn number(number: u64) -> Option<RequestNumber> {
        Some(RequestNumber(number))
    }

    #[test]
    fn five_wrong_codes_a_minute_are_answered_for_each_address_and_request() {
        let (clock, nobody) = (clock(), BTreeSet::new());
        let tries = Tries::new(&clock);
        let wrong = |address, of| tries.wrong_code(&from(address), &nobody, of);
        for _ in 0..5 {
            assert_eq!(wrong("192.0.2.1", number(1)), Ok(()));
        }
        assert_eq!(wrong("192.0.2.1", number(1)), Err(ApiError::TooMany(12)));
        assert_eq!(wrong("192.0.2.1", number(2)), Ok(()));
        assert_eq!(wrong("192.0.2.2", number(1)), Ok(()));
        pass(&clock, 11);
        assert_eq!(wrong("192.0.2.1", number(1)), Err(ApiError::TooMany(1)));
        // Five a minute come back one every twelve seconds; what was refused did not count.
        pass(&clock, 1);
        assert_eq!(wrong("192.0.2.1", number(1)), Ok(()));
        assert_eq!(wrong("192.0.2.1", number(1)), Err(ApiError::TooMany(12)));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let (clock, nobody) = (clock(), BTreeSet::new());
        let tries = Tries::new(&clock);
        let wrong = |address: &str| tries.wrong_login(&from(address), &nobody);
        for last in 0..5 {
            assert_eq!(wrong(&format!("[2001:db8:1:2::{last}]")), Ok(()));
        }
        let another = wrong("[2001:db8:1:2:ffff::1]");
        assert_eq!(another, Err(ApiError::TooMany(12)));
        assert_eq!(wrong("[2001:db8:1:3::1]"), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_who_comes_then_counts_as_one() {
        let (clock, nobody) = (clock(), BTreeSet::new());
        let tries = Tries::new(&clock);
        let wrong = |of| tries.wrong_code(&from("192.0.2.1"), &nobody, number(of));
        let kept = u64::try_from(KEPT).unwrap();
        for of in 0..kept {
            assert_eq!(wrong(of), Ok(()));
        }
        let beyond: Vec<bool> = (kept..kept + 7).map(|of| wrong(of).is_ok()).collect();
        assert_eq!(beyond, [true, true, true, true, true, false, false]);
        assert_eq!(tries.codes.counters.len(), KEPT + 1);
        pass(&clock, 120);
        assert_eq!(wrong(1), Ok(()));
        assert_eq!(tries.codes.counters.len(), 1, "old ones are forgotten");
    }

    #[test]
    fn the_headers_say_what_is_left_and_when_there_is_more() {
        let clock = clock();
        let limit = Limit::new("operator", NonZeroU32::new(120).unwrap(), &clock);
        let (spent, counted) = limit.spend(&"piotr");
        assert_eq!((spent.left, spent.next, counted), (119, 1, Ok(())));
        for _ in 0..119 {
            assert_eq!(limit.spend(&"piotr").1, Ok(()));
        }
        let (spent, refused) = limit.spend(&"piotr");
        assert_eq!((spent.left, spent.next), (0, 1));
        assert_eq!(refused, Err(ApiError::TooMany(1)));
        assert_eq!(limit.spend(&"alice").0.left, 119);
        pass(&clock, 30);
        let (spent, _) = limit.spend(&"piotr");
        assert_eq!((spent.left, spent.next), (59, 31));
    }

    #[test]
    fn a_clock_that_goes_back_forgives_nothing_and_breaks_nothing() {
        let clock = Clock::manual("2026-11-24T14:00:00Z".parse().unwrap());
        let limit = Limit::new("claim", TRIES, &clock);
        pass(&clock, -3600);
        for _ in 0..5 {
            assert_eq!(limit.spend(&1).1, Ok(()));
        }
        assert!(limit.spend(&1).1.is_err());
    }

    #[test]
    fn only_a_trusted_proxy_says_who_calls() {
        let trusted: BTreeSet<IpAddr> = [ip("127.0.0.1"), ip("10.0.0.1")].into();
        for (peer, headers, who) in [
            ("198.51.100.7:1", vec!["192.0.2.1"], "198.51.100.7"),
            ("127.0.0.1:1", vec![], "127.0.0.1"),
            ("127.0.0.1:1", vec!["192.0.2.1"], "192.0.2.1"),
            ("[::ffff:127.0.0.1]:1", vec!["192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1:1", vec!["192.0.2.9, 192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1:1", vec!["192.0.2.9", "192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1:1", vec!["192.0.2.1, 10.0.0.1"], "192.0.2.1"),
            ("127.0.0.1:1", vec!["192.0.2.1, unknown"], "127.0.0.1"),
        ] {
            let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
            for header in &headers {
                request = request.append_header(("X-Forwarded-For", *header));
            }
            let caller = caller(&request.to_http_request(), &trusted);
            assert_eq!(caller, ip(who), "{peer} {headers:?}");
        }
    }
}
