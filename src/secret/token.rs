//! The token: `{prefix}_{slug}_{64 hex}`, 256 random bits from the operating system.
//!
//! Invariant: a raw token lives in one buffer that is wiped when it is dropped; it cannot be
//! cloned, displayed or serialized, and its `Debug` tells nothing. The slug in it is a label: what
//! a token may do comes from the record that its MAC finds.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::gate::ids::Slug;

/// Hex characters of the random part.
pub const RANDOM_HEX: usize = 64;

/// Most characters of a prefix.
pub const LONGEST_PREFIX: usize = 8;

/// Most characters of a slug.
pub const LONGEST_SLUG: usize = 40;

/// What tokens of this installation begin with: 1 to 8 characters, `[a-z][a-z0-9]*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPrefix(String);

impl TokenPrefix {
    /// Checks the form; `None` if it is no prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_PREFIX).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token in the clear, between its minting and its sealing or between its opening and its use.
pub struct RawToken(Zeroizing<String>);

impl RawToken {
    /// Takes a text that is a token of any installation and nothing else; `None` otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let prefix = TokenPrefix::parse(text.split('_').next()?)?;
        parse_token(&prefix, text)?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }

    /// The token itself, for the MAC, the seal and its holder.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RawToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawToken([REDACTED])")
    }
}

/// The operating system gave no random bytes: nothing can be minted.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct NoRandomness(String);

/// Makes a new token.
pub fn mint(prefix: &TokenPrefix, slug: &Slug) -> Result<RawToken, NoRandomness> {
    let random = random_hex()?;
    let (prefix, slug) = (prefix.as_str(), slug.as_str());
    // Of full size from the start: a growing buffer would leave a copy behind.
    let size = prefix.len() + slug.len() + RANDOM_HEX + 2;
    let mut token = Zeroizing::new(String::with_capacity(size));
    for part in [prefix, "_", slug, "_", &random] {
        token.push_str(part);
    }
    Ok(RawToken(token))
}

/// 32 bytes from the operating system as 64 lower-case hex characters.
pub fn random_hex() -> Result<Zeroizing<String>, NoRandomness> {
    let bytes = random::<{ RANDOM_HEX / 2 }>()?;
    let mut digits = Zeroizing::new([0_u8; RANDOM_HEX]);
    hex::encode_to_slice(bytes.as_slice(), digits.as_mut_slice())
        .expect("each byte has two digits");
    let text = std::str::from_utf8(digits.as_slice()).expect("hex digits are ASCII");
    Ok(Zeroizing::new(text.to_owned()))
}

/// Bytes from the operating system.
pub fn random<const COUNT: usize>() -> Result<Zeroizing<[u8; COUNT]>, NoRandomness> {
    let mut bytes = Zeroizing::new([0_u8; COUNT]);
    SysRng
        .try_fill_bytes(bytes.as_mut_slice())
        .map_err(|fault| NoRandomness(fault.to_string()))?;
    Ok(bytes)
}

/// What can be read off a token.
#[derive(Debug, PartialEq, Eq)]
pub struct TokenParts {
    /// The label of the identity that it was issued to; no proof of anything.
    pub slug: Slug,
}

/// Takes a token apart, from the right: a slug has no `_`. `None` if the text is no token with this
/// prefix.
pub fn parse_token(prefix: &TokenPrefix, text: &str) -> Option<TokenParts> {
    let (rest, random) = text.rsplit_once('_')?;
    let (found, slug) = rest.rsplit_once('_')?;
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits =
        found == prefix.as_str() && random.len() == RANDOM_HEX && random.bytes().all(lower_hex);
    if !fits {
        return None;
    }
    Slug::parse(slug).map(|slug| TokenParts { slug })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> TokenPrefix {
        TokenPrefix::parse(text).unwrap()
    }

    #[test]
    fn a_minted_token_has_the_form_and_no_two_are_equal() {
        let slug = Slug::parse("codex-7f3a").unwrap();
        let one = mint(&prefix("og"), &slug).unwrap();
        let two = mint(&prefix("og"), &slug).unwrap();
        assert_eq!(parse_token(&prefix("og"), one.expose()).unwrap().slug, slug);
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 2 + 1 + 10 + 1 + 64);
    }

    #[test]
    fn what_is_almost_a_token_is_none() {
        let hex = "0123456789abcdef".repeat(4);
        let good = format!("og_codex-7f3a_{hex}");
        assert!(parse_token(&prefix("og"), &good).is_some());
        let upper = hex.to_uppercase();
        let bad = [
            String::new(),
            "__".to_owned(),
            "ög_ä_é".to_owned(),
            format!("og_codex-7f3a_{upper}"),
            format!("og_codex-7f3a_{}", &hex[1..]),
            format!("og_codex-7f3a_{hex}0"),
            format!("og_-codex_{hex}"),
            format!("og_codex-_{hex}"),
            format!("og__{hex}"),
            format!("og_Codex_{hex}"),
            format!("og_a_b_{hex}"),
            format!("og_{}_{hex}", "a".repeat(41)),
            format!("gh_codex_{hex}"),
            format!("xog_codex_{hex}"),
            format!(" {good}"),
            format!("{good}\n"),
        ];
        for text in bad {
            assert_eq!(parse_token(&prefix("og"), &text), None, "{text:?}");
        }
    }

    #[test]
    fn prefixes_have_one_form() {
        for good in ["o", "og", "o9", "abcdefgh"] {
            assert!(TokenPrefix::parse(good).is_some(), "{good}");
        }
        for bad in ["", "9o", "Og", "o_g", "o-g", "abcdefghi", "ö"] {
            assert!(TokenPrefix::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_of_any_installation_is_taken_and_nothing_beside_it() {
        let token = format!("kan9_a_{}", "0".repeat(64));
        assert_eq!(RawToken::parse(&token).unwrap().expose(), token);
        assert!(RawToken::parse(&format!("{token}\n")).is_none());
        assert!(RawToken::parse(&format!("Kan9_a_{}", "0".repeat(64))).is_none());
        assert!(RawToken::parse("").is_none());
    }

    #[test]
    fn debug_tells_nothing() {
        let slug = Slug::parse("a").unwrap();
        let token = mint(&prefix("og"), &slug).unwrap();
        assert_eq!(format!("{token:?}"), "RawToken([REDACTED])");
    }

    /// The rule in `deploy/gitleaks.toml`.
    fn scanner() -> regex::Regex {
        let rules: toml::Table = include_str!("../../deploy/gitleaks.toml").parse().unwrap();
        let rules = rules["rules"].as_array().unwrap();
        let [rule] = &rules[..] else {
            panic!("one rule")
        };
        assert_eq!(
            rule["keywords"].as_array().unwrap()[0].as_str(),
            Some("og_")
        );
        regex::Regex::new(rule["regex"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_rule_for_scanners_finds_tokens_wherever_they_stand() {
        let scanner = scanner();
        for label in ["a", "codex-7f3a", &"a".repeat(LONGEST_SLUG)] {
            let token = mint(&prefix("og"), &Slug::parse(label).unwrap()).unwrap();
            let token = token.expose();
            for text in [
                token.to_owned(),
                format!("Authorization: Bearer {token}\n"),
                format!("TOKEN=\"{token}\""),
                format!("https://user:{token}@host/"),
                format!("{{\"token\":\"{token}\",\"a\":1}}"),
            ] {
                let found = scanner.find(&text).unwrap();
                assert_eq!(found.as_str(), token, "{text}");
            }
        }
    }

    #[test]
    fn the_rule_for_scanners_finds_nothing_that_is_no_token() {
        let scanner = scanner();
        let hex = "0f".repeat(32);
        for text in [
            format!("og_codex_{}", &hex[1..]),
            format!("og_codex_{hex}0"),
            format!("og_codex_{hex}_"),
            format!("og_codex_{}", hex.to_uppercase()),
            format!("og__{hex}"),
            format!("og_-codex_{hex}"),
            format!("og_codex-_{hex}"),
            format!("og_{}_{hex}", "a".repeat(LONGEST_SLUG + 1)),
            format!("blog_codex_{hex}"),
            format!("gh_codex_{hex}"),
            format!("og-codex-{hex}"),
            hex.clone(),
        ] {
            assert!(scanner.find(&text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_rule_for_scanners_finds_every_token(
            label in "[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
        ) {
            let slug = Slug::parse(&label).unwrap();
            let token = mint(&prefix("og"), &slug).unwrap();
            let text = format!("let token = '{}';", token.expose());
            prop_assert_eq!(scanner().find(&text).unwrap().as_str(), token.expose());
        }

        #[test]
        fn every_prefix_and_slug_can_be_read_back(
            head in "[a-z][a-z0-9]{0,7}",
            label in "[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
        ) {
            let slug = Slug::parse(&label).unwrap();
            let token = mint(&prefix(&head), &slug).unwrap();
            prop_assert_eq!(parse_token(&prefix(&head), token.expose()).unwrap().slug, slug);
            prop_assert!(RawToken::parse(token.expose()).is_some());
        }

        #[test]
        fn any_text_at_all_is_survived(text in any::<String>()) {
            parse_token(&prefix("og"), &text);
            RawToken::parse(&text);
        }
    }
}
