//! Text that people wrote on the forge, kept apart from text that may be shown or stored.
//!
//! A comment can hold a live token or a secret key, so a `Foreign` shows its length only. Whoever
//! calls `expose` screens what comes out for such text before an event, a record, a log line or a
//! reply is made of it. Nothing here screens: that needs the pepper, which this folder never sees.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// The most bytes of one body that are kept when it is read from the forge. A longer one is only
/// counted: the requester decides how long the bodies of a thread are.
pub const KEPT_BODY: usize = 64 * 1024;

/// A text written by somebody else; see the page's rule for `expose`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Foreign(String);

impl Foreign {
    /// Wraps a text that somebody else wrote.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, unscreened: it may hold a live token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Foreign({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Foreign {
    /// A string; `null` is the empty text, as the forge means it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(Self(text.unwrap_or_default()))
    }
}

/// The body of a comment or issue as it was read, or only its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// At most [`KEPT_BODY`] bytes, whole.
    Text(Foreign),
    /// Longer than that, and not kept.
    TooLarge {
        /// The length of the text in UTF-8.
        bytes: usize,
    },
}

impl Body {
    /// The text, if it was kept.
    pub fn text(&self) -> Option<&Foreign> {
        match self {
            Self::Text(text) => Some(text),
            Self::TooLarge { .. } => None,
        }
    }

    fn of(text: &str) -> Self {
        if text.len() > KEPT_BODY {
            Self::TooLarge { bytes: text.len() }
        } else {
            Self::Text(Foreign::new(text))
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(Foreign::default())
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

/// Looks at a borrowed text, so that a body too large is never copied.
struct BodyVisitor;

impl de::Visitor<'_> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Body, E> {
        Ok(Body::of(text))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Body, E> {
        Ok(Body::default())
    }
}

/// `null` and a missing key are the type's default, for fields of which nothing depends.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Makes one line of a text from outside, fit for a log or a terminal: control, bidirectional and
/// invisible characters are escaped and only the first `limit` characters are kept.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            line.push('…');
            break;
        }
        if hidden(character) {
            line.extend(character.escape_unicode());
        } else {
            line.push(character);
        }
    }
    line
}

/// Why a JSON text does not have the form that was expected, without any value of it: the parser's
/// own message quotes what it found, and that may be a token.
pub(crate) fn json_cause(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let names_a_field = ["missing field `", "duplicate field `"]
        .iter()
        .any(|start| message.starts_with(start));
    if names_a_field {
        return message;
    }
    format!(
        "unexpected form at line {} column {}",
        error.line(),
        error.column()
    )
}

fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_and_not_the_text() {
        let foreign = Foreign::new("og_codex_secret");
        assert_eq!(format!("{foreign:?}"), "Foreign(15 bytes)");
        assert_eq!(
            format!("{:?}", Body::Text(foreign)),
            "Text(Foreign(15 bytes))"
        );
    }

    #[test]
    fn a_body_is_kept_up_to_the_limit_and_counted_beyond() {
        let read = |text: &str| -> Body {
            serde_json::from_str(&serde_json::to_string(text).unwrap()).unwrap()
        };
        let longest = "a".repeat(KEPT_BODY);
        assert_eq!(read(&longest), Body::Text(Foreign::new(longest.clone())));
        // Six bytes each on the wire, one each as text: the text counts.
        let escaped = format!("\"{}\"", "\\u003c".repeat(KEPT_BODY));
        assert!(
            serde_json::from_str::<Body>(&escaped)
                .unwrap()
                .text()
                .is_some()
        );
        assert_eq!(
            read(&format!("{longest}a")),
            Body::TooLarge {
                bytes: KEPT_BODY + 1
            }
        );
        assert_eq!(
            serde_json::from_str::<Body>("null").unwrap(),
            Body::default()
        );
        assert!(serde_json::from_str::<Body>("7").is_err());
    }

    #[test]
    fn a_line_for_a_log_has_no_control_characters_and_an_end() {
        assert_eq!(
            one_line("a\u{1b}[31m\r\nb\u{202e}\u{2028}\u{1f680}", 100),
            "a\\u{1b}[31m\\u{d}\\u{a}b\\u{202e}\\u{2028}\u{1f680}"
        );
        assert_eq!(
            one_line("\u{1f680}\u{1f680}\u{1f680}", 2),
            "\u{1f680}\u{1f680}…"
        );
    }
}
