//! `owner/name` of a repository, as it goes into an address.
//!
//! A path is where a repository is now, not which one it is: the key is its id. Names that an
//! address would swallow (`.`, `..`, empty) are refused, so that a call never goes elsewhere.

use std::fmt;

/// Owner and name of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryPath {
    owner: String,
    name: String,
}

impl RepositoryPath {
    /// Reads `owner/name`; `None` if there are not exactly two usable parts.
    pub fn parse(full_name: &str) -> Option<Self> {
        let (owner, name) = full_name.split_once('/')?;
        if !segment(owner) || !segment(name) || name.contains('/') {
            return None;
        }
        Some(Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The segments of an address for something in this repository.
    pub(super) fn segments<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let mut segments = vec!["repos", &self.owner, &self.name];
        segments.extend(rest);
        segments
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Whether a name can be one segment of an address.
pub(super) fn segment(name: &str) -> bool {
    // The address's own rules read `%2e` as a dot, too.
    let dots = name.to_ascii_lowercase().replace("%2e", ".");
    !dots.is_empty() && dots != "." && dots != ".." && !name.chars().any(char::is_control)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_two_usable_parts() {
        let path = RepositoryPath::parse("alice/board").unwrap();
        assert_eq!(path.to_string(), "alice/board");
        for bad in [
            "",
            "alice",
            "alice/",
            "/board",
            "alice/..",
            "./board",
            "a/b/c",
            "alice/%2E%2e",
            "alice/bo\nard",
        ] {
            assert_eq!(RepositoryPath::parse(bad), None, "{bad}");
        }
    }
}
