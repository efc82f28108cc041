//! What is applied for, and what the applicant declares for it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::presentation::{TransactionData, TransactionDataType};

/// The purpose of a request that opens an account.
pub const PURPOSE_ACCOUNT_OPENING: &str = "account_opening";
/// The purpose of a request that only asks who someone is.
pub const PURPOSE_IDENTIFICATION: &str = "identification";

/// The type of the transaction data that carries a declaration.
const DECLARATION: &str = "tegata/crs-declaration/v1";
/// Countries in one declaration.
const RESIDENCES_MAX: usize = 8;

/// The transaction data that a wallet of ours knows.
pub const TRANSACTION_DATA_TYPES: [TransactionDataType; 1] = [TransactionDataType {
    name: DECLARATION,
    accepts: |fields| CrsDeclaration::from_fields(fields).is_some(),
}];

/// The kind of securities account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountType {
    /// General account (一般口座): the customer computes and declares gains.
    General,
    /// Specific account (特定口座): the company computes them.
    Specific,
}

impl AccountType {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Specific => "specific",
        }
    }
}

/// A country by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Not two upper-case letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is two upper-case letters")]
pub struct CountryError;

impl Country {
    /// Japan.
    pub const JAPAN: Self = Self(*b"JP");
}

impl TryFrom<String> for Country {
    type Error = CountryError;

    fn try_from(text: String) -> Result<Self, CountryError> {
        <[u8; 2]>::try_from(text.as_bytes())
            .ok()
            .filter(|code| code.iter().all(u8::is_ascii_uppercase))
            .map(Self)
            .ok_or(CountryError)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([first, second]) = *self;
        write!(f, "{}{}", char::from(first), char::from(second))
    }
}

/// The tax residences that an applicant declares to one company for one account (Common Reporting Standard).
///
/// It is made anew each time: the key binding JWT signs its hash together with the company and the nonce of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrsDeclaration {
    account_type: AccountType,
    tax_residences: Vec<Country>,
}

/// A declaration names no country, one twice, or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a declaration names 1 to {RESIDENCES_MAX} different countries")]
pub struct DeclarationError;

impl CrsDeclaration {
    /// A declaration of at least one country, each once.
    pub fn new(
        account_type: AccountType,
        tax_residences: Vec<Country>,
    ) -> Result<Self, DeclarationError> {
        let mut sorted = tax_residences.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty()
            || sorted.len() != tax_residences.len()
            || sorted.len() > RESIDENCES_MAX
        {
            return Err(DeclarationError);
        }
        Ok(Self {
            account_type,
            tax_residences,
        })
    }

    /// The account that it is made for.
    #[must_use]
    pub const fn account_type(&self) -> AccountType {
        self.account_type
    }

    /// The declared countries.
    #[must_use]
    pub fn tax_residences(&self) -> &[Country] {
        &self.tax_residences
    }

    /// The object to put into a request; the credential of that query signs it.
    #[must_use]
    pub fn to_transaction_data(&self, credential_id: &str) -> TransactionData {
        let fields = Map::from_iter([
            ("account_type".to_owned(), json!(self.account_type)),
            ("tax_residences".to_owned(), json!(self.tax_residences)),
        ]);
        TransactionData::new(DECLARATION, &[credential_id], fields)
    }

    /// The declaration in a request's transaction data, for the holder to read before signing.
    #[must_use]
    pub fn find(transaction_data: &[TransactionData]) -> Option<Self> {
        let data = transaction_data
            .iter()
            .find(|data| data.kind() == DECLARATION)?;
        Self::from_fields(data.fields())
    }

    /// Exactly the members of the type, and nothing else.
    fn from_fields(fields: &Map<String, Value>) -> Option<Self> {
        if fields.len() != 2 {
            return None;
        }
        let account_type = AccountType::deserialize(fields.get("account_type")?).ok()?;
        let tax_residences = Vec::<Country>::deserialize(fields.get("tax_residences")?).ok()?;
        Self::new(account_type, tax_residences).ok()
    }
}

/// Whether a wallet that knows these types of transaction data can sign a declaration.
#[must_use]
pub fn can_declare(transaction_data_types: &[String]) -> bool {
    transaction_data_types
        .iter()
        .any(|name| name == DECLARATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_declaration_is_read_back_from_its_transaction_data() {
        let declaration = CrsDeclaration::new(AccountType::Specific, vec![Country::JAPAN]).unwrap();
        let data = declaration.to_transaction_data("kyc");
        assert_eq!(CrsDeclaration::find(&[data]), Some(declaration));
        assert!(can_declare(&["x".to_owned(), DECLARATION.to_owned()]));
    }

    #[test]
    fn neg_r21_a_declaration_of_another_form_is_refused() {
        let good = json!({"account_type": "general", "tax_residences": ["JP", "US"]});
        assert!((TRANSACTION_DATA_TYPES[0].accepts)(&fields(&good)));
        for bad in [
            json!({"account_type": "general"}),
            json!({"account_type": "margin", "tax_residences": ["JP"]}),
            json!({"account_type": "general", "tax_residences": []}),
            json!({"account_type": "general", "tax_residences": ["JP", "JP"]}),
            json!({"account_type": "general", "tax_residences": ["jp"]}),
            json!({"account_type": "general", "tax_residences": ["JPN"]}),
            json!({"account_type": "general", "tax_residences": "JP"}),
            json!({"account_type": "general", "tax_residences": ["JP"], "my_number": "1"}),
        ] {
            assert!(!(TRANSACTION_DATA_TYPES[0].accepts)(&fields(&bad)), "{bad}");
        }
    }
}
