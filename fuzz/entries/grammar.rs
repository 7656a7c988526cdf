//! Any text as a comment: reading it never panics, and only a plain line at its very beginning widens.

use ownergate::gate::command::{Command, Reading, less, one_line, read, read_issue};
use ownergate::gate::event::Spoken;
use ownergate::gate::ids::Hash;

/// Reads it as a comment, as an issue's body and as it waits in the inbox.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let reading = read(&text);
    assert_eq!(reading, read(&text), "the same text is the same command");
    if let Reading::Command(command) = &reading {
        if command.widens() {
            let line = text.lines().next().unwrap_or("");
            let head = format!("/gate {}", command.verb());
            assert!(line.starts_with(&head), "{text:?}");
            assert!(
                line.bytes()
                    .all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r'))
            );
        }
        assert!(!(command.widens() && command.narrows()));
    }
    if let Reading::Command(Command::Narrow(words)) = &reading {
        let _ = less(&words.after(1));
    }
    if let Reading::Command(command) = read_issue(&text) {
        assert_eq!(command.verb(), "request");
    }
    let spoken = Spoken::new(1, None, &text, Hash::of(text.as_bytes()));
    if let Reading::Command(command) = spoken.reading() {
        assert!(
            !(spoken.cut && command.widens()),
            "cut off, it widens nothing"
        );
    }
    assert!(one_line(&text, 200).chars().count() <= 200);
}
