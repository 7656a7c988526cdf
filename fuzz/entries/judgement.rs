//! Any text as a judge's comment: reading it never panics, and only one block between its markers is a
//! judgement.

use ownergate::gate::judgement::{Heard, read};

/// Reads it as it is, and as the block itself.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (begin, end) = ("<!-- openclaw.judge.v0 -->", "<!-- /openclaw.judge.v0 -->");
    for text in [text.to_string(), format!("{begin}\n{text}\n{end}")] {
        let once = text.matches(begin).count() == 1 && text.matches(end).count() == 1;
        match read(&text) {
            Some(Heard::Judgement(_)) => assert!(once, "{text:?}"),
            Some(Heard::Void(_)) => {}
            None => assert!(!text.contains(begin) && !text.contains(end)),
        }
    }
}
