//! Any bytes as a line of the journal: reading them never panics, and what is read is what is written.

use ownergate::store::{Header, Line};
use sha2::{Digest, Sha256};

/// Reads it as it is, and with a check that fits it.
pub(crate) fn run(data: &[u8]) {
    let _ = (Line::decode(data), Header::decode(data));
    // Nobody meets a check by chance: what is behind it is reached only with the right one.
    let body = data.strip_suffix(b"}").unwrap_or(data);
    let check = hex::encode(&Sha256::digest(body)[..8]);
    let whole = [body, b",\"check\":\"", check.as_bytes(), b"\"}"].concat();
    if let Ok(line) = Line::decode(&whole) {
        let written = line.encode().expect("a line can be written");
        assert_eq!(Line::decode(&written).as_ref(), Ok(&line));
    }
    if let Ok(header) = Header::decode(&whole) {
        let written = header.encode().expect("a header can be written");
        assert_eq!(Header::decode(&written).as_ref(), Ok(&header));
    }
}
