//! JSON as the forge writes it: fields in their order, `<`, `>` and `&` as `\u003c` and the like.
//!
//! Go escapes HTML inside JSON strings, in deliveries and in answers alike, so that a body of `<`
//! grows sixfold on its way. Deliveries are indented by two spaces, answers are compact. Reading
//! JSON is not done here.

/// A JSON value whose objects keep the order of their fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; the forge writes no other.
    Number(i64),
    /// A text, not yet escaped.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object in the order of writing.
    Object(Vec<(&'static str, Json)>),
}

/// Builds a [`Json::Object`] whose fields keep the order in which they stand.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::miniforge::json::Json::Object(vec![
            $(($name, $crate::miniforge::json::Json::from($value))),*
        ])
    };
}
pub(crate) use object;

impl Json {
    /// The bytes of an API answer: compact, with the newline that Go's encoder adds.
    pub(crate) fn compact(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut out, None);
        out.push('\n');
        out.into_bytes()
    }

    /// The bytes of a delivery: indented by two spaces, no newline at the end.
    pub(crate) fn indented(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out.into_bytes()
    }

    /// Puts further fields behind those of an object; any other value is left as it is.
    pub(crate) fn and(self, more: Json) -> Json {
        match (self, more) {
            (Json::Object(mut fields), Json::Object(further)) => {
                fields.extend(further);
                Json::Object(fields)
            }
            (first, _) => first,
        }
    }

    /// The object without the named fields, at this level only.
    pub(crate) fn without(self, names: &[&str]) -> Json {
        match self {
            Json::Object(fields) => {
                let kept = |(name, _): &(&'static str, Json)| !names.contains(name);
                Json::Object(fields.into_iter().filter(kept).collect())
            }
            other => other,
        }
    }

    /// Writes the value; `depth` is `None` for the compact form.
    fn write(&self, out: &mut String, depth: Option<usize>) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(value) => out.push_str(&value.to_string()),
            Json::Text(text) => write_text(out, text),
            Json::List(items) => write_all(out, depth, ('[', ']'), items, |out, item, depth| {
                item.write(out, depth);
            }),
            Json::Object(fields) => {
                write_all(
                    out,
                    depth,
                    ('{', '}'),
                    fields,
                    |out, (name, value), depth| {
                        write_text(out, name);
                        out.push_str(if depth.is_some() { ": " } else { ":" });
                        value.write(out, depth);
                    },
                );
            }
        }
    }
}

/// Writes what stands between two brackets, one item a line where there is a depth.
fn write_all<T>(
    out: &mut String,
    depth: Option<usize>,
    (open, close): (char, char),
    items: &[T],
    mut write: impl FnMut(&mut String, &T, Option<usize>),
) {
    out.push(open);
    let inner = depth.map(|depth| depth + 1);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        new_line(out, inner);
        write(out, item, inner);
    }
    if !items.is_empty() {
        new_line(out, depth);
    }
    out.push(close);
}

/// Breaks the line and indents, in the indented form.
fn new_line(out: &mut String, depth: Option<usize>) {
    if let Some(depth) = depth {
        out.push('\n');
        for _ in 0..depth {
            out.push_str("  ");
        }
    }
}

/// Writes a quoted text with the escapes of Go's encoder; plain stretches are copied whole, so
/// that a body of many megabytes is written quickly.
fn write_text(out: &mut String, text: &str) {
    let special =
        |c: char| c < ' ' || matches!(c, '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        let mut characters = rest[at..].chars();
        match characters.next() {
            Some('<') => out.push_str("\\u003c"),
            Some('>') => out.push_str("\\u003e"),
            Some('&') => out.push_str("\\u0026"),
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(other) => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Json::Number(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Self {
        Json::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Json::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_go_does() {
        let text = "a<b>&\"\\\n\r\t\u{8}\u{1b}\u{2028}é🚀";
        let written = Json::from(text).compact();
        let expected = r#""a\u003cb\u003e\u0026\"\\\n\r\t\u0008\u001b\u2028é🚀""#;
        assert_eq!(String::from_utf8_lossy(&written), format!("{expected}\n"));
        let read: String = serde_json::from_slice(&written).expect("valid JSON");
        assert_eq!(read, text);
    }

    #[test]
    fn deliveries_keep_their_order_and_are_indented_by_two_spaces() {
        let value = object! {"z": 1, "a": object! {"list": vec!["x", "y"], "none": Json::Null},
        "empty": Vec::<Json>::new()};
        let expected = "{\n  \"z\": 1,\n  \"a\": {\n    \"list\": [\n      \"x\",\n      \"y\"\n    ],\n    \
                        \"none\": null\n  },\n  \"empty\": []\n}";
        assert_eq!(String::from_utf8_lossy(&value.indented()), expected);
        assert_eq!(
            String::from_utf8_lossy(&value.compact()),
            "{\"z\":1,\"a\":{\"list\":[\"x\",\"y\"],\"none\":null},\"empty\":[]}\n"
        );
    }
}
