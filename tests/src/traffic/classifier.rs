//! Naive Bayes over features with few values: each by itself says how likely a company is.

use std::collections::HashMap;

/// Counts from examples.
pub(super) struct Classifier {
    companies: HashMap<usize, f64>,
    counts: HashMap<(usize, usize, u64), f64>,
}

impl Classifier {
    pub(super) fn learn<'e>(examples: impl Iterator<Item = (&'e [u64], usize)>) -> Self {
        let mut learnt = Self {
            companies: HashMap::new(),
            counts: HashMap::new(),
        };
        for (features, company) in examples {
            *learnt.companies.entry(company).or_default() += 1.0;
            for (place, value) in features.iter().enumerate() {
                *learnt.counts.entry((company, place, *value)).or_default() += 1.0;
            }
        }
        learnt
    }

    /// The likeliest of the companies that are possible; several if they are equally likely.
    pub(super) fn best(&self, features: &[u64], possible: &[usize]) -> Vec<usize> {
        let mut best: (f64, Vec<usize>) = (f64::NEG_INFINITY, Vec::new());
        for company in possible {
            let likelihood = self.likelihood(features, *company);
            if likelihood > best.0 {
                best = (likelihood, vec![*company]);
            } else if likelihood >= best.0 {
                best.1.push(*company);
            }
        }
        best.1
    }

    fn likelihood(&self, features: &[u64], company: usize) -> f64 {
        let examples = self.companies.get(&company).copied().unwrap_or_default();
        let of_features = features.iter().enumerate().map(|(place, value)| {
            let seen = self.counts.get(&(company, place, *value));
            ((seen.copied().unwrap_or_default() + 0.5) / (examples + 4.0)).ln()
        });
        (examples + 1.0).ln() + of_features.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found_and_none_is_not_made_up() {
        let examples = [([0_u64, 7].as_slice(), 2), (&[1, 7], 3), (&[0, 7], 2)];
        let learnt = Classifier::learn(examples.into_iter());
        assert_eq!(learnt.best(&[0, 7], &[2, 3]), [2]);
        assert_eq!(learnt.best(&[1, 7], &[2, 3]), [3]);
        assert_eq!(learnt.best(&[1, 7], &[4, 5]), [4, 5]);
    }
}
