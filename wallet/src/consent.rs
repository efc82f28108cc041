//! Whether the user agreed before the command ran.

/// Whether to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Ask on the terminal.
    Ask,
    /// `--yes`: the user has decided already.
    Given,
}

impl Consent {
    /// What `--yes` means.
    #[must_use]
    pub const fn of_flag(yes: bool) -> Self {
        if yes { Self::Given } else { Self::Ask }
    }
}
