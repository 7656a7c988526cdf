//! Hours of the week in a time zone: `Mon-Fri 08:00-18:00 Europe/Warsaw`.
//!
//! A window over midnight belongs to the day on which it begins. Zone data is compiled in, so that
//! an image without zone files decides the same; an unknown zone is refused, never guessed. Where
//! the clock changes, the window runs from the instant of its beginning to that of its end.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

/// The days as they are written, in the order of `Weekday::to_monday_zero_offset`.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// When something may happen, or may not.
#[derive(Clone, Debug)]
pub struct Window {
    /// The days on which it begins, Monday first.
    days: [bool; 7],
    start: Time,
    end: Time,
    /// Whether the end lies on the day after the beginning.
    over_midnight: bool,
    zone: TimeZone,
}

impl Window {
    /// Reads `[DAYS] HH:MM-HH:MM ZONE`; DAYS are `Mon`, `Mon-Fri` or `Mon,Wed,Sat-Sun`, and every
    /// day if left out. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (days, hours, zone) = match words[..] {
            [days, hours] if days_of(days).is_ok() => {
                return Err(format!("{text:?} names no time zone after {hours:?}"));
            }
            [hours, zone] => ([true; 7], hours, zone),
            [days, hours, zone] => (days_of(days)?, hours, zone),
            _ => return Err(format!("{text:?} is not DAYS HH:MM-HH:MM ZONE")),
        };
        let (start, end) = hours
            .split_once('-')
            .and_then(|(start, end)| Some((time_of(start, false)?, time_of(end, true)?)))
            .ok_or_else(|| format!("{hours:?} is not a span of hours such as 08:00-18:00"))?;
        let midnight = hours.ends_with("-24:00");
        if start == end && !midnight {
            return Err(format!(
                "{hours:?} begins when it ends; the whole day is 00:00-24:00"
            ));
        }
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| {
            format!("{zone:?} is not a time zone of the IANA list, such as Europe/Warsaw")
        })?;
        Ok(Self {
            days,
            start,
            end,
            over_midnight: midnight || end < start,
            zone,
        })
    }

    /// True if the instant lies in it; the beginning does, the end does not.
    pub fn contains(&self, instant: Timestamp) -> bool {
        let today = instant.to_zoned(self.zone.clone()).date();
        let begun_before = today.yesterday().is_ok_and(|day| self.covers(day, instant));
        begun_before || self.covers(today, instant)
    }

    /// Whether the window that begins on this day contains the instant.
    fn covers(&self, day: Date, instant: Timestamp) -> bool {
        let place = usize::from(weekday_index(day.weekday()));
        if !self.days[place] {
            return false;
        }
        let last_day = if self.over_midnight {
            day.checked_add(1.day())
        } else {
            Ok(day)
        };
        let begin = self.instant(day, self.start);
        let end = last_day.ok().and_then(|day| self.instant(day, self.end));
        matches!((begin, end), (Some(begin), Some(end)) if begin <= instant && instant < end)
    }

    /// The instant of a wall time; of two the earlier, of none the one after the gap.
    fn instant(&self, day: Date, time: Time) -> Option<Timestamp> {
        let zoned = day.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
        Some(zoned.timestamp())
    }
}

/// 0 for Monday to 6 for Sunday.
fn weekday_index(day: Weekday) -> u8 {
    day.to_monday_zero_offset().unsigned_abs()
}

/// Reads `Mon`, `Mon-Fri`, `Mon,Wed`; a span of days may pass the end of the week.
fn days_of(text: &str) -> Result<[bool; 7], String> {
    let place = |name: &str| {
        DAYS.iter()
            .position(|day| day.eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("{name:?} is not a day: {}", DAYS.join(", ")))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (place(first)?, place(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Ok(days)
}

/// Reads `HH:MM`; an end may be `24:00`, which is midnight of the next day.
fn time_of(text: &str, is_end: bool) -> Option<Time> {
    if is_end && text == "24:00" {
        return Some(Time::midnight());
    }
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    fn at(window: &str, instant: &str) -> bool {
        Window::parse(window)
            .unwrap()
            .contains(instant.parse().unwrap())
    }

    #[test]
    fn a_window_over_midnight_keeps_its_hours_when_the_clock_changes() {
        let window = "Sat-Sun 22:00-06:00 Europe/Warsaw";
        assert!(at(window, "2026-10-25T04:59:59Z"));
        assert!(!at(window, "2026-10-25T05:00:00Z"));
        assert!(at(window, "2027-03-28T03:59:59Z"));
        assert!(!at(window, "2027-03-28T04:00:00Z"));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = "Sat-Sun 22:00-06:00 Europe/Warsaw";
        assert!(
            !at(window, "2026-11-20T23:30:00Z"),
            "Saturday 00:30, begun on Friday"
        );
        assert!(
            at(window, "2026-11-23T04:30:00Z"),
            "Monday 05:30, begun on Sunday"
        );
        assert!(!at(window, "2026-11-23T22:30:00Z"), "Monday 23:30");
    }

    #[test]
    fn office_hours_begin_and_end_on_the_minute() {
        let window = "Mon-Fri 08:00-18:00 Europe/Warsaw";
        assert!(!at(window, "2026-11-25T06:59:59Z"));
        assert!(at(window, "2026-11-25T07:00:00Z"));
        assert!(at(window, "2026-11-25T16:59:59Z"));
        assert!(!at(window, "2026-11-25T17:00:00Z"));
        assert!(!at(window, "2026-11-28T10:00:00Z"), "Saturday");
    }

    #[test]
    fn an_hour_that_comes_twice_does_not_open_a_window_twice() {
        let window = "00:00-02:30 Europe/Warsaw";
        assert!(
            at(window, "2026-10-25T00:29:59Z"),
            "02:29:59, the first time"
        );
        assert!(
            !at(window, "2026-10-25T01:15:00Z"),
            "02:15, the second time"
        );
    }

    #[test]
    fn days_may_be_listed_and_pass_the_end_of_the_week() {
        let window = "Fri-Mon,Wed 00:00-24:00 UTC";
        let open: Vec<bool> = (23..30)
            .map(|day| at(window, &format!("2026-11-{day}T23:59:59Z")))
            .collect();
        assert_eq!(open, [true, false, true, false, true, true, true]);
    }

    #[test]
    fn what_is_not_a_window_is_named() {
        for (bad, named) in [
            ("Sat-Sun 22:00-06:00 Europe/Warzawa", "Europe/Warzawa"),
            ("Sat-Sun 22:00-06:00", "no time zone"),
            ("22:00-06:00", "DAYS"),
            ("Caturday 22:00-06:00 UTC", "Caturday"),
            ("8:00-18:00 UTC", "8:00-18:00"),
            ("24:00-06:00 UTC", "24:00-06:00"),
            ("08:00-18:60 UTC", "18:60"),
            ("08:00-08:00 UTC", "begins when it ends"),
            ("", "DAYS"),
        ] {
            let why = Window::parse(bad).unwrap_err();
            assert!(why.contains(named), "{bad}: {why}");
        }
    }
}
