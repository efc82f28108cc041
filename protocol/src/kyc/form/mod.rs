//! The application form: what the applicant states, and the rules a statement must keep.

use serde::{Deserialize, Serialize};

use super::{DocumentKind, text_contains_my_number};
use crate::{Date, Timestamp};

/// The age from which a person may apply.
const AGE_YEARS_MIN: u32 = 20;
/// The age above which a birth date is taken for a slip.
const AGE_YEARS_MAX: u32 = 130;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 40;
/// Characters of an occupation or of a line of an address.
const LINE_CHARS_MAX: usize = 100;

/// The 47 prefectures, as an address writes them.
const PREFECTURES: [&str; 47] = [
    "北海道",
    "青森県",
    "岩手県",
    "宮城県",
    "秋田県",
    "山形県",
    "福島県",
    "茨城県",
    "栃木県",
    "群馬県",
    "埼玉県",
    "千葉県",
    "東京都",
    "神奈川県",
    "新潟県",
    "富山県",
    "石川県",
    "福井県",
    "山梨県",
    "長野県",
    "岐阜県",
    "静岡県",
    "愛知県",
    "三重県",
    "滋賀県",
    "京都府",
    "大阪府",
    "兵庫県",
    "奈良県",
    "和歌山県",
    "鳥取県",
    "島根県",
    "岡山県",
    "広島県",
    "山口県",
    "徳島県",
    "香川県",
    "愛媛県",
    "高知県",
    "福岡県",
    "佐賀県",
    "長崎県",
    "熊本県",
    "大分県",
    "宮崎県",
    "鹿児島県",
    "沖縄県",
];

/// A form as an applicant filled it in. Members have the names of the claims that they become.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedForm {
    /// Family name as in the family register.
    pub family_name: String,
    /// Given name as in the family register.
    pub given_name: String,
    /// Family name in full-width katakana.
    #[serde(rename = "family_name#ja-Kana-JP")]
    pub family_name_kana: String,
    /// Given name in full-width katakana.
    #[serde(rename = "given_name#ja-Kana-JP")]
    pub given_name_kana: String,
    /// Family name in Latin letters.
    #[serde(rename = "family_name#ja-Latn-JP")]
    pub family_name_latin: String,
    /// Given name in Latin letters.
    #[serde(rename = "given_name#ja-Latn-JP")]
    pub given_name_latin: String,
    /// Day of birth, `YYYY-MM-DD`.
    pub birthdate: String,
    /// Where the applicant lives.
    pub address: PostalAddress,
    /// ISO 3166-1 alpha-2 codes.
    pub nationalities: Vec<String>,
    /// What the applicant does for a living.
    pub occupation: String,
    /// The document whose images are attached.
    pub identity_document: UnverifiedIdentityDocument,
}

/// An address in Japan.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostalAddress {
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// `NNN-NNNN`.
    pub postal_code: String,
    /// Prefecture.
    pub region: String,
    /// City, ward, town or village.
    pub locality: String,
    /// Block, number, building, room.
    pub street_address: String,
}

/// The identity document as the applicant describes it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedIdentityDocument {
    /// Which kind.
    #[serde(rename = "type")]
    pub kind: DocumentKind,
    /// The last day on which it is valid, `YYYY-MM-DD`.
    pub date_of_expiry: String,
}

/// The identity document that a form names; it had not expired when the form was verified.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityDocument {
    kind: DocumentKind,
    date_of_expiry: Date,
}

impl IdentityDocument {
    /// Which kind.
    pub const fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The last day on which it is valid.
    pub const fn date_of_expiry(&self) -> Date {
        self.date_of_expiry
    }
}

/// A form that keeps every rule. It states facts about a person; nothing here says that they are true.
#[derive(Clone)]
pub struct Form {
    stated: UnverifiedForm,
    birthdate: Date,
    identity_document: IdentityDocument,
}

/// A member of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `family_name`
    FamilyName,
    /// `given_name`
    GivenName,
    /// `family_name#ja-Kana-JP`
    FamilyNameKana,
    /// `given_name#ja-Kana-JP`
    GivenNameKana,
    /// `family_name#ja-Latn-JP`
    FamilyNameLatin,
    /// `given_name#ja-Latn-JP`
    GivenNameLatin,
    /// `birthdate`
    Birthdate,
    /// `address.postal_code`
    PostalCode,
    /// `address.region`
    Region,
    /// `address.locality`
    Locality,
    /// `address.street_address`
    StreetAddress,
    /// `occupation`
    Occupation,
    /// `identity_document.date_of_expiry`
    DocumentExpiry,
}

impl Field {
    /// The member's name in the form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FamilyName => "family_name",
            Self::GivenName => "given_name",
            Self::FamilyNameKana => "family_name#ja-Kana-JP",
            Self::GivenNameKana => "given_name#ja-Kana-JP",
            Self::FamilyNameLatin => "family_name#ja-Latn-JP",
            Self::GivenNameLatin => "given_name#ja-Latn-JP",
            Self::Birthdate => "birthdate",
            Self::PostalCode => "address.postal_code",
            Self::Region => "address.region",
            Self::Locality => "address.locality",
            Self::StreetAddress => "address.street_address",
            Self::Occupation => "occupation",
            Self::DocumentExpiry => "identity_document.date_of_expiry",
        }
    }
}

/// Why a form is refused. No variant holds what the applicant wrote.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A member is too long or has characters that it cannot have.
    #[error("{} is empty, too long, or has characters that do not belong there", .0.name())]
    Malformed(Field),
    /// A My Number stands in the form.
    #[error(
        "the form holds a My Number: the consortium may not receive it; remove it and apply again"
    )]
    MyNumber,
    /// The birth date lies ahead.
    #[error("the birth date lies in the future")]
    NotBorn,
    /// Too young.
    #[error("applicants must be 20 or over")]
    UnderAge,
    /// The address is not in Japan.
    #[error("applicants must be resident in Japan")]
    NotResident,
    /// The nationality is not Japanese.
    #[error("applicants must be nationals of Japan")]
    NotNational,
    /// The identity document is no longer valid.
    #[error("the identity document has expired")]
    DocumentExpired,
}

impl UnverifiedForm {
    /// Checks every rule at the given time.
    pub fn verify(self, now: Timestamp) -> Result<Form, FormError> {
        if self.texts().into_iter().any(text_contains_my_number) {
            return Err(FormError::MyNumber);
        }
        self.verify_names()?;
        let birthdate = parse_date(&self.birthdate, Field::Birthdate)?;
        verify_age(birthdate, now)?;
        self.verify_residence()?;
        if !is_line(&self.occupation) {
            return Err(FormError::Malformed(Field::Occupation));
        }
        let date_of_expiry = parse_date(
            &self.identity_document.date_of_expiry,
            Field::DocumentExpiry,
        )?;
        if date_of_expiry < now.date_in_japan() {
            return Err(FormError::DocumentExpired);
        }
        let identity_document = IdentityDocument {
            kind: self.identity_document.kind,
            date_of_expiry,
        };
        Ok(Form {
            stated: self,
            birthdate,
            identity_document,
        })
    }

    fn texts(&self) -> [&str; 14] {
        [
            &self.family_name,
            &self.given_name,
            &self.family_name_kana,
            &self.given_name_kana,
            &self.family_name_latin,
            &self.given_name_latin,
            &self.birthdate,
            &self.address.country,
            &self.address.postal_code,
            &self.address.region,
            &self.address.locality,
            &self.address.street_address,
            &self.occupation,
            &self.identity_document.date_of_expiry,
        ]
    }

    fn verify_names(&self) -> Result<(), FormError> {
        let kanji = Script(is_name_character);
        let (kana, latin) = (Script(is_katakana), Script(is_latin));
        let rules = [
            (&self.family_name, kanji, Field::FamilyName),
            (&self.given_name, kanji, Field::GivenName),
            (&self.family_name_kana, kana, Field::FamilyNameKana),
            (&self.given_name_kana, kana, Field::GivenNameKana),
            (&self.family_name_latin, latin, Field::FamilyNameLatin),
            (&self.given_name_latin, latin, Field::GivenNameLatin),
        ];
        for (name, Script(allowed), field) in rules {
            let length = name.chars().take(NAME_CHARS_MAX + 1).count();
            let trimmed = name.trim() == name;
            if !(1..=NAME_CHARS_MAX).contains(&length) || !trimmed || !name.chars().all(allowed) {
                return Err(FormError::Malformed(field));
            }
        }
        Ok(())
    }

    fn verify_residence(&self) -> Result<(), FormError> {
        if self.address.country != "JP" {
            return Err(FormError::NotResident);
        }
        if !matches!(self.nationalities.as_slice(), [only] if only == "JP") {
            return Err(FormError::NotNational);
        }
        if !is_postal_code(&self.address.postal_code) {
            return Err(FormError::Malformed(Field::PostalCode));
        }
        if !PREFECTURES.contains(&self.address.region.as_str()) {
            return Err(FormError::Malformed(Field::Region));
        }
        if !is_line(&self.address.locality) {
            return Err(FormError::Malformed(Field::Locality));
        }
        if !is_line(&self.address.street_address) {
            return Err(FormError::Malformed(Field::StreetAddress));
        }
        Ok(())
    }
}

impl Form {
    /// What the applicant wrote.
    pub const fn stated(&self) -> &UnverifiedForm {
        &self.stated
    }

    /// The day of birth.
    pub const fn birthdate(&self) -> Date {
        self.birthdate
    }

    /// The document that proves identity.
    pub const fn identity_document(&self) -> &IdentityDocument {
        &self.identity_document
    }
}

impl std::fmt::Debug for UnverifiedForm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UnverifiedForm")
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Form")
    }
}

/// The characters that a name may have.
#[derive(Clone, Copy)]
struct Script(fn(char) -> bool);

fn parse_date(text: &str, field: Field) -> Result<Date, FormError> {
    Date::parse(text).map_err(|_| FormError::Malformed(field))
}

fn verify_age(birthdate: Date, now: Timestamp) -> Result<(), FormError> {
    match birthdate.years_until(now) {
        None => Err(FormError::NotBorn),
        Some(years) if years < AGE_YEARS_MIN => Err(FormError::UnderAge),
        Some(years) if years > AGE_YEARS_MAX => Err(FormError::Malformed(Field::Birthdate)),
        Some(_) => Ok(()),
    }
}

/// Kanji with their variation selectors, kana and the iteration marks; no half-width forms, no markup.
fn is_name_character(character: char) -> bool {
    matches!(character,
        '々' | '〆' | '〇' | 'ー'
        | '\u{3041}'..='\u{3096}'
        | '\u{30A1}'..='\u{30FA}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFD}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{E0100}'..='\u{E01EF}')
}

fn is_katakana(character: char) -> bool {
    matches!(character, '\u{30A1}'..='\u{30FA}' | 'ー' | '・' | '　')
}

fn is_latin(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, ' ' | '-' | '\'')
}

fn is_postal_code(text: &str) -> bool {
    let digits =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-')
        .is_some_and(|(area, block)| digits(area, 3) && digits(block, 4))
}

/// One line of visible text. Control and formatting characters could hide or reverse what a reviewer reads; `<`, `>`
/// and a leading formula sign are no part of an address and would act in a page or a spreadsheet.
fn is_line(text: &str) -> bool {
    let length = text.chars().take(LINE_CHARS_MAX + 1).count();
    let hidden = |character: char| {
        character.is_control()
            || matches!(character,
                '<' | '>' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    (1..=LINE_CHARS_MAX).contains(&length)
        && text.trim() == text
        && !text.starts_with(['=', '+', '-', '@'])
        && !text.chars().any(hidden)
}

#[cfg(test)]
mod tests;
