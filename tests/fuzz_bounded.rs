//! What foreign bytes can do to what reads them: the fuzz targets of fuzz/, fed with a bounded number of
//! inputs that are the same in every run. They are made from the corpus by small changes; no input
//! makes a reader panic or believe what it must not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

#[path = "../fuzz/entries/claim_body.rs"]
mod claim_body;
#[path = "../fuzz/entries/grammar.rs"]
mod grammar;
#[path = "../fuzz/entries/journal_line.rs"]
mod journal_line;
#[path = "../fuzz/entries/judgement.rs"]
mod judgement;
#[path = "../fuzz/entries/payload.rs"]
mod payload;
#[path = "../fuzz/entries/sshsig.rs"]
mod sshsig;

/// Inputs for each target.
const INPUTS: usize = 2_000;
/// The longest input that is changed further, in bytes.
const LONGEST: usize = 64 * 1024;

/// Pieces that readers look for.
const PIECES: [&[u8]; 16] = [
    b"/gate ",
    b"\n\n```\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"{",
    b"}]",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"<!-- openclaw.judge.v0 -->",
    b"-----BEGIN SSH SIGNATURE-----",
    b"%00&verifier=",
];

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % limit.max(1)
    }
}

/// The corpus of a target, in the order of its names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let entries = std::fs::read_dir(folder.join(target)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no corpus");
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// One small change.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    let place = dice.below(input.len() + 1);
    let rest = input.len() - place;
    match dice.below(8) {
        0 if rest > 0 => input[place] ^= 1 << dice.below(8),
        1 if rest > 0 => drop(input.remove(place)),
        2 => input.insert(place, u8::try_from(dice.below(256)).unwrap()),
        3 => input.truncate(place),
        4 => {
            let piece = PIECES[dice.below(PIECES.len())];
            input.splice(place..place, piece.iter().copied());
        }
        5 => {
            let other = &corpus[dice.below(corpus.len())];
            let from = dice.below(other.len());
            input.splice(place.., other[from..].iter().copied());
        }
        6 => {
            let length = dice.below(rest.min(64) + 1);
            drop(input.drain(place..place + length));
        }
        _ => {
            let length = dice.below(rest.min(64) + 1);
            let again = input[place..place + length].repeat(1 + dice.below(4));
            input.splice(place..place, again);
        }
    }
    input.truncate(LONGEST);
}

fn feed(target: &str, run: fn(&[u8])) {
    let corpus = corpus(target);
    let mut dice = Dice(0x0001_d872_b41c_2f05);
    for whole in &corpus {
        run(whole);
    }
    run(b"");
    for _ in 0..INPUTS {
        let mut input = corpus[dice.below(corpus.len())].clone();
        for _ in 0..=dice.below(6) {
            change(&mut input, &corpus, &mut dice);
        }
        let shown = String::from_utf8_lossy(&input).into_owned();
        let ended = std::panic::catch_unwind(|| run(&input));
        assert!(ended.is_ok(), "{target} panics at {shown:?}");
    }
}

#[test]
fn any_text_as_a_comment() {
    feed("grammar", grammar::run);
}

#[test]
fn any_bytes_as_a_delivery() {
    feed("payload", payload::run);
}

#[test]
fn any_bytes_as_a_line_of_the_journal() {
    feed("journal_line", journal_line::run);
}

#[test]
fn any_text_as_an_armored_signature() {
    feed("sshsig", sshsig::run);
}

#[test]
fn any_text_as_a_judgement() {
    feed("judgement", judgement::run);
}

#[test]
fn any_bytes_as_the_body_of_a_claim() {
    feed("claim_body", claim_body::run);
}
