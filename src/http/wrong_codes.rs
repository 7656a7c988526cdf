//! Wrong codes, counted by address and request: who guesses is told so after five in a minute.
//!
//! Invariant: a right code is never counted and never refused; what is kept is bounded, whoever
//! calls. Addresses are those of the connection, or of `X-Forwarded-For` where a trusted proxy says
//! so; a network of IPv6 counts as one, since a caller has all of it.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;

/// Wrong codes that are answered, in the time of `WINDOW`.
const MOST: usize = 5;
/// How long one is remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// The most pairs of address and request that are remembered.
const KEPT: usize = 4096;

/// Who guesses at what; `None`: something that is no number of a request.
type Guess = (IpAddr, Option<u64>);

/// Counts wrong codes.
#[derive(Debug, Default)]
pub struct WrongCodes(Mutex<HashMap<Guess, Vec<Duration>>>);

impl WrongCodes {
    /// Counts one, at a time of the monotonic clock; true if it is one too many.
    pub fn too_many(&self, address: IpAddr, request: Option<u64>, now: Duration) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let guess = (network(address), request);
        let is_recent = |at: &Duration| now.saturating_sub(*at) < WINDOW;
        if all.len() >= KEPT && !all.contains_key(&guess) {
            all.retain(|_, times| times.iter().any(is_recent));
            // Still full: whoever was wrong longest ago begins anew.
            let oldest = all.iter().min_by_key(|(_, times)| times.last().copied());
            if let Some(oldest) = oldest
                .map(|(guess, _)| *guess)
                .filter(|_| all.len() >= KEPT)
            {
                all.remove(&oldest);
            }
        }
        let times = all.entry(guess).or_default();
        times.retain(is_recent);
        if times.len() >= MOST {
            return true;
        }
        times.push(now);
        false
    }
}

/// An address, or the network of 64 bits that it is in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// Who calls: the last address of `X-Forwarded-For` that no trusted proxy has, if a trusted proxy is
/// what is connected; the connection's address otherwise.
pub(super) fn caller(request: &HttpRequest, trusted: &BTreeSet<IpAddr>) -> IpAddr {
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

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_a_minute_are_answered_for_each_address_and_request() {
        let wrong = WrongCodes::default();
        for second in 0..5 {
            assert!(!wrong.too_many(ip("192.0.2.1"), Some(1), at(second)));
        }
        assert!(wrong.too_many(ip("192.0.2.1"), Some(1), at(5)));
        assert!(!wrong.too_many(ip("192.0.2.1"), Some(2), at(5)));
        assert!(!wrong.too_many(ip("192.0.2.2"), Some(1), at(5)));
        assert!(wrong.too_many(ip("192.0.2.1"), Some(1), at(59)));
        // The first one is a minute old; what was refused did not count.
        assert!(!wrong.too_many(ip("192.0.2.1"), Some(1), at(60)));
        assert!(wrong.too_many(ip("192.0.2.1"), Some(1), at(60)));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let wrong = WrongCodes::default();
        for last in 0..5 {
            let address = ip(&format!("2001:db8:1:2::{last}"));
            assert!(!wrong.too_many(address, None, at(0)));
        }
        assert!(wrong.too_many(ip("2001:db8:1:2:ffff::1"), None, at(0)));
        assert!(!wrong.too_many(ip("2001:db8:1:3::1"), None, at(0)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let wrong = WrongCodes::default();
        for number in 0..(KEPT as u64 + 100) {
            assert!(!wrong.too_many(ip("192.0.2.1"), Some(number), at(number / 1000)));
        }
        assert_eq!(wrong.0.lock().unwrap().len(), KEPT);
        assert!(!wrong.too_many(ip("192.0.2.1"), Some(u64::MAX), at(1000)));
        assert_eq!(wrong.0.lock().unwrap().len(), 1, "old ones are forgotten");
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
