//! The company's rules for opening an account: plain functions over verified facts (Table 5-1 of the working paper).
//!
//! Own criteria against anti-social forces are not here: they stay with the staff, who decide.

use protocol::application::{AccountType, PURPOSE_ACCOUNT_OPENING};
use protocol::credential::ClaimPath;
use protocol::kyc::{Judgement, Process};
use protocol::{Date, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The age from which a person may open an account.
pub const AGE_YEARS_MIN: u32 = 20;
const JAPAN: &str = "JP";
const DAY_SECONDS: u64 = 86_400;

/// What a company may set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The account types that the company offers.
    pub account_types: Vec<AccountType>,
    /// For how many days a KYC verification is fresh.
    pub kyc_age_days_max: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            account_types: vec![AccountType::General, AccountType::Specific],
            kyc_age_days_max: 365,
        }
    }
}

/// Whether the holder showed a consent receipt for this company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentReceipt {
    /// The registry holds it, and it was opened for this company.
    Verified,
    /// The wallet sent none.
    Missing,
}

/// Whether the holder signed a declaration of tax residences for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Declaration {
    /// With the key of the credential, for this company and this request.
    Signed,
    /// The wallet could not.
    Missing,
}

/// Why an account is not opened, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The request only asked who someone is.
    NotAnAccountApplication,
    /// The company does not offer this type of account.
    AccountTypeNotOffered,
    /// Without the receipt, nobody can show that the holder meant this company.
    ConsentReceiptMissing,
    /// The tax residences were not declared with a signature.
    DeclarationMissing,
    /// Younger than 20, or no birth date.
    Underage,
    /// The address is not in Japan.
    NotResident,
    /// Japan is not among the nationalities.
    NotNational,
    /// The KYC verification is too old, or has no time.
    KycStale,
    /// Not all four common checks were disclosed, opened on the registry, and passed.
    ChecksIncomplete,
    /// The same person has an account or another application here.
    Duplicate,
    /// The credential was revoked or suspended.
    CredentialNotValid,
}

/// What was verified of an application, in the words of the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The purpose of the request.
    pub purpose: String,
    /// The account that is applied for.
    pub account_type: AccountType,
    /// Whether the holder's consent is on the registry.
    pub consent: ConsentReceipt,
    /// Whether the tax residences were declared.
    pub declaration: Declaration,
    /// Birth date.
    pub birthdate: Option<Date>,
    /// Country of the address.
    pub country: Option<String>,
    /// Nationalities.
    pub nationalities: Vec<String>,
    /// When the consortium verified the person.
    pub kyc_time: Option<Timestamp>,
    /// The checks that opened their events on the registry.
    pub checks: Vec<(Process, Judgement)>,
    /// Whether the same person is known here already.
    pub known: Known,
}

/// Whether a person is known to the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// From another application.
    Yes,
    /// Not at all, or not enough was disclosed to tell.
    No,
}

/// Claims of a person that the rules look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonFacts {
    /// Birth date.
    pub birthdate: Option<Date>,
    /// Country of the address.
    pub country: Option<String>,
    /// Nationalities.
    pub nationalities: Vec<String>,
    /// When the consortium verified the person.
    pub kyc_time: Option<Timestamp>,
}

impl PersonFacts {
    /// Reads verified claims; what is absent or of another form is no fact.
    #[must_use]
    pub fn of(claims: &Value) -> Self {
        let person = ClaimPath::root("verified_claims").name("claims");
        let text = |path: ClaimPath| {
            let found = path.values(claims).ok()?;
            found.first()?.as_str().map(str::to_owned)
        };
        let nationalities = person.clone().name("nationalities").all();
        let time = ClaimPath::root("verified_claims")
            .name("verification")
            .name("time");
        Self {
            birthdate: text(person.clone().name("birthdate"))
                .and_then(|date| Date::parse(&date).ok()),
            country: text(person.name("address").name("country")),
            nationalities: nationalities
                .values(claims)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|nationality| nationality.as_str().map(str::to_owned))
                .collect(),
            kyc_time: text(time).and_then(|time| Timestamp::parse_rfc3339(&time).ok()),
        }
    }
}

impl Policy {
    /// Everything that speaks against opening the account; nothing means that the staff may open it.
    #[must_use]
    pub fn assess(&self, facts: &Facts, now: Timestamp) -> Vec<Finding> {
        let old = now.minus_seconds(self.kyc_age_days_max.saturating_mul(DAY_SECONDS));
        let passed = |process: Process| facts.checks.contains(&(process, Judgement::Passed));
        let age = facts
            .birthdate
            .and_then(|birthdate| birthdate.years_until(now));
        let rules = [
            (
                Finding::NotAnAccountApplication,
                facts.purpose == PURPOSE_ACCOUNT_OPENING,
            ),
            (
                Finding::AccountTypeNotOffered,
                self.account_types.contains(&facts.account_type),
            ),
            (
                Finding::ConsentReceiptMissing,
                facts.consent == ConsentReceipt::Verified,
            ),
            (
                Finding::DeclarationMissing,
                facts.declaration == Declaration::Signed,
            ),
            (
                Finding::Underage,
                age.is_some_and(|years| years >= AGE_YEARS_MIN),
            ),
            (
                Finding::NotResident,
                facts.country.as_deref() == Some(JAPAN),
            ),
            (
                Finding::NotNational,
                facts
                    .nationalities
                    .iter()
                    .any(|nationality| nationality == JAPAN),
            ),
            (
                Finding::KycStale,
                facts.kyc_time.is_some_and(|time| time >= old),
            ),
            (
                Finding::ChecksIncomplete,
                Process::ALL.into_iter().all(passed),
            ),
            (Finding::Duplicate, facts.known == Known::No),
        ];
        rules
            .into_iter()
            .filter(|(_, holds)| !holds)
            .map(|(finding, _)| finding)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-23T03:00:00Z").unwrap()
    }

    fn facts() -> Facts {
        Facts {
            purpose: PURPOSE_ACCOUNT_OPENING.to_owned(),
            account_type: AccountType::Specific,
            consent: ConsentReceipt::Verified,
            declaration: Declaration::Signed,
            birthdate: Some(Date::parse("1990-04-01").unwrap()),
            country: Some("JP".to_owned()),
            nationalities: vec!["JP".to_owned()],
            kyc_time: Some(now().start_of_day()),
            checks: Process::ALL
                .into_iter()
                .map(|process| (process, Judgement::Passed))
                .collect(),
            known: Known::No,
        }
    }

    fn findings(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
        let mut facts = facts();
        change(&mut facts);
        Policy::default().assess(&facts, now())
    }

    #[test]
    fn an_adult_resident_national_with_all_checks_may_have_an_account() {
        assert_eq!(findings(|_| {}), []);
    }

    #[test]
    fn a_person_is_an_adult_from_the_twentieth_birthday_in_japan() {
        let born =
            |date: &str| findings(|facts| facts.birthdate = Some(Date::parse(date).unwrap()));
        assert_eq!(born("2006-11-23"), []);
        assert_eq!(born("2006-11-24"), [Finding::Underage]);
        assert_eq!(
            findings(|facts| facts.birthdate = None),
            [Finding::Underage]
        );
    }

    #[test]
    fn residence_and_nationality_are_japanese() {
        assert_eq!(
            findings(|facts| facts.country = Some("US".to_owned())),
            [Finding::NotResident]
        );
        assert_eq!(
            findings(|facts| facts.country = None),
            [Finding::NotResident]
        );
        assert_eq!(
            findings(|facts| facts.nationalities = vec!["US".to_owned()]),
            [Finding::NotNational]
        );
        assert_eq!(
            findings(|facts| facts.nationalities.push("US".to_owned())),
            []
        );
    }

    #[test]
    fn a_stale_verification_is_due_again() {
        let verified = |days: u64| {
            findings(|facts| facts.kyc_time = Some(now().minus_seconds(days * DAY_SECONDS)))
        };
        assert_eq!(verified(365), []);
        assert_eq!(verified(366), [Finding::KycStale]);
        assert_eq!(findings(|facts| facts.kyc_time = None), [Finding::KycStale]);
    }

    #[test]
    fn every_check_must_have_passed() {
        for missing in Process::ALL {
            let without = findings(|facts| facts.checks.retain(|(process, _)| *process != missing));
            assert_eq!(without, [Finding::ChecksIncomplete]);
            let failed = findings(|facts| {
                for check in facts
                    .checks
                    .iter_mut()
                    .filter(|(process, _)| *process == missing)
                {
                    check.1 = Judgement::Failed;
                }
            });
            assert_eq!(failed, [Finding::ChecksIncomplete]);
        }
    }

    #[test]
    fn neg_r16_without_a_consent_receipt_no_account_is_opened() {
        assert_eq!(
            findings(|facts| facts.consent = ConsentReceipt::Missing),
            [Finding::ConsentReceiptMissing]
        );
    }

    #[test]
    fn neg_r21_without_a_signed_declaration_no_account_is_opened() {
        assert_eq!(
            findings(|facts| facts.declaration = Declaration::Missing),
            [Finding::DeclarationMissing]
        );
    }

    #[test]
    fn neg_r19_a_person_who_is_known_gets_no_second_account() {
        assert_eq!(
            findings(|facts| facts.known = Known::Yes),
            [Finding::Duplicate]
        );
    }

    #[test]
    fn only_offered_accounts_are_opened_and_only_for_that_purpose() {
        let policy = Policy {
            account_types: vec![AccountType::General],
            ..Policy::default()
        };
        assert_eq!(
            policy.assess(&facts(), now()),
            [Finding::AccountTypeNotOffered]
        );
        let identification = findings(|facts| facts.purpose = "identification".to_owned());
        assert_eq!(identification, [Finding::NotAnAccountApplication]);
    }

    #[test]
    fn facts_are_read_from_verified_claims() {
        let claims = json!({"verified_claims": {
            "verification": {"time": "2026-11-23T00:00:00Z"},
            "claims": {"birthdate": "1990-04-01", "address": {"country": "JP"}, "nationalities": ["JP", "US"]},
        }});
        let facts = PersonFacts::of(&claims);
        assert_eq!(facts.country.as_deref(), Some("JP"));
        assert_eq!(facts.nationalities, ["JP", "US"]);
        assert_eq!(facts.kyc_time, Some(now().start_of_day()));
        assert_eq!(PersonFacts::of(&json!({})), PersonFacts::default());
        let malformed = json!({"verified_claims": {"claims": {"birthdate": 19_900_401, "nationalities": "JP"}}});
        assert_eq!(PersonFacts::of(&malformed), PersonFacts::default());
    }
}
