//! Base URLs: where the forge is, and where the bot is reached. Calls are made by appending to them.
//!
//! They are https, or http on loopback; they may have a sub-path, never end in a slash and never
//! hold doubled ones, a query, a fragment or a password. Nothing is resolved here.

use reqwest::Url;
use toml::Value;

use super::value;

/// A base URL in its one form, and how safe its wire is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    /// Without a final slash.
    pub(super) text: String,
    /// True if what is sent to it crosses a network unencrypted.
    pub(super) in_the_clear: bool,
}

/// Reads a base URL.
pub(super) fn read(value: &Value) -> Result<BaseUrl, String> {
    parse(&value::text(value)?)
}

/// Brings a URL into its one form; the error says what is wrong.
fn parse(text: &str) -> Result<BaseUrl, String> {
    let url = Url::parse(text).map_err(|_| format!("{text:?} is not a URL"))?;
    let encrypted = match url.scheme() {
        "https" => true,
        "http" => false,
        other => return Err(format!("{text:?} is {other}, not https")),
    };
    // A password here would end up in comments and logs.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a name or a password; secrets stand in files of their own".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{text:?} has a query or a fragment, and calls are appended to it"
        ));
    }
    let path: Vec<&str> = url.path().split('/').filter(|it| !it.is_empty()).collect();
    let mut base = url.origin().ascii_serialization();
    for part in path {
        base.push('/');
        base.push_str(part);
    }
    Ok(BaseUrl {
        text: base,
        in_the_clear: !encrypted && !is_loopback(&url),
    })
}

/// True if the host is this machine, by address or as `localhost`.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>()
        .map_or(bare == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn a_sub_path_stays_and_slashes_are_put_right() {
        for (text, base) in [
            ("https://forge.example", "https://forge.example"),
            ("https://forge.example/", "https://forge.example"),
            ("https://forge.example/git", "https://forge.example/git"),
            ("https://forge.example/git/", "https://forge.example/git"),
            (
                "https://host.example//a//gate///",
                "https://host.example/a/gate",
            ),
            ("HTTPS://Forge.Example:443/Git", "https://forge.example/Git"),
            ("https://forge.example:3000", "https://forge.example:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.text, base);
            assert!(!url.in_the_clear, "{text}");
        }
    }

    #[test]
    fn http_beyond_this_machine_is_in_the_clear() {
        for (text, in_the_clear) in [
            ("http://127.0.0.1:3000", false),
            ("http://localhost:3000", false),
            ("http://forge.example", true),
            ("http://localhost.example", true),
            ("http://10.0.0.5:3000", true),
        ] {
            assert_eq!(parse(text).unwrap().in_the_clear, in_the_clear, "{text}");
        }
    }

    #[test]
    fn what_nothing_can_be_appended_to_is_refused() {
        for bad in [
            "",
            "forge.example",
            "ftp://forge.example",
            "https://",
            "https://a/?x=1",
            "https://a/#x",
            "https://bot:secret@a/",
            "https://bot@a/",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
