//! Time as an argument: whole seconds and calendar dates.
//!
//! Nothing in this crate reads a clock. Whoever calls a rule says what time it is.

use std::fmt;
use std::str::FromStr as _;

use serde::{Deserialize, Serialize};

const SECONDS_PER_DAY: u64 = 86_400;
/// Japan has one zone and no summer time.
const JAPAN_OFFSET_SECONDS: u64 = 9 * 3_600;

/// Whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_unix(self) -> u64 {
        self.0
    }

    /// Later by `seconds`; stays at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Earlier by `seconds`; stays at the epoch instead of wrapping.
    #[must_use]
    pub const fn minus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Midnight UTC of the same day.
    #[must_use]
    pub const fn start_of_day(self) -> Self {
        Self(self.0 - self.0 % SECONDS_PER_DAY)
    }

    /// The calendar date in Japan at this moment.
    #[must_use]
    pub fn date_in_japan(self) -> Date {
        let seconds = i64::try_from(self.plus_seconds(JAPAN_OFFSET_SECONDS).0).unwrap_or(i64::MAX);
        let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        Date(jiff::tz::Offset::UTC.to_datetime(moment).date())
    }

    /// From `YYYY-MM-DDTHH:MM:SSZ`, and no other spelling of a time.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let moment = jiff::Timestamp::from_str(text).map_err(|_| TimeError::NotATimestamp)?;
        let seconds = u64::try_from(moment.as_second()).map_err(|_| TimeError::NotATimestamp)?;
        let timestamp = Self(seconds);
        if timestamp.to_string() == text {
            Ok(timestamp)
        } else {
            Err(TimeError::NotATimestamp)
        }
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC; a number of seconds beyond the year 9999 is written `@seconds`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = i64::try_from(self.0)
            .ok()
            .and_then(|s| jiff::Timestamp::from_second(s).ok());
        match moment {
            Some(moment) => write!(f, "{moment}"),
            None => write!(f, "@{}", self.0),
        }
    }
}

/// A calendar date, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(jiff::civil::Date);

impl Date {
    /// From `YYYY-MM-DD`, and no other spelling of a date.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let date: jiff::civil::Date = text.parse().map_err(|_| TimeError::NotADate)?;
        if date.year() < 0 || date.to_string() != text {
            return Err(TimeError::NotADate);
        }
        Ok(Self(date))
    }

    /// Whole years from this date to `now` in Japan: an age, if this is a birth date. None while the date lies ahead.
    ///
    /// Who was born on 29 February has their birthday on 1 March in common years.
    #[must_use]
    pub fn years_until(self, now: Timestamp) -> Option<u32> {
        let today = now.date_in_japan().0;
        let before_birthday = (today.month(), today.day()) < (self.0.month(), self.0.day());
        let years = i32::from(today.year()) - i32::from(self.0.year()) - i32::from(before_birthday);
        u32::try_from(years).ok()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl TryFrom<String> for Date {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        Self::parse(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

/// A text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not `YYYY-MM-DDTHH:MM:SSZ`.
    #[error("not a time of the form YYYY-MM-DDTHH:MM:SSZ")]
    NotATimestamp,
    /// Not `YYYY-MM-DD`, or no such day.
    #[error("not a date of the form YYYY-MM-DD")]
    NotADate,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_timestamp_prints_and_parses_as_rfc_3339_in_utc() {
        let text = "2026-11-23T04:05:06Z";
        assert_eq!(at(text).to_string(), text);
        assert_eq!(at("1970-01-01T00:00:00Z").as_unix(), 0);
        assert_eq!(
            Timestamp::from_unix(u64::MAX).to_string(),
            "@18446744073709551615"
        );
    }

    #[test]
    fn another_spelling_of_a_timestamp_is_refused() {
        for text in [
            "2026-11-23t04:05:06z",
            "2026-11-23 04:05:06Z",
            "2026-11-23T04:05:06.0Z",
            "2026-11-23T04:05:06+00:00",
            "2026-11-23T04:05Z",
            "1969-12-31T23:59:59Z",
            "2026-02-30T00:00:00Z",
            "",
        ] {
            assert_eq!(
                Timestamp::parse_rfc3339(text),
                Err(TimeError::NotATimestamp),
                "{text}"
            );
        }
    }

    #[test]
    fn arithmetic_saturates_and_days_start_at_midnight() {
        assert_eq!(Timestamp::from_unix(5).minus_seconds(6).as_unix(), 0);
        assert_eq!(
            Timestamp::from_unix(u64::MAX).plus_seconds(1).as_unix(),
            u64::MAX
        );
        assert_eq!(
            at("2026-11-23T23:59:59Z").start_of_day(),
            at("2026-11-23T00:00:00Z")
        );
    }

    #[test]
    fn another_spelling_of_a_date_is_refused() {
        assert_eq!(Date::parse("2004-02-29").unwrap().to_string(), "2004-02-29");
        for text in [
            "2005-02-29",
            "2004-2-29",
            "20040229",
            "2004-02-29T00:00",
            "+002004-02-29",
            "-000001-01-01",
            "",
        ] {
            assert_eq!(Date::parse(text), Err(TimeError::NotADate), "{text}");
        }
    }

    #[test]
    fn age_is_counted_on_the_calendar_of_japan() {
        let born = Date::parse("2006-11-23").unwrap();
        assert_eq!(born.years_until(at("2026-11-22T14:59:59Z")), Some(19));
        assert_eq!(born.years_until(at("2026-11-22T15:00:00Z")), Some(20));
        assert_eq!(born.years_until(at("2005-01-01T00:00:00Z")), None);
        assert_eq!(born.years_until(at("2006-11-22T14:59:59Z")), None);
    }

    #[test]
    fn who_was_born_on_29_february_is_older_on_1_march() {
        let born = Date::parse("2004-02-29").unwrap();
        assert_eq!(born.years_until(at("2022-02-28T00:00:00Z")), Some(17));
        assert_eq!(born.years_until(at("2022-03-01T00:00:00Z")), Some(18));
        assert_eq!(born.years_until(at("2024-02-29T00:00:00Z")), Some(20));
    }

    #[test]
    fn serde_writes_seconds_and_dates_and_refuses_the_rest() {
        let value =
            serde_json::to_value((Timestamp::from_unix(7), Date::parse("2004-02-29").unwrap()))
                .unwrap();
        assert_eq!(value, serde_json::json!([7, "2004-02-29"]));
        for text in ["-1", "1.5", "\"7\"", "18446744073709551616"] {
            assert!(serde_json::from_str::<Timestamp>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Date>("\"2004-2-9\"").is_err());
    }
}
