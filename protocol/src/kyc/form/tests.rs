use super::*;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T03:00:00Z").unwrap()
}

fn form() -> UnverifiedForm {
    serde_json::from_str(include_str!("../../../../specs/vectors/kyc/form.json")).unwrap()
}

/// The error of the form after one change.
fn refused(change: impl FnOnce(&mut UnverifiedForm)) -> FormError {
    let mut form = form();
    change(&mut form);
    form.verify(now()).unwrap_err()
}

#[test]
fn a_form_that_keeps_every_rule_is_accepted() {
    let form = form().verify(now()).unwrap();
    assert_eq!(form.birthdate(), Date::parse("1990-04-01").unwrap());
    assert_eq!(form.stated().family_name, "山田");
    assert_eq!(form.identity_document().kind(), DocumentKind::DrivingPermit);
}

#[test]
fn neg_i22_a_my_number_in_any_member_is_refused() {
    let number = "1234 5678 9018";
    let changes: [fn(&mut UnverifiedForm, &str); 5] = [
        |form, number| form.family_name = number.to_owned(),
        |form, number| form.occupation = format!("会社員 {number}"),
        |form, number| form.address.street_address.push_str(number),
        |form, number| form.address.postal_code = number.to_owned(),
        |form, number| form.birthdate = number.to_owned(),
    ];
    for change in changes {
        assert_eq!(refused(|form| change(form, number)), FormError::MyNumber);
    }
}

#[test]
fn neg_i21_an_applicant_under_twenty_is_refused_until_the_birthday() {
    assert_eq!(
        refused(|form| form.birthdate = "2006-11-24".to_owned()),
        FormError::UnderAge
    );
    let mut of_age = form();
    of_age.birthdate = "2006-11-23".to_owned();
    assert!(of_age.verify(now()).is_ok());
}

#[test]
fn neg_i21_impossible_birth_dates_are_refused() {
    assert_eq!(
        refused(|form| form.birthdate = "2027-01-01".to_owned()),
        FormError::NotBorn
    );
    for text in [
        "1990-02-29",
        "1990-4-1",
        "19900401",
        "1800-01-01",
        "1990-04-01T00:00:00Z",
        "",
    ] {
        assert_eq!(
            refused(|form| form.birthdate = text.to_owned()),
            FormError::Malformed(Field::Birthdate),
            "{text}"
        );
    }
    let mut leap = form();
    leap.birthdate = "1992-02-29".to_owned();
    assert!(leap.verify(now()).is_ok());
}

#[test]
fn neg_i21_names_in_other_scripts_are_refused() {
    for name in [
        "",
        " 山田",
        "<script>",
        "=cmd",
        "山田1",
        "ﾔﾏﾀﾞ",
        "山\u{202E}田",
        "Yamada",
    ] {
        assert_eq!(
            refused(|form| form.family_name = name.to_owned()),
            FormError::Malformed(Field::FamilyName),
            "{name}"
        );
    }
    for kana in ["やまだ", "ﾔﾏﾀﾞ", "YAMADA"] {
        assert_eq!(
            refused(|form| form.given_name_kana = kana.to_owned()),
            FormError::Malformed(Field::GivenNameKana),
            "{kana}"
        );
    }
    for latin in ["ＹＡＭＡＤＡ", "Ya<b>", "山"] {
        assert_eq!(
            refused(|form| form.given_name_latin = latin.to_owned()),
            FormError::Malformed(Field::GivenNameLatin),
            "{latin}"
        );
    }
}

#[test]
fn variant_kanji_keep_their_selectors() {
    for name in ["髙﨑", "葛\u{E0100}城", "𠮷野", "佐々木"] {
        let mut form = form();
        form.family_name = name.to_owned();
        assert_eq!(form.verify(now()).unwrap().stated().family_name, name);
    }
}

#[test]
fn neg_i21_a_name_over_the_limit_is_refused() {
    let mut longest = form();
    longest.family_name = "山".repeat(NAME_CHARS_MAX);
    assert!(longest.verify(now()).is_ok());
    for length in [NAME_CHARS_MAX + 1, 1 << 20] {
        assert_eq!(
            refused(|form| form.family_name = "山".repeat(length)),
            FormError::Malformed(Field::FamilyName)
        );
    }
}

#[test]
fn only_nationals_resident_in_japan_may_apply() {
    assert_eq!(
        refused(|form| form.address.country = "US".to_owned()),
        FormError::NotResident
    );
    assert_eq!(
        refused(|form| form.nationalities = vec!["US".to_owned()]),
        FormError::NotNational
    );
    assert_eq!(
        refused(|form| form.nationalities.push("US".to_owned())),
        FormError::NotNational
    );
    assert_eq!(
        refused(|form| form.nationalities.clear()),
        FormError::NotNational
    );
}

#[test]
fn malformed_addresses_are_refused() {
    assert_eq!(
        refused(|form| form.address.postal_code = "1000001".to_owned()),
        FormError::Malformed(Field::PostalCode)
    );
    assert_eq!(
        refused(|form| form.address.region = "東京".to_owned()),
        FormError::Malformed(Field::Region)
    );
    for line in ["", "=1+1", "千代田\n区", "<b>"] {
        assert_eq!(
            refused(|form| form.address.street_address = line.to_owned()),
            FormError::Malformed(Field::StreetAddress),
            "{line}"
        );
    }
}

#[test]
fn an_expired_identity_document_is_refused_from_the_day_after() {
    assert_eq!(
        refused(|form| form.identity_document.date_of_expiry = "2026-11-22".to_owned()),
        FormError::DocumentExpired
    );
    let mut last_day = form();
    last_day.identity_document.date_of_expiry = "2026-11-23".to_owned();
    assert!(last_day.verify(now()).is_ok());
}

#[test]
fn a_form_with_an_unknown_member_is_not_read() {
    let mut json = serde_json::to_value(form()).unwrap();
    json["my_number"] = "".into();
    assert!(serde_json::from_value::<UnverifiedForm>(json).is_err());
}

#[test]
fn a_form_prints_nothing_of_itself() {
    assert_eq!(format!("{:?}", form()), "UnverifiedForm");
    assert_eq!(format!("{:?}", form().verify(now()).unwrap()), "Form");
}
