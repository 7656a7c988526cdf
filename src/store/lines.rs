//! The lines of one file of the journal, as bytes and with their places.
//!
//! One buffer is used again for every line, so that a journal of any length is read in little memory.
//! Nothing here knows what a line says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

/// A line as it stands in the file.
pub(super) struct Raw<'a> {
    /// Without the newline.
    pub(super) bytes: &'a [u8],
    /// Whether it had one.
    pub(super) ended: bool,
}

impl Raw<'_> {
    /// True if it looks as a write does that the power cut.
    pub(super) fn torn(&self) -> bool {
        !self.ended || self.bytes.contains(&0)
    }
}

/// The lines of one file.
pub(super) struct Lines {
    reader: BufReader<File>,
    buffer: Vec<u8>,
    /// Where the next line begins.
    pub(super) offset: u64,
}

impl Lines {
    /// From the beginning.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(path, 0)
    }

    /// From the line that begins there.
    pub(super) fn open_at(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 18, file),
            buffer: Vec::new(),
            offset,
        })
    }

    /// The next line; the last one may not be ended.
    pub(super) fn next(&mut self) -> io::Result<Option<Raw<'_>>> {
        self.buffer.clear();
        let length = self.reader.read_until(b'\n', &mut self.buffer)?;
        self.offset += length as u64;
        if length == 0 {
            return Ok(None);
        }
        let ended = self.buffer.last() == Some(&b'\n');
        let end = length - usize::from(ended);
        Ok(Some(Raw {
            bytes: &self.buffer[..end],
            ended,
        }))
    }
}
