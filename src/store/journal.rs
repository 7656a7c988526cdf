//! Writing the journal: one `write` and one `fdatasync` for a batch, a new segment when one is full.
//!
//! Bytes are only ever appended; the one exception is a tail that nobody was promised, which is
//! copied aside before it is cut at the start. After any error the journal is not touched again by
//! this process: what reached the disk is found out by the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::OpenError;
use super::faults::{Event, Faults, Point, Trouble};
use super::line::{self, Digest32, Header, Line, Link};
use super::lines::Lines;
use super::scan::{Bad, Scanned, Segment, file_name};

/// The journal, open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    directory: PathBuf,
    installation: String,
    segment_bytes: u64,
    /// The format of the newest segment, and of every one that follows it.
    format: u32,
    file: File,
    number: u64,
    length: u64,
    /// Bytes in all segments.
    pub(super) bytes: u64,
    faults: Faults,
}

/// Where a journal is and how it is cut into segments.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) installation: String,
    pub(super) segment_bytes: u64,
    /// The format of the first segment, if there is none yet.
    pub(super) newest_format: u32,
    pub(super) faults: Faults,
}

impl Journal {
    /// Opens the last segment, or creates the first.
    pub(super) fn open(place: Place, scanned: &Scanned) -> io::Result<Self> {
        let Place {
            directory,
            installation,
            segment_bytes,
            newest_format,
            faults,
        } = place;
        let format = scanned.format().unwrap_or(newest_format);
        let bytes = scanned.segments.iter().map(|segment| segment.bytes).sum();
        let (file, number, length) = match scanned.segments.last() {
            Some(last) => {
                let file = OpenOptions::new().append(true).open(&last.path)?;
                (file, last.number, last.bytes)
            }
            None => {
                let first = scanned.end() + 1;
                let header = header(format, &installation, first, scanned.end_hash())?;
                let file = create(&directory, 1, &header, &faults).map_err(plain)?;
                (file, 1, header.len() as u64)
            }
        };
        Ok(Self {
            directory,
            installation,
            segment_bytes,
            format,
            file,
            number,
            length,
            bytes: if scanned.segments.is_empty() {
                length
            } else {
                bytes
            },
            faults,
        })
    }

    /// The number of segments.
    pub(super) fn segments(&self) -> u64 {
        self.number
    }

    /// The format in which lines are written.
    pub(super) fn format(&self) -> u32 {
        self.format
    }

    /// Makes a batch durable. `first` is its first number, `before` the hash of the line before it.
    pub(super) fn append(
        &mut self,
        lines: &[u8],
        first: u64,
        last: u64,
        before: Digest32,
    ) -> Result<(), Trouble> {
        if self.length >= self.segment_bytes {
            self.next_segment(first, before)?;
        }
        if let Err(trouble) = self.faults.at(Point::BeforeWrite) {
            if let Trouble::Torn(bytes) = &trouble {
                self.file.write_all(lines.get(..*bytes).unwrap_or(lines))?;
            }
            return Err(trouble);
        }
        self.file.write_all(lines)?;
        self.faults.saw(Event::Written(last));
        self.faults.at(Point::AfterWrite)?;
        self.faults.at(Point::BeforeSync)?;
        self.file.sync_data()?;
        self.faults.saw(Event::Synced(last));
        self.faults.at(Point::AfterSync)?;
        self.length += lines.len() as u64;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn next_segment(&mut self, first: u64, before: Digest32) -> Result<(), Trouble> {
        let header = header(self.format, &self.installation, first, before)?;
        self.file = create(&self.directory, self.number + 1, &header, &self.faults)?;
        self.number += 1;
        self.length = header.len() as u64;
        self.bytes += self.length;
        Ok(())
    }
}

fn plain(trouble: Trouble) -> io::Error {
    match trouble {
        Trouble::Error(error) => error,
        Trouble::Stop | Trouble::Torn(_) => io::ErrorKind::Interrupted.into(),
    }
}

pub(super) fn header(
    format: u32,
    installation: &str,
    first: u64,
    before: Digest32,
) -> io::Result<Vec<u8>> {
    let header = Header {
        format,
        installation: installation.to_owned(),
        first,
        prev: hex::encode(before),
    };
    let mut bytes = header.encode().map_err(io::Error::from)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Creates a segment; it exists for good before a commit is written to it.
pub(super) fn create(
    directory: &Path,
    number: u64,
    header: &[u8],
    faults: &Faults,
) -> Result<File, Trouble> {
    faults.at(Point::SegmentCreate)?;
    let path = directory.join(file_name(number));
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(header)?;
    file.sync_data()?;
    faults.at(Point::SegmentCreated)?;
    sync_directory(directory)?;
    Ok(file)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Creates a directory that only its owner can enter, and its parents.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// A tail that was set aside.
pub(super) struct Tail {
    pub(super) file: PathBuf,
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// Copies everything from the bad line on to a file of its own, then cuts it off.
pub(super) fn set_aside(
    bad: &Bad,
    scanned: &mut Scanned,
    aside: &Path,
    faults: &Faults,
) -> io::Result<Tail> {
    create_directory(aside)?;
    let journal = bad.path.parent().unwrap_or(aside);
    let mut tail = read_from(&bad.path, bad.offset)?;
    let mut later = Vec::new();
    let mut number = bad.index as u64 + 2;
    while let Ok(bytes) = fs::read(journal.join(file_name(number))) {
        tail.extend_from_slice(&bytes);
        later.push(journal.join(file_name(number)));
        number += 1;
    }
    let file = write_new(aside, bad.seq, &tail)?;
    faults.io(Point::TailCut)?;
    for path in later.iter().rev() {
        fs::remove_file(path)?;
    }
    if bad.line == 1 {
        fs::remove_file(&bad.path)?;
    } else {
        let cut = OpenOptions::new().write(true).open(&bad.path)?;
        cut.set_len(bad.offset)?;
        cut.sync_all()?;
        if let Some(segment) = scanned.segments.get_mut(bad.index) {
            segment.bytes = bad.offset;
        }
    }
    sync_directory(journal)?;
    let kept = bad.index + usize::from(bad.line > 1);
    scanned.segments.truncate(kept);
    Ok(Tail {
        file,
        lines: tail
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .count() as u64,
        bytes: tail.len() as u64,
    })
}

fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file under a name that was free, durably.
fn write_new(aside: &Path, seq: u64, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut turn = 1;
    loop {
        let path = aside.join(format!("tail-from-{seq}-{turn}.jsonl"));
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(mut file) => {
                file.write_all(bytes)?;
                file.sync_all()?;
                sync_directory(aside)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => turn += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A good line read back.
pub(super) struct Replayed {
    pub(super) line: Line,
    pub(super) hash: Digest32,
}

/// Hands over every line from `from` to `to`, in order, until the closure breaks off.
pub(super) fn replay(
    segments: &[Segment],
    from: u64,
    to: u64,
    mut each: impl FnMut(Replayed) -> ControlFlow<()>,
) -> Result<(), OpenError> {
    let begin = segments
        .partition_point(|segment| segment.first <= from)
        .saturating_sub(1);
    for segment in &segments[begin..] {
        let refused = |error| OpenError::io("read", &segment.path, error);
        let mut lines = Lines::open(&segment.path).map_err(refused)?;
        let mut place = 0;
        while let Some(raw) = lines.next().map_err(refused)? {
            place += 1;
            let seq = Link::read(raw.bytes).map_or(0, |link| link.seq);
            if place == 1 || seq < from {
                continue;
            }
            if seq > to {
                return Ok(());
            }
            let line = Line::decode(raw.bytes).map_err(|why| OpenError::BadLine {
                segment: segment.path.clone(),
                line: place,
                why,
                accept: None,
            })?;
            let hash = line::sha256(raw.bytes);
            if each(Replayed { line, hash }).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The hash of one line.
pub(super) fn hash_at(scanned: &Scanned, seq: u64) -> Result<Option<Digest32>, OpenError> {
    if seq == scanned.end() {
        return Ok(Some(scanned.end_hash()));
    }
    let mut found = (seq == 0).then_some(line::NOTHING_BEFORE);
    if found.is_none() && seq < scanned.end() {
        replay(&scanned.segments, seq, seq, |replayed| {
            found = Some(replayed.hash);
            ControlFlow::Break(())
        })?;
    }
    Ok(found)
}
