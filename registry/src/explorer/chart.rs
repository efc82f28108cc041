//! How many records came when: a chart that is drawn here, and a table that says the same.

use super::language::{Language, in_japan};
use crate::{replica::Replica, store::StoreError};
use maud::{Markup, html};
use protocol::Timestamp;

const WIDTH: u64 = 720;
const HEIGHT: u64 = 120;

/// The time that a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Hour,
    Day,
    Month,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// As in a query.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    pub(super) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.code() == code)
    }

    pub(super) const fn name(self, language: Language) -> &'static str {
        match self {
            Self::Hour => language.say("1時間", "1 hour"),
            Self::Day => language.say("24時間", "24 hours"),
            Self::Month => language.say("30日", "30 days"),
        }
    }

    const fn bar_name(self, language: Language) -> &'static str {
        match self {
            Self::Hour => language.say("1分ごと", "per minute"),
            Self::Day => language.say("30分ごと", "per half hour"),
            Self::Month => language.say("1日ごと", "per day"),
        }
    }

    /// Seconds of a bar, and bars.
    const fn bars(self) -> (u64, u64) {
        match self {
            Self::Hour => (60, 60),
            Self::Day => (1_800, 48),
            Self::Month => (86_400, 30),
        }
    }
}

/// Records by the time of their blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chart {
    span: Span,
    /// Where each bar begins, and how many records it counts. The last one ends now.
    bars: Vec<(Timestamp, u64)>,
}

impl Chart {
    /// Counts by looking up where each bar begins, which does not take longer on a long ledger.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub(super) fn of(replica: &Replica, span: Span, now: Timestamp) -> Result<Self, StoreError> {
        let (seconds, count) = span.bars();
        // Bars begin at whole minutes, and days at midnight in Japan, which is a whole hour here.
        let last = now.as_unix() - (now.as_unix() + JAPAN_DAY_SHIFT) % seconds;
        let starts = (0..=count).map(|bar| {
            let ago = (count - 1).saturating_mul(seconds);
            last.saturating_sub(ago)
                .saturating_add(bar.saturating_mul(seconds))
        });
        let mut bars = Vec::new();
        let mut before = None;
        for start in starts {
            let start = Timestamp::from_unix(start);
            let index = replica.index_at(start)?;
            if let Some((begun, from)) = before.replace((start, index)) {
                bars.push((begun, index.saturating_sub(from)));
            }
        }
        Ok(Self { span, bars })
    }

    fn total(&self) -> u64 {
        self.bars.iter().map(|(_, count)| count).sum()
    }

    /// The chart, its summary in words, and its table.
    pub(super) fn draw(&self, language: Language) -> Markup {
        let total = language.number(self.total());
        let span = self.span.name(language);
        let summary = match language {
            Language::Japanese => format!("過去{span}の記録は {total} 件"),
            Language::English => format!("{total} records in the last {span}"),
        };
        html! {
            figure.chart {
                figcaption { (summary) }
                (self.bars_drawn(&summary, language))
                details {
                    summary { (language.say("数値で見る", "Show the numbers")) }
                    (self.table(language))
                }
            }
        }
    }

    fn bars_drawn(&self, summary: &str, language: Language) -> Markup {
        let most = self.bars.iter().map(|(_, count)| *count).max();
        let most = most.unwrap_or(0).max(1);
        let step = WIDTH / (self.bars.len() as u64).max(1);
        let bar = |(at, (_, count)): (usize, &(Timestamp, u64))| {
            let room = u128::from(HEIGHT);
            let height = u128::from(*count) * room / u128::from(most);
            // A record that was there is seen.
            let height = u64::try_from(height)
                .unwrap_or(0)
                .max(u64::from(*count > 0) * 2);
            (step * at as u64, height)
        };
        let begins = self.bars.first().map(|(at, _)| in_japan(*at));
        let begins = begins.unwrap_or_default();
        html! {
            p.scale {
                @match language {
                    Language::Japanese => { "最大 " (language.number(most)) " 件（" (self.span.bar_name(language)) "）" }
                    Language::English => { "up to " (language.number(most)) " " (self.span.bar_name(language)) }
                }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(summary) {
                line.grid x1="0" x2=(WIDTH) y1="1" y2="1" {}
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - 1) y2=(HEIGHT - 1) {}
                @for (left, height) in self.bars.iter().enumerate().map(bar) {
                    @if height > 0 {
                        rect x=(left + 1) y=(HEIGHT - height) width=(step.saturating_sub(2).max(1)) height=(height) {}
                    }
                }
            }
            p.ends {
                span { (begins.get(..16).unwrap_or_default()) }
                span { (language.say("現在", "now")) }
            }
        }
    }

    fn table(&self, language: Language) -> Markup {
        html! {
            table.compact {
                thead { tr {
                    th scope="col" { (language.say("開始（日本時間）", "From (Japan)")) }
                    th.number scope="col" { (language.say("件数", "Records")) }
                } }
                tbody {
                    @for (at, count) in self.bars.iter().rev() {
                        tr {
                            td { (language.time(*at)) }
                            td.number { (language.number(*count)) }
                        }
                    }
                }
            }
        }
    }
}

/// A day begins in Japan nine hours before it does in UTC.
const JAPAN_DAY_SHIFT: u64 = 9 * 3_600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, Network, block};
    use registry_consensus::Application as _;

    #[test]
    fn records_are_counted_in_the_bar_of_their_block() {
        let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
        let replica = network.replica(0, directory.path());
        let records: Vec<_> = (1..=5).map(|case| network.event(case, 0, 1)).collect();
        // The fixture's blocks are one second apart from NOW on, by height.
        replica
            .commit(&block(1, &[&records[0], &records[1]]))
            .unwrap();
        replica.commit(&block(70, &[&records[2]])).unwrap();
        replica
            .commit(&block(130, &[&records[3], &records[4]]))
            .unwrap();
        let now = NOW.plus_seconds(140);
        let chart = Chart::of(&replica, Span::Hour, now).unwrap();
        assert_eq!(chart.bars.len(), 60);
        assert_eq!(chart.total(), 5);
        let counted: Vec<u64> = chart.bars.iter().map(|(_, count)| *count).collect();
        assert_eq!(counted.iter().filter(|count| **count > 0).count(), 3);
        for (start, count) in &chart.bars {
            let end = start.plus_seconds(60);
            let heights = [1, 1, 70, 130, 130].map(|height| NOW.plus_seconds(height));
            let inside = heights.iter().filter(|at| *start <= **at && **at < end);
            assert_eq!(inside.count() as u64, *count);
        }
        // An hour later nothing is left of it, and a month shows it all in one day.
        let later = Chart::of(&replica, Span::Hour, now.plus_seconds(3_600)).unwrap();
        assert_eq!(later.total(), 0);
        let month = Chart::of(&replica, Span::Month, now).unwrap();
        assert_eq!(month.total(), 5);
        let at = month.bars.last().unwrap().0;
        assert!(in_japan(at).ends_with(" 00:00:00"), "{}", in_japan(at));
    }

    #[test]
    fn an_empty_ledger_has_an_empty_chart() {
        let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
        let replica = network.replica(0, directory.path());
        for span in Span::ALL {
            let chart = Chart::of(&replica, span, NOW).unwrap();
            assert_eq!(chart.total(), 0);
            let drawn = chart.draw(Language::English).into_string();
            assert!(!drawn.contains("<rect"), "{drawn}");
            assert_eq!(Span::of(span.code()), Some(span));
        }
        assert_eq!(Span::of("year"), None);
    }
}
