//! Spans and instants as people write them: `30s`, `15m`, `24h`, `7d`, and UTC to the minute.
//!
//! Instants come in from outside; nothing here reads a clock.

use jiff::{SignedDuration, Timestamp};

/// Reads a span: digits and one unit of `s`, `m`, `h`, `d`. Seconds; `None` if it has another form
/// or does not fit into a century.
pub fn parse_span(text: &str) -> Option<u64> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain =
        !digits.is_empty() && digits.len() <= 10 && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (seconds <= 36_525 * 86_400).then_some(seconds)
}

/// Writes a span in its largest whole unit, as `parse_span` reads it. Exactly one day is `24h`
/// where hours are the habit, but one form is enough: `1d`.
pub fn span(seconds: u64) -> String {
    for (size, unit) in [(86_400, 'd'), (3_600, 'h'), (60, 'm')] {
        if seconds >= size && seconds.is_multiple_of(size) {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

/// An instant for people: `27 Nov 14:00 UTC`.
pub fn instant(time: Timestamp) -> String {
    time.strftime("%-d %b %H:%M UTC").to_string()
}

/// An instant for programs: RFC 3339 in UTC, whole seconds.
pub fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `time` plus whole seconds, clamped at the end of time.
pub fn after(time: Timestamp, seconds: u64) -> Timestamp {
    let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from `earlier` to `later`; negative if it is the other way round.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    later.duration_since(earlier).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(parse_span(text), Some(seconds), "{text}");
        }
        for bad in [
            "",
            "s",
            "1",
            "1w",
            "-1h",
            "+1h",
            "1.5h",
            "01h",
            "99999999999s",
            "1 h",
            "1H",
            "9999999999d",
        ] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
        assert_eq!(span(86_400), "1d");
        assert_eq!(span(28_800), "8h");
        assert_eq!(span(90), "90s");
    }

    #[test]
    fn instants_are_written_in_utc() {
        let time = Timestamp::from_second(1_795_788_005).expect("within the calendar");
        assert_eq!(instant(time), "27 Nov 14:00 UTC");
        assert_eq!(rfc3339(time), "2026-11-27T14:00:05Z");
    }
}
