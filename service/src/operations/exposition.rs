//! The Prometheus text format, version 0.0.4: the part of it that a service needs, which is smaller than a library for it.

use std::fmt::{Display, Write as _};

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A text that is being written, family by family.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family; the samples that follow are its own.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = kind.name();
        self.line(format_args!(
            "# HELP {name} {}\n# TYPE {name} {kind}",
            help.replace('\\', r"\\").replace('\n', r"\n")
        ));
        self.family = name;
    }

    /// A sample of the family, with labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// A sample of the family whose name has an ending, such as `_bucket`.
    pub fn sample_of(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) {
        let family = self.family;
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        if labels.is_empty() {
            self.line(format_args!("{family}{ending} {value}"));
        } else {
            self.line(format_args!(
                "{family}{ending}{{{}}} {value}",
                labels.join(",")
            ));
        }
    }

    /// A family of one gauge without labels.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, Kind::Gauge, help);
        self.sample(&[], value);
    }

    /// A family of one counter without labels.
    pub fn counter(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, Kind::Counter, help);
        self.sample(&[], value);
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing to a string cannot fail");
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut to = Exposition::default();
        to.gauge("height", "How high.", 7);
        to.family("requests_total", Kind::Counter, "How many.");
        to.sample(&[("route", "/a"), ("status", "200")], 3);
        let text = "# HELP height How high.\n# TYPE height gauge\nheight 7\n\
            # HELP requests_total How many.\n# TYPE requests_total counter\n\
            requests_total{route=\"/a\",status=\"200\"} 3\n";
        assert_eq!(to.into_text(), text);
    }

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut to = Exposition::default();
        to.family("a", Kind::Gauge, "b\nc");
        to.sample(&[("d", "\"} 1\ne 2\\")], 0);
        let text = to.into_text();
        assert_eq!(text.lines().count(), 3);
        assert!(text.ends_with("a{d=\"\\\"} 1\\ne 2\\\\\"} 0\n"), "{text}");
    }
}
