//! Reading the journal from end to end: is the chain whole, where does it break, what comes after.
//!
//! Every line's hash is compared with the `prev` of the next, and the last line with its own check,
//! so that one pass over the bytes finds any that changed. It reads and never writes; what a break
//! means is decided elsewhere (`judge.rs`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::OpenError;
use super::line::{self, Digest32, Header, Line, Link, NOTHING_BEFORE};
use super::lines::{Lines, Raw};
use super::progress::Progress;

/// A file of the journal.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    /// Its length when it was looked at.
    pub(super) bytes: u64,
    /// The number of its first line.
    pub(super) first: u64,
    /// The format of its lines.
    pub(super) format: u32,
}

/// The last good commit.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) seq: u64,
    pub(super) hash: Digest32,
    pub(super) time: Timestamp,
    pub(super) policy: String,
}

/// The first bad line.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    /// Which of the segments, counted from zero.
    pub(super) index: usize,
    pub(super) path: PathBuf,
    /// The line in it; the header is 1.
    pub(super) line: u64,
    /// Where it begins.
    pub(super) offset: u64,
    /// The number that it should have.
    pub(super) seq: u64,
    pub(super) why: String,
    /// It looks as a write does that the power cut: not ended, or with zeros in it.
    pub(super) torn: bool,
    /// A later line can be read and belongs to another batch.
    pub(super) followed: bool,
}

/// What a pass over the journal found.
#[derive(Clone, Debug, Default)]
pub(super) struct Scanned {
    pub(super) segments: Vec<Segment>,
    pub(super) last: Option<Last>,
    pub(super) bad: Option<Bad>,
    /// Whose journal it is, as its first segment says.
    pub(super) installation: Option<String>,
    /// Good lines.
    pub(super) lines: u64,
    /// Batches of good lines.
    pub(super) batches: u64,
}

impl Scanned {
    /// The number of the last good commit; 0 if there is none.
    pub(super) fn end(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.seq)
    }

    /// The format of the newest segment; `None` without one.
    pub(super) fn format(&self) -> Option<u32> {
        self.segments.last().map(|segment| segment.format)
    }

    /// The hash of the last good commit.
    pub(super) fn end_hash(&self) -> Digest32 {
        self.last.as_ref().map_or(NOTHING_BEFORE, |last| last.hash)
    }
}

/// Reads the whole journal, which may be in every format up to the newest known.
pub(super) fn scan(
    directory: &Path,
    newest_format: u32,
    progress: &Progress,
) -> Result<Scanned, OpenError> {
    let files = list(directory)?;
    progress.enter(
        "reading the journal",
        files.iter().map(|(_, _, bytes)| bytes).sum(),
    );
    let mut pass = Pass {
        scanned: Scanned::default(),
        pending: None,
        before: NOTHING_BEFORE,
        seq: 0,
        batch: 0,
        known: newest_format,
        format: 0,
    };
    for (index, (number, path, bytes)) in files.iter().enumerate() {
        let end = pass
            .segment(index, *number, path, *bytes, progress)
            .map_err(|error| OpenError::io("read", path, error))?;
        match end {
            End::Good => {}
            End::Newer(found) => {
                return Err(OpenError::NewerFormat {
                    segment: path.clone(),
                    found,
                    known: newest_format,
                });
            }
            End::Bad(mut bad) => {
                bad.followed = followed(&bad, &files)?;
                pass.scanned.bad = Some(bad);
                return Ok(pass.finish());
            }
        }
    }
    pass.scanned.bad = pass.last_is_bad();
    Ok(pass.finish())
}

/// The journal's files in order: number, path, length.
pub(super) fn list(directory: &Path) -> Result<Vec<(u64, PathBuf, u64)>, OpenError> {
    let refused = |error| OpenError::io("list", directory, error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(refused)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(|name| name.strip_suffix(".jsonl")) else {
            continue;
        };
        if number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = number.parse().unwrap_or(0);
            files.push((
                number,
                entry.path(),
                entry.metadata().map_err(refused)?.len(),
            ));
        }
    }
    files.sort();
    Ok(files)
}

/// The name of a segment.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:08}.jsonl")
}

enum End {
    Good,
    Newer(u32),
    Bad(Bad),
}

/// A line whose bytes nothing has confirmed yet.
struct Pending {
    place: Place,
    bytes: Vec<u8>,
    link: Link,
    hash: Digest32,
}

/// Where a line stands.
#[derive(Clone)]
struct Place {
    index: usize,
    path: PathBuf,
    line: u64,
    offset: u64,
}

struct Pass {
    scanned: Scanned,
    pending: Option<Pending>,
    /// The hash of the line before the next one.
    before: Digest32,
    /// The number of the line before the next one.
    seq: u64,
    batch: u64,
    /// The newest format that can be read.
    known: u32,
    /// The format of the segment that is being read.
    format: u32,
}

impl Pass {
    fn segment(
        &mut self,
        index: usize,
        number: u64,
        path: &Path,
        bytes: u64,
        progress: &Progress,
    ) -> io::Result<End> {
        let mut reader = Lines::open(path)?;
        let mut place = Place {
            index,
            path: path.to_owned(),
            line: 1,
            offset: 0,
        };
        let end = self.header(&place, number, reader.next()?, bytes);
        if !matches!(end, End::Good) {
            return Ok(end);
        }
        loop {
            place.line += 1;
            place.offset = reader.offset;
            let Some(raw) = reader.next()? else {
                return Ok(End::Good);
            };
            progress.advance(raw.bytes.len() as u64 + 1);
            let end = self.line(&place, raw);
            if !matches!(end, End::Good) {
                return Ok(end);
            }
        }
    }

    fn header(&mut self, place: &Place, number: u64, raw: Option<Raw<'_>>, bytes: u64) -> End {
        let expected = place.index as u64 + 1;
        if number != expected {
            return self.bad(
                place,
                format!("{} is missing before it", file_name(expected)),
                false,
            );
        }
        let raw = raw.unwrap_or(Raw {
            bytes: b"",
            ended: false,
        });
        let header = match Header::decode(raw.bytes) {
            _ if !raw.ended => return self.bad(place, "its header is not ended".to_owned(), true),
            Err(why) => return self.bad(place, why, raw.torn()),
            Ok(header) if header.format > self.known => return End::Newer(header.format),
            Ok(header) => header,
        };
        // The last line of a finished segment is confirmed by the header that follows it.
        if header.prev != hex::encode(self.before) {
            return self.blame(place, "it does not follow the line before");
        }
        if header.first != self.seq + 1 {
            return self.bad(
                place,
                format!("it begins at {}, not at {}", header.first, self.seq + 1),
                false,
            );
        }
        let owner = self
            .scanned
            .installation
            .get_or_insert(header.installation.clone());
        if *owner != header.installation {
            return self.bad(
                place,
                "it belongs to another installation".to_owned(),
                false,
            );
        }
        if header.format < self.format.max(1) {
            return self.bad(
                place,
                "its format is older than the one before".to_owned(),
                false,
            );
        }
        self.format = header.format;
        self.scanned.segments.push(Segment {
            path: place.path.clone(),
            number,
            bytes,
            first: header.first,
            format: header.format,
        });
        End::Good
    }

    fn line(&mut self, place: &Place, raw: Raw<'_>) -> End {
        if !raw.ended {
            return self.bad(place, "it is not ended".to_owned(), true);
        }
        let Some(link) = Link::read(raw.bytes) else {
            return self.bad(place, "it is not a commit".to_owned(), raw.torn());
        };
        if link.prev != self.before {
            return self.blame(place, "it does not follow the line before");
        }
        if link.v > self.known && line::is_whole(raw.bytes) {
            return End::Newer(link.v);
        }
        let in_batch = link.batch == link.seq || (link.batch == self.batch && self.batch > 0);
        if link.seq != self.seq + 1 || !in_batch || link.v != self.format {
            return self.bad(
                place,
                format!("it is not line {}", self.seq + 1),
                raw.torn(),
            );
        }
        self.confirm();
        self.batch = link.batch;
        self.seq = link.seq;
        self.before = line::sha256(raw.bytes);
        let mut bytes = self
            .pending
            .take()
            .map_or_else(Vec::new, |pending| pending.bytes);
        bytes.clear();
        bytes.extend_from_slice(raw.bytes);
        self.pending = Some(Pending {
            place: place.clone(),
            bytes,
            link,
            hash: self.before,
        });
        End::Good
    }

    /// The next line names the pending one's hash: it is as it was written.
    fn confirm(&mut self) {
        if let Some(pending) = &self.pending {
            let Link {
                seq, batch, time, ..
            } = pending.link;
            self.scanned.lines += 1;
            self.scanned.batches += u64::from(seq == batch);
            self.scanned.last = Some(Last {
                seq,
                hash: pending.hash,
                time,
                policy: String::new(),
            });
        }
    }

    /// Two neighbours do not fit: the one whose own check fails is the bad one, else the later.
    fn blame(&mut self, place: &Place, why: &str) -> End {
        match self.take_damaged() {
            Some(bad) => End::Bad(bad),
            None => self.bad(place, why.to_owned(), false),
        }
    }

    /// A bad line at this place; or the pending line before it, if that one is bad as well.
    fn bad(&mut self, place: &Place, why: String, torn: bool) -> End {
        if let Some(bad) = self.take_damaged() {
            return End::Bad(bad);
        }
        let seq = self.seq + 1;
        self.confirm();
        End::Bad(Bad {
            index: place.index,
            path: place.path.clone(),
            line: place.line,
            offset: place.offset,
            seq,
            why,
            torn,
            followed: false,
        })
    }

    /// The pending line, if its own check fails.
    fn take_damaged(&mut self) -> Option<Bad> {
        let pending = self.pending.as_ref()?;
        let why = Line::decode(&pending.bytes).err()?;
        let Pending {
            place, bytes, link, ..
        } = self.pending.take()?;
        Some(Bad {
            index: place.index,
            path: place.path,
            line: place.line,
            offset: place.offset,
            seq: link.seq,
            why,
            torn: bytes.contains(&0),
            followed: false,
        })
    }

    /// The journal's last line has no follower to confirm it: its own check does.
    fn last_is_bad(&mut self) -> Option<Bad> {
        let bad = self.take_damaged();
        if bad.is_none() {
            self.confirm();
        }
        bad
    }

    /// The last good line's policy is needed to close the journal.
    fn finish(mut self) -> Scanned {
        if let (Some(last), Some(pending)) = (&mut self.scanned.last, &self.pending)
            && pending.link.seq == last.seq
            && let Ok(line) = Line::decode(&pending.bytes)
        {
            last.policy = line.policy;
        }
        self.scanned
    }
}

/// True if a line after the bad one can be read and belongs to another batch. A header that begins
/// after it counts: a segment is opened only between batches.
fn followed(bad: &Bad, files: &[(u64, PathBuf, u64)]) -> Result<bool, OpenError> {
    for (index, (_, path, _)) in files.iter().enumerate().skip(bad.index) {
        let offset = if index == bad.index { bad.offset } else { 0 };
        let found = other_batch(path, offset, index == bad.index, bad.seq);
        if found.map_err(|error| OpenError::io("read", path, error))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if this file has, from here on, a readable line of a batch that begins after `seq`.
fn other_batch(path: &Path, offset: u64, mut skip: bool, seq: u64) -> io::Result<bool> {
    let mut reader = Lines::open_at(path, offset)?;
    while let Some(raw) = reader.next()? {
        if std::mem::take(&mut skip) || !raw.ended || !line::is_whole(raw.bytes) {
            continue;
        }
        let other = match (Link::read(raw.bytes), Header::decode(raw.bytes)) {
            (Some(link), _) => link.batch > seq,
            (None, Ok(header)) => header.first > seq,
            (None, Err(_)) => false,
        };
        if other {
            return Ok(true);
        }
    }
    Ok(false)
}
