//! Spans of time as people write them: `30s`, `15m`, `24h`, `7d`.
//!
//! One number and one unit, so that a span has few forms and none that is guessed at.

/// Units and their seconds, the longest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// One minute, in seconds.
pub(super) const MINUTE: u64 = 60;
/// One hour, in seconds.
pub(super) const HOUR: u64 = 3_600;
/// One day, in seconds.
pub(super) const DAY: u64 = 86_400;

/// Reads a span; seconds.
pub fn parse(text: &str) -> Option<u64> {
    let (unit, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let digits = text.strip_suffix(unit)?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_one_form = plain && (digits == "0" || !digits.starts_with('0'));
    if !has_one_form {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(seconds)
}

/// Writes seconds as a span, in days only from two days on: `24h`, but `7d`.
pub fn show(seconds: u64) -> String {
    let fits = |size: u64| seconds >= size && seconds.is_multiple_of(size);
    UNITS
        .into_iter()
        .find(|(unit, size)| fits(*size) && (*unit != 'd' || seconds > DAY))
        .map_or_else(
            || format!("{seconds}s"),
            |(unit, size)| format!("{}{unit}", seconds / size),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_one_number_and_one_unit() {
        for (text, seconds) in [
            ("30s", 30),
            ("15m", 900),
            ("24h", DAY),
            ("7d", 7 * DAY),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        for bad in [
            "",
            "s",
            "7",
            "07d",
            "-1h",
            "+1h",
            "1.5h",
            "1h30m",
            "1 h",
            "7D",
            "1w",
            "٣s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_are_shown_as_they_are_written() {
        for text in ["0s", "30s", "90s", "15m", "24h", "7d", "25h"] {
            let seconds = parse(text).expect("the table holds spans");
            assert_eq!(show(seconds), text);
        }
    }
}
