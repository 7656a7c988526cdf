//! The hidden marker behind every comment of the bot: HMAC(marker key, effect id ‖ hash of the body).
//!
//! By it the bot knows its own comments again after an ambiguous post. It is honoured only in
//! comments of the bot's own id; in anybody else's it counts for nothing.

use super::schedule::Id;
use crate::secret::pepper::Peppers;

const OPEN: &str = "\n<!-- ownergate.marker ";
const CLOSE: &str = " -->";

/// The text of an effect's id.
fn name((line, place): Id) -> String {
    format!("{line}.{place}")
}

/// A comment's text as it is sent: the body and its marker.
pub fn mark(peppers: &Peppers, effect: Id, body: &str) -> String {
    let name = name(effect);
    let marker = peppers.marker(&name, body);
    format!("{body}{OPEN}{name} {marker}{CLOSE}")
}

/// The effect whose valid marker a text carries.
pub fn read(peppers: &Peppers, text: &str) -> Option<Id> {
    let (body, marked) = text.rsplit_once(OPEN)?;
    let (name, marker) = marked.trim_end().strip_suffix(CLOSE)?.split_once(' ')?;
    let (line, place) = name.split_once('.')?;
    let effect = (line.parse().ok()?, place.parse().ok()?);
    let fits = name == self::name(effect) && peppers.verify_marker(name, body, marker);
    fits.then_some(effect)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::secret::file::SecretText;

    #[test]
    fn a_marker_fits_one_effect_and_one_body() {
        let peppers = Peppers::parse(&SecretText::new(&"ab".repeat(32)), None).unwrap();
        let other = Peppers::parse(&SecretText::new(&"cd".repeat(32)), None).unwrap();
        let text = mark(&peppers, (7, 1), "hello\n\n<!-- ownergate.v1 {} -->");
        assert_eq!(read(&peppers, &text), Some((7, 1)));
        assert_eq!(read(&other, &text), None);
        assert_eq!(read(&peppers, &text.replace("hello", "hallo")), None);
        assert_eq!(read(&peppers, &text.replace("7.1", "7.2")), None);
        assert_eq!(read(&peppers, "hello"), None);
    }
}
