//! The consent screen: who asks, what they get, what for, and what happens.

use serde_json::Value;

use super::asked::Asked;
use super::choice::Chosen;
use crate::display::{inert, statement_lines};
use crate::http::host;

/// Whether images of the identity document go with the claims.
#[derive(Clone, Copy)]
pub(super) enum Images {
    /// The claims name none.
    NotAsked,
    /// So many.
    Given(usize),
    /// The claims name images that this wallet does not have.
    Missing,
}

/// The lines that a person reads before agreeing.
pub(super) fn lines(
    asked: &Asked<'_>,
    chosen: &Chosen,
    shown: &Value,
    images: Images,
) -> Vec<String> {
    let parameters = asked.request.parameters();
    let mut lines = vec![
        format!("{} asks you for data.", inert(&asked.verifier.name)),
        format!("  registered as {}", asked.verifier.id),
        format!("  the answer goes to {}", host(&parameters.response_uri)),
    ];
    if let Some(name) = asked.request.certificate_name() {
        lines.push(format!("  certificate of {}", inert(name)));
    }
    lines.push(String::new());
    lines.push(format!("For: {}", purpose_words(asked)));
    lines.push(String::new());
    lines.push("It receives:".to_owned());
    lines.extend(
        statement_lines(shown)
            .iter()
            .map(|line| format!("  {line}")),
    );
    match images {
        Images::NotAsked => {}
        Images::Given(count) => lines.push(format!("  images of your identity document: {count}")),
        Images::Missing => lines.push(
            "  no images of your identity document, though they belong to it: they are not in this wallet".to_owned(),
        ),
    }
    if let Some(declaration) = &asked.declaration {
        let residences: Vec<String> = declaration
            .tax_residences()
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.push(String::new());
        lines.push("You declare to it, signed:".to_owned());
        lines.push(format!(
            "  account type: {}",
            declaration.account_type().as_str()
        ));
        lines.push(format!("  tax residence: {}", residences.join(", ")));
    }
    lines.push(String::new());
    lines.push("What happens:".to_owned());
    lines.push(
        "  The registry records that you designated a company; not which, and not who you are."
            .to_owned(),
    );
    lines.push("  Then the data goes to this company alone, encrypted.".to_owned());
    lines.push(format!(
        "  A one-time instance of your credential is used up; {} are left.",
        chosen.left
    ));
    lines.push(String::new());
    lines.push("Agree only if you started this yourself.".to_owned());
    lines
}

fn purpose_words(asked: &Asked<'_>) -> String {
    let text = &asked.purpose.text;
    let words: Vec<String> = ["ja", "en"]
        .iter()
        .filter_map(|language| text.get(*language))
        .map(|words| inert(words))
        .collect();
    if words.is_empty() {
        inert(&asked.purpose.id)
    } else {
        words.join(" / ")
    }
}
