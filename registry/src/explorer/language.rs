//! The two languages of the explorer, and how numbers and times are written in them.

use axum::http::{HeaderMap, header::ACCEPT_LANGUAGE};
use maud::{Markup, html};
use protocol::Timestamp;

/// Japan has one zone and no summer time. All times are shown as they are there.
const JAPAN_OFFSET_SECONDS: u64 = 9 * 3_600;
/// A longer header is not read.
const HEADER_BYTES_MAX: usize = 512;

/// A language that the pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Japanese,
    English,
}

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// As in addresses and in `lang`.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// Its name for itself.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Japanese => "日本語",
            Self::English => "English",
        }
    }

    /// The sentence of this language.
    pub(super) const fn say<T: Copy>(self, japanese: T, english: T) -> T {
        match self {
            Self::Japanese => japanese,
            Self::English => english,
        }
    }

    /// The one that the address of a page says.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let code = path.strip_prefix("/explorer/")?.split('/').next()?;
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// What a browser asks for; Japanese if it asks for neither.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let wishes = headers.get(ACCEPT_LANGUAGE).map(|value| value.to_str());
        let Some(Ok(wishes)) = wishes else {
            return Self::Japanese;
        };
        if wishes.len() > HEADER_BYTES_MAX {
            return Self::Japanese;
        }
        let mut best = (0, Self::Japanese);
        for wish in wishes.split(',') {
            let (range, quality) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let primary = range.trim().split('-').next().unwrap_or_default();
            let mut languages = Self::ALL.into_iter();
            let known = languages.find(|known| primary.eq_ignore_ascii_case(known.code()));
            let weight = thousandths(quality);
            if let Some(known) = known
                && weight > best.0
            {
                best = (weight, known);
            }
        }
        best.1
    }

    /// A number with its thousands apart.
    pub(super) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    /// A time in Japan.
    pub(super) fn time(self, at: Timestamp) -> Markup {
        html! { time datetime=(at) { (in_japan(at)) } }
    }

    /// How long ago something was.
    pub(super) fn ago(self, at: Timestamp, now: Timestamp) -> String {
        let seconds = now.as_unix().saturating_sub(at.as_unix());
        let (count, japanese, english) = match seconds {
            0..60 => (seconds, "秒前", "second"),
            60..3_600 => (seconds / 60, "分前", "minute"),
            3_600..86_400 => (seconds / 3_600, "時間前", "hour"),
            86_400.. => (seconds / 86_400, "日前", "day"),
        };
        match self {
            Self::Japanese => format!("{}{japanese}", self.number(count)),
            Self::English => {
                let plural = if count == 1 { "" } else { "s" };
                format!("{} {english}{plural} ago", self.number(count))
            }
        }
    }
}

/// `2026-11-23 21:00:00`.
pub(super) fn in_japan(at: Timestamp) -> String {
    let text = at.plus_seconds(JAPAN_OFFSET_SECONDS).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

/// The weight of `q=0.5`, in thousandths.
fn thousandths(quality: &str) -> u16 {
    let value = quality.trim().strip_prefix("q=").unwrap_or("0");
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (whole, fraction) = (whole.parse::<u16>(), fraction.parse::<u16>());
    match (whole, fraction) {
        (Ok(1), _) => 1_000,
        (Ok(0), Ok(fraction)) => fraction,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_language_is_the_one_that_the_browser_likes_best() {
        for (wishes, language) in [
            ("ja", Language::Japanese),
            ("en-US,en;q=0.9", Language::English),
            ("fr, en;q=0.5, ja;q=0.7", Language::Japanese),
            ("ja;q=0.3, EN-gb;q=0.4", Language::English),
            ("de", Language::Japanese),
            ("en;q=0", Language::Japanese),
            ("en;q=x, ,;;;q=1", Language::Japanese),
            ("", Language::Japanese),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(wishes));
            assert_eq!(Language::wanted(&headers), language, "{wishes}");
        }
        assert_eq!(Language::wanted(&HeaderMap::new()), Language::Japanese);
        let mut headers = HeaderMap::new();
        let endless = HeaderValue::from_str(&"en,".repeat(200)).unwrap();
        headers.insert(ACCEPT_LANGUAGE, endless);
        assert_eq!(Language::wanted(&headers), Language::Japanese);
    }

    #[test]
    fn numbers_and_times_are_written_for_people() {
        let number = |number| Language::English.number(number);
        assert_eq!((number(0), number(999)), ("0".into(), "999".into()));
        assert_eq!(number(1_234_567), "1,234,567");
        let midnight = Timestamp::from_unix(1_800_000_000);
        assert_eq!(in_japan(midnight), "2027-01-15 17:00:00");
        let ago =
            |seconds, language: Language| language.ago(midnight, midnight.plus_seconds(seconds));
        assert_eq!(ago(1, Language::English), "1 second ago");
        assert_eq!(ago(7_200, Language::English), "2 hours ago");
        assert_eq!(ago(90, Language::Japanese), "1分前");
        assert_eq!(ago(1_000 * 86_400, Language::Japanese), "1,000日前");
    }
}
