//! The screen before everything else: secrets that somebody posts are taken out of a text.
//!
//! Invariant: what comes out holds no text of token form under this installation's prefix and no
//! secret age key, in whatever they are embedded and in whichever case they are written; what was
//! found is reported as MACs and public keys only. Being generous costs a few words of somebody's
//! text, being strict could leave a live token in it. The time grows with the length of the text
//! whatever it holds. Whether a token is live is for the caller to look up.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::pepper::Peppers;
use super::seal::AgeIdentity;
use super::token::{LONGEST_SLUG, RANDOM_HEX, TokenPrefix};
use crate::gate::ids::Mac;

/// What stands in the text where a token was.
pub const TOKEN_REMOVED: &str = "[token removed]";

/// What stands in the text where a secret age key was.
pub const AGE_KEY_REMOVED: &str = "[age key removed]";

/// How secret age keys begin, in lower case.
const AGE_KEY_START: &[u8] = b"age-secret-key-1";

/// Characters after the start of a plain secret age key: 52 of the key, 6 of its checksum.
const AGE_KEY_DATA: usize = 58;

/// Takes secrets out of texts.
#[derive(Clone, Debug)]
pub struct Screen {
    prefix: TokenPrefix,
    peppers: Arc<Peppers>,
}

/// A text without secrets, and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screened {
    /// The text that may be kept and shown.
    pub text: String,
    /// For each different text of token form: the MACs under which it may be stored, that of the
    /// current pepper first.
    pub macs: Vec<Vec<Mac>>,
    /// The public recipient (`age1…`) of each different secret age key that is whole.
    pub burnt_recipients: Vec<String>,
}

/// One secret in the text.
struct Finding {
    range: Range<usize>,
    replacement: &'static str,
}

impl Screen {
    /// A screen for the tokens of this installation.
    pub fn new(prefix: TokenPrefix, peppers: Arc<Peppers>) -> Self {
        Self { prefix, peppers }
    }

    /// Replaces every text of token form (any `{prefix}_{slug}_{64 hex}`, whatever stands before or
    /// behind it, in any case, its `_` also as `\_` or `%5F`) and every secret age key.
    pub fn screen(&self, text: &str) -> Screened {
        let mut findings = Vec::new();
        let macs = self.find_tokens(text, &mut findings);
        let burnt_recipients = find_age_keys(text, &mut findings);
        Screened {
            text: without(text, findings),
            macs,
            burnt_recipients,
        }
    }

    /// Finds tokens by their end, the 64 hex characters after a `_`, and reads back from there: each
    /// step back is bounded by the longest slug.
    fn find_tokens(&self, text: &str, findings: &mut Vec<Finding>) -> Vec<Vec<Mac>> {
        let bytes = text.as_bytes();
        let mut seen = BTreeSet::new();
        let mut macs = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            at += 1;
            let Some(separator) = separator_before(bytes, at) else {
                continue;
            };
            let Some(random) = bytes.get(at..at + RANDOM_HEX) else {
                break;
            };
            // Hex runs of different separators do not overlap, so no byte is looked at often.
            if !random.iter().all(u8::is_ascii_hexdigit) {
                continue;
            }
            let Some((start, slug)) = self.start_of_token(bytes, separator) else {
                continue;
            };
            let range = start..at + RANDOM_HEX;
            let token = self.canonical(&bytes[slug], random);
            // The first MAC stands for the token in the list of those already reported.
            let found = self.peppers.token_macs(&token);
            if found.first().is_some_and(|mac| seen.insert(mac.clone())) {
                macs.push(found);
            }
            findings.push(Finding {
                range,
                replacement: TOKEN_REMOVED,
            });
        }
        macs
    }

    /// Where the token begins whose last separator begins at `end`, and where its slug stands.
    fn start_of_token(&self, bytes: &[u8], end: usize) -> Option<(usize, Range<usize>)> {
        let mut slug_start = end;
        while end - slug_start < LONGEST_SLUG {
            // `%5F` ends like a slug: a separator is looked for before a character is taken.
            if separator_before(bytes, slug_start).is_some() {
                break;
            }
            let before = *bytes.get(slug_start.checked_sub(1)?)?;
            if !before.is_ascii_alphanumeric() && before != b'-' {
                return None;
            }
            slug_start -= 1;
        }
        let prefix_end = separator_before(bytes, slug_start)?;
        let start = prefix_end.checked_sub(self.prefix.as_str().len())?;
        let prefix = &bytes[start..prefix_end];
        let fits = slug_start < end && prefix.eq_ignore_ascii_case(self.prefix.as_str().as_bytes());
        fits.then_some((start, slug_start..end))
    }

    /// The token as it was minted: lower case, plain separators.
    fn canonical(&self, slug: &[u8], random: &[u8]) -> Zeroizing<String> {
        let prefix = self.prefix.as_str();
        let size = prefix.len() + slug.len() + random.len() + 2;
        let mut token = Zeroizing::new(String::with_capacity(size));
        token.push_str(prefix);
        for part in [slug, random] {
            token.push('_');
            token.extend(
                part.iter()
                    .map(|byte| char::from(byte.to_ascii_lowercase())),
            );
        }
        token
    }
}

/// Where the separator begins that ends at `end`: `_`, as Markdown escapes it (`\_`), or as a URL
/// does (`%5F`).
fn separator_before(bytes: &[u8], end: usize) -> Option<usize> {
    let before = bytes.get(..end)?;
    if before.ends_with(br"\_") {
        return Some(end - 2);
    }
    if before.ends_with(b"_") {
        return Some(end - 1);
    }
    let escaped = before.ends_with(b"%5F") || before.ends_with(b"%5f");
    escaped.then(|| end - 3)
}

/// Finds secret age keys in any case, whole or cut, and gives the public halves of the whole ones.
fn find_age_keys(text: &str, findings: &mut Vec<Finding>) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut recipients = Vec::new();
    let mut seen = BTreeSet::new();
    for (start, window) in bytes.windows(AGE_KEY_START.len()).enumerate() {
        if !window.eq_ignore_ascii_case(AGE_KEY_START) {
            continue;
        }
        let data = start + AGE_KEY_START.len();
        // A run cannot hold another start, which has dashes: no byte is walked over often.
        let run = bytes[data..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        if run == 0 {
            continue;
        }
        // Whatever is glued to the key goes with it; only its own characters are read.
        if let Some(recipient) = bytes.get(start..data + AGE_KEY_DATA).and_then(recipient_of)
            && seen.insert(recipient.clone())
        {
            recipients.push(recipient);
        }
        findings.push(Finding {
            range: start..data + run,
            replacement: AGE_KEY_REMOVED,
        });
    }
    recipients
}

/// The public half of a key in any case, if it is one.
fn recipient_of(key: &[u8]) -> Option<String> {
    let key = Zeroizing::new(key.to_ascii_uppercase());
    let identity = AgeIdentity::parse(std::str::from_utf8(&key).ok()?)?;
    Some(identity.recipient().to_string())
}

/// The text with every finding replaced; of findings that overlap, all of their text goes and the
/// first one names it.
fn without(text: &str, mut findings: Vec<Finding>) -> String {
    findings.sort_by_key(|finding| (finding.range.start, finding.range.end));
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for finding in findings {
        if finding.range.start >= copied {
            clean.push_str(&text[copied..finding.range.start]);
            clean.push_str(finding.replacement);
        }
        copied = copied.max(finding.range.end);
    }
    clean.push_str(&text[copied..]);
    clean
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;
    use crate::secret::file::SecretText;
    use crate::secret::seal::generate_age_identity;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn peppers() -> Arc<Peppers> {
        let current = SecretText::new(HEX);
        let previous = SecretText::new(&"ab".repeat(32));
        Arc::new(Peppers::parse(&current, Some(&previous)).unwrap())
    }

    fn screen() -> Screen {
        Screen::new(TokenPrefix::parse("og").unwrap(), peppers())
    }

    fn token() -> String {
        format!("og_codex-7f3a_{HEX}")
    }

    #[test]
    fn an_innocent_text_is_left_as_it_is() {
        for text in [
            "",
            "the token begins with og_ and has 64 hex characters",
            HEX,
            "og_codex-7f3a_0123",
            &format!("gh_codex_{HEX}"),
            &format!("og__{HEX}"),
            &format!("og_{HEX}"),
            &format!("_{HEX}"),
            &format!("og_{}_{HEX}", "a".repeat(41)),
            &format!("og_code x_{HEX}"),
            "age keys begin with AGE-SECRET-KEY-1… 🚀",
        ] {
            let screened = screen().screen(text);
            assert_eq!(screened.text, text);
            assert!(screened.macs.is_empty() && screened.burnt_recipients.is_empty());
        }
    }

    #[test]
    fn a_token_goes_whatever_it_is_glued_to() {
        let (token, upper) = (token(), token().to_uppercase());
        let markdown = token.replace('_', r"\_");
        let (url, small_url) = (token.replace('_', "%5F"), token.replace('_', "%5f"));
        let cases = [
            (token.clone(), "[token removed]"),
            (
                format!("mine: `{token}`, ok?"),
                "mine: `[token removed]`, ok?",
            ),
            (format!("xX9{token}abcXYZ_"), "xX9[token removed]abcXYZ_"),
            (format!("🚀{token}🚀"), "🚀[token removed]🚀"),
            (
                format!("https://x.example/?t={token}&u=1"),
                "https://x.example/?t=[token removed]&u=1",
            ),
            (format!("TOKEN={upper}"), "TOKEN=[token removed]"),
            (format!("a {markdown} b"), "a [token removed] b"),
            (format!("?t={url}&"), "?t=[token removed]&"),
            (format!("?t={small_url}&"), "?t=[token removed]&"),
            (format!("{token}{token}"), "[token removed][token removed]"),
            (format!("og_{token}"), "og_[token removed]"),
        ];
        for (text, clean) in cases {
            let screened = screen().screen(&text);
            assert_eq!(screened.text, clean, "{text}");
            assert_eq!(screened.macs, vec![peppers().token_macs(&token)], "{text}");
        }
    }

    #[test]
    fn each_different_token_is_reported_once() {
        let other = format!("og_a_{HEX}");
        let text = format!("{} {other} {}", token(), token());
        let screened = screen().screen(&text);
        assert_eq!(
            screened.text,
            "[token removed] [token removed] [token removed]"
        );
        assert_eq!(
            screened.macs,
            vec![peppers().token_macs(&token()), peppers().token_macs(&other)]
        );
    }

    #[test]
    fn a_secret_age_key_goes_in_any_case_and_burns_its_recipient() {
        let mixed: String = KEY
            .chars()
            .enumerate()
            .map(|(at, c)| {
                if at % 2 == 0 {
                    c.to_ascii_lowercase()
                } else {
                    c
                }
            })
            .collect();
        for (text, clean) in [
            (KEY.to_owned(), "[age key removed]"),
            (KEY.to_lowercase(), "[age key removed]"),
            (mixed, "[age key removed]"),
            (
                format!("# key\n{KEY}\nthere"),
                "# key\n[age key removed]\nthere",
            ),
            (format!("x{KEY}glued _"), "x[age key removed] _"),
            (format!("{KEY}{KEY}"), "[age key removed]"),
            (format!("AGE-SECRET-KEY-1{KEY}"), "[age key removed]"),
            (
                format!("{KEY} {KEY}"),
                "[age key removed] [age key removed]",
            ),
        ] {
            let screened = screen().screen(&text);
            assert_eq!(screened.text, clean, "{text}");
            assert_eq!(screened.burnt_recipients, vec![PUBLIC.to_owned()], "{text}");
        }
    }

    #[test]
    fn a_token_whose_slug_looks_like_a_key_goes_whole() {
        let token = format!("og_age-secret-key-1abc_{HEX}");
        let screened = screen().screen(&format!("a {token} b"));
        assert_eq!(screened.text, "a [token removed] b");
        assert_eq!(screened.macs, vec![peppers().token_macs(&token)]);
    }

    #[test]
    fn a_cut_key_goes_and_burns_nothing() {
        let screened = screen().screen(&KEY[..60]);
        assert_eq!(screened.text, "[age key removed]");
        assert!(screened.burnt_recipients.is_empty());
    }

    /// A megabyte of each takes a moment; looking at some byte again for each other byte would take
    /// hours, so that the generous limit cannot fail by a slow machine.
    #[test]
    fn a_hostile_megabyte_takes_a_moment() {
        let clock = Clock::system();
        for part in [
            "_",
            "og_",
            "og_a_",
            "%5F",
            r"\_",
            "0",
            "_0",
            "_%5f0",
            "a-",
            "AGE-SECRET-KEY-1",
            "AGE-SECRET-KEY-1Q",
            &format!("og_a_{}", &HEX[1..]),
            &format!("_{}", "a".repeat(40)),
            &token(),
            KEY,
            "🚀",
        ] {
            let text = part.repeat(1_000_000 / part.len());
            assert!(screen().screen(&text).text.len() <= text.len());
        }
        assert!(clock.monotonic().as_secs() < 60);
    }

    proptest! {
        #[test]
        fn a_token_never_comes_through(
            before in "\\PC{0,20}|[og_%5F\\\\0-9a-f]{0,70}",
            after in "\\PC{0,20}|[og_%5F\\\\0-9a-f]{0,70}",
            slug in "[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
            hex in "[0-9a-f]{64}",
            upper in any::<bool>(),
        ) {
            let token = format!("og_{slug}_{hex}");
            let shown = if upper { token.to_uppercase() } else { token.clone() };
            let screened = screen().screen(&format!("{before}{shown}{after}"));
            prop_assert!(!screened.text.to_lowercase().contains(&hex));
            prop_assert!(screened.macs.contains(&peppers().token_macs(&token)));
        }

        #[test]
        fn a_key_never_comes_through(
            before in "\\PC{0,20}|[AGESCRTKY1-]{0,40}",
            after in "\\PC{0,20}",
            lower in any::<bool>(),
        ) {
            let (secret, recipient) = generate_age_identity();
            let key = if lower { secret.expose().to_lowercase() } else { secret.expose().to_owned() };
            let screened = screen().screen(&format!("{before}{key}{after}"));
            prop_assert!(!screened.text.contains(&key[20..40]));
            prop_assert!(screened.burnt_recipients.contains(&recipient.to_string()));
        }

        #[test]
        fn any_text_is_survived_and_screening_again_changes_nothing(
            text in "(?:\\PC|og_|_|%5F|[0-9a-f]{64}|AGE-SECRET-KEY-1|\u{202e}){0,30}",
        ) {
            let once = screen().screen(&text).text;
            let twice = screen().screen(&once);
            prop_assert_eq!(&twice.text, &once);
            prop_assert!(twice.macs.is_empty() && twice.burnt_recipients.is_empty());
        }
    }
}
