//! The code: the first 60 bits of a digest as 12 Crockford base-32 characters, `7Q4K-9MZT-0XHV`.
//!
//! It is read the way Crockford meant it: any case, dashes optional, O is 0, I and L are 1. It is
//! not a secret: it binds an approval to one digest and shows that the request was looked at.

use std::fmt;

use super::ids::Hash;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code in its plain form: 12 characters of the alphabet, without dashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The code of a digest.
    pub fn of(digest: &Hash) -> Self {
        let head = u64::from_str_radix(digest.as_str().get(..16).unwrap_or("0"), 16).unwrap_or(0);
        let bits = head >> 4;
        let characters = (0..12).rev().map(|place| {
            let index = usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0);
            char::from(ALPHABET[index])
        });
        Self(characters.collect())
    }

    /// Reads a code as people type it; `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut plain = String::with_capacity(12);
        for character in text.chars().filter(|character| *character != '-') {
            let character = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if !u8::try_from(character).is_ok_and(|byte| ALPHABET.contains(&byte)) {
                return None;
            }
            plain.push(character);
        }
        (plain.len() == 12).then_some(Self(plain))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", &self.0[..4], &self.0[4..8], &self.0[8..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_first_sixty_bits_of_the_digest() {
        let zeros = Hash::of(b"x");
        let code = Code::of(&zeros);
        // SHA-256("x") = 2d711642b726b044…: 00101 10101 11000 10001 01100 10000 10101 10111 …
        assert_eq!(code.to_string(), "5NRH-CGNQ-4TR4");
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::parse("7Q4K-9MZT-0XH1").map(|code| code.to_string());
        for typed in ["7q4k9mztoxhl", "7Q4K9MZT0XH1", "7q4k-9mzt-OxhI"] {
            assert_eq!(
                Code::parse(typed).map(|code| code.to_string()),
                code,
                "{typed}"
            );
        }
        for bad in [
            "",
            "7Q4K-9MZT-0XH",
            "7Q4K-9MZT-0XHVV",
            "7Q4K-9MZT-0XHU",
            "7Q4K 9MZT 0XHV",
        ] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }
}
