//! Reading one table of the file key by key, and refusing the keys that nobody asked for.
//!
//! Every read names its key and an example; what is wrong becomes a fault and the reading goes on,
//! so that all faults are seen at once. The known keys of a table are the ones that were asked for,
//! so that no second list of them can be forgotten. It judges single values, not how they relate.

use std::path::PathBuf;

use toml::{Table, Value};

use super::fault::Reading;
use super::value;

/// One table of the file, while it is read.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Where faults go.
    pub(super) reading: &'a Reading,
    /// Its key as people see it: `board[kan].owner[alice]`; empty for the whole file.
    pub(super) key: String,
    table: Table,
    known: Vec<(&'static str, String)>,
}

impl<'a> Section<'a> {
    /// The table at a key.
    pub(super) fn new(reading: &'a Reading, key: impl Into<String>, table: Table) -> Self {
        Self {
            reading,
            key: key.into(),
            table,
            known: Vec::new(),
        }
    }

    /// The full name of a key of this table.
    pub(super) fn at(&self, key: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let shown = if !key.is_empty() && key.chars().all(plain) {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        if self.key.is_empty() {
            shown
        } else {
            format!("{}.{shown}", self.key)
        }
    }

    /// Notes a fault of one key of this table.
    pub(super) fn fault(&self, key: &str, why: impl Into<String>, example: impl Into<String>) {
        self.reading.fault(self.at(key), why, example);
    }

    /// A key that must be there. `None` if it is missing or wrong; then a fault was noted.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match self.take(key, example) {
            Some(value) => self.read(key, example, &value, read),
            None => {
                self.fault(key, "is missing", example);
                None
            }
        }
    }

    /// A key that may be missing. `None` if it is, or if it is wrong; then a fault was noted.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(key, example)?;
        self.read(key, example, &value, read)
    }

    /// The path of a file that must be named, as seen from the configuration's folder.
    pub(super) fn required_path(&mut self, key: &'static str, example: &str) -> PathBuf {
        let reading = self.reading;
        self.required(key, example, value::plain_path)
            .map(|path| reading.resolve(&path))
            .unwrap_or_default()
    }

    /// The path of a file that may be named, as seen from the configuration's folder.
    pub(super) fn optional_path(&mut self, key: &'static str, example: &str) -> Option<PathBuf> {
        let reading = self.reading;
        self.optional(key, example, value::plain_path)
            .map(|path| reading.resolve(&path))
    }

    /// The file of a secret that must be named: a path, or `credential:NAME` as it stands.
    pub(super) fn required_secret(&mut self, key: &'static str, example: &str) -> PathBuf {
        let reading = self.reading;
        self.required(key, example, value::secret)
            .map(|path| reading.resolve_secret(&path))
            .unwrap_or_default()
    }

    /// The file of a secret that may be named: a path, or `credential:NAME` as it stands.
    pub(super) fn optional_secret(&mut self, key: &'static str, example: &str) -> Option<PathBuf> {
        let reading = self.reading;
        self.optional(key, example, value::secret)
            .map(|path| reading.resolve_secret(&path))
    }

    /// The table under a key; an empty one if it is missing, so that its missing keys are named.
    pub(super) fn table(&mut self, key: &'static str) -> Section<'a> {
        let example = format!("[{key}]");
        let table = self.optional(key, &example, value::table);
        Section::new(self.reading, self.at(key), table.unwrap_or_default())
    }

    /// The tables under a key that may stand several times. Each is called by what it has under
    /// `label`, or else by its place, from 1.
    pub(super) fn tables(&mut self, key: &'static str, label: &str) -> Vec<Section<'a>> {
        let example = format!("[[{}]]", self.path_of(key));
        let tables = self.optional(key, &example, value::tables);
        let place = self.at(key);
        let named = |(index, table): (usize, Table)| {
            let name = match table.get(label) {
                Some(Value::String(name)) => name.escape_debug().to_string(),
                Some(Value::Integer(number)) => number.to_string(),
                _ => (index + 1).to_string(),
            };
            Section::new(self.reading, format!("{place}[{name}]"), table)
        };
        tables
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .map(named)
            .collect()
    }

    /// The tables under a key whose names the operator chooses.
    pub(super) fn named_tables(&mut self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let example = format!("[{}.dev]", self.path_of(key));
        let all = self.optional(key, &example, value::table);
        let parent = Section::new(self.reading, self.at(key), Table::new());
        let mut named = Vec::new();
        for (name, inner) in all.unwrap_or_default() {
            let example = format!("[{}.{name}]", self.path_of(key));
            if let Some(table) = parent.read(&name, &example, &inner, value::table) {
                let section = Section::new(self.reading, parent.at(&name), table);
                named.push((name, section));
            }
        }
        named
    }

    /// Ends the table: whatever was not asked for is a fault that names the nearest known key.
    pub(super) fn finish(self) {
        for unknown in self.table.keys() {
            let nearest = self
                .known
                .iter()
                .min_by_key(|(known, _)| distance(unknown, known));
            if let Some((nearest, example)) = nearest {
                let why = format!("is not a known key here; the nearest one is `{nearest}`");
                self.fault(unknown, why, example.as_str());
            }
        }
    }

    /// Takes a value out and notes that its key is known.
    fn take(&mut self, key: &'static str, example: &str) -> Option<Value> {
        self.known.push((key, example.to_owned()));
        self.table.remove(key)
    }

    /// Makes a typed value of one, or notes the fault.
    fn read<T>(
        &self,
        key: &str,
        example: &str,
        value: &Value,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        read(value)
            .map_err(|why| self.fault(key, why, example))
            .ok()
    }

    /// The key as TOML writes it in a header, without the names of list members.
    fn path_of(&self, key: &str) -> String {
        let parent = self.key.split('[').next().unwrap_or_default();
        if parent.is_empty() {
            key.to_owned()
        } else {
            format!("{parent}.{key}")
        }
    }
}

/// How many characters must be put in, taken out or changed to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_changes() {
        assert_eq!(distance("quorum", "quorum"), 0);
        assert_eq!(distance("qorum", "quorum"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ttl"), 3);
    }

    #[test]
    fn a_foreign_key_cannot_paint_the_terminal() {
        let reading = Reading::new("/x.toml".into());
        let section = Section::new(&reading, "server", Table::new());
        assert_eq!(section.at("\u{1b}[31m"), r#"server."\u{1b}[31m""#);
        assert_eq!(section.at("listen"), "server.listen");
    }
}
