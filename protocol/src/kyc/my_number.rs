//! Finds Individual Numbers (My Number) so that they can be refused.
//!
//! The consortium may neither ask for a My Number nor pass one on, with or without consent. A number that stands in a
//! form or in the metadata of an image is an accident of the applicant; the application is refused before it is kept.

/// Digits of a My Number, the last of which is the check digit.
pub const MY_NUMBER_DIGITS: usize = 12;

/// Whether the last of twelve digits is the check digit of the eleven before it (Ordinance of the Ministry of Internal
/// Affairs and Communications No. 85 of 2014, article 5).
pub fn has_valid_check_digit(digits: &[u8; MY_NUMBER_DIGITS]) -> bool {
    let (body, check) = digits.split_at(MY_NUMBER_DIGITS - 1);
    let weights = [6_u32, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let sum: u32 = body
        .iter()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    let expected = match sum % 11 {
        0 | 1 => 0,
        remainder => 11 - remainder,
    };
    check == [u8::try_from(expected).unwrap_or(u8::MAX)]
}

/// Whether twelve digits with a valid check digit stand anywhere in the text, in any width, also in kanji numerals and
/// with separators between them.
pub fn text_contains_my_number(text: &str) -> bool {
    let mut run = Vec::new();
    for character in text.chars() {
        match classify(character) {
            Mark::Digit(digit) => {
                run.push(digit);
                if ends_in_my_number(&run) {
                    return true;
                }
            }
            Mark::Separator => {}
            Mark::Other => run.clear(),
        }
    }
    false
}

/// Whether readable text inside a file (EXIF, PNG text chunks) is exactly twelve digits with a valid check digit.
///
/// Longer runs of digits are time stamps and serial numbers of cameras, of which one in eleven would match by chance.
pub fn bytes_contain_my_number(bytes: &[u8]) -> bool {
    bytes
        .split(|byte| !byte.is_ascii_digit() && !matches!(byte, b' ' | b'-'))
        .any(is_exactly_a_my_number)
}

fn is_exactly_a_my_number(run: &[u8]) -> bool {
    let digits: Vec<u8> = run
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .take(MY_NUMBER_DIGITS + 1)
        .map(|byte| byte - b'0')
        .collect();
    <&[u8; MY_NUMBER_DIGITS]>::try_from(digits.as_slice()).is_ok_and(has_valid_check_digit)
}

fn ends_in_my_number(run: &[u8]) -> bool {
    run.last_chunk::<MY_NUMBER_DIGITS>()
        .is_some_and(has_valid_check_digit)
}

enum Mark {
    Digit(u8),
    Separator,
    Other,
}

fn classify(character: char) -> Mark {
    const KANJI: [char; 10] = ['〇', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let from_zero = |zero: char| u8::try_from(u32::from(character) - u32::from(zero)).ok();
    let digit = match character {
        '0'..='9' => from_zero('0'),
        '０'..='９' => from_zero('０'),
        _ => KANJI
            .iter()
            .position(|numeral| *numeral == character)
            .and_then(|position| u8::try_from(position).ok()),
    };
    match (digit, character) {
        (Some(digit), _) => Mark::Digit(digit),
        (
            None,
            '-'
            | '‐'..='―'
            | '−'
            | 'ー'
            | '－'
            | 'ｰ'
            | '.'
            | '・'
            | '_'
            | '/'
            | ','
            | '、'
            | '．'
            | '\u{200B}'..='\u{200F}'
            | '\u{FEFF}'
            | '\u{2060}',
        ) => Mark::Separator,
        (None, character) if character.is_whitespace() => Mark::Separator,
        (None, _) => Mark::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example number of the resident registration manuals.
    const EXAMPLE: &str = "123456789018";

    #[test]
    fn neg_i22_a_my_number_in_any_spelling_is_found() {
        for text in [
            EXAMPLE,
            "1234-5678-9018",
            "1234 5678 9018",
            "１２３４５６７８９０１８",
            "マイナンバーは１２３４ー５６７８ー９０１８です",
            "一二三四五六七八九〇一八",
            "00123456789018",
            "1.2.3.4.5.6.7.8.9.0.1.8",
            "1234\u{200B}56789018",
        ] {
            assert!(text_contains_my_number(text), "{text}");
        }
    }

    #[test]
    fn the_vectors_of_the_specification_are_found() {
        let numbers: Vec<String> =
            serde_json::from_str(include_str!("../../../specs/vectors/kyc/my-numbers.json"))
                .unwrap();
        for number in numbers {
            assert!(text_contains_my_number(&number), "{number}");
        }
    }

    #[test]
    fn other_numbers_of_an_application_are_no_my_number() {
        for text in [
            "123456789012",
            "100-0001",
            "1990-04-01",
            "03-1234-5678",
            "090-1234-5678",
            "千代田1丁目1番1号",
            "",
        ] {
            assert!(!text_contains_my_number(text), "{text}");
        }
    }

    #[test]
    fn every_other_check_digit_is_wrong() {
        let digits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1];
        let valid: Vec<u8> = (0..10)
            .filter(|check| {
                let mut number = [0; MY_NUMBER_DIGITS];
                number[..11].copy_from_slice(&digits);
                number[11] = *check;
                has_valid_check_digit(&number)
            })
            .collect();
        assert_eq!(valid, [8]);
    }

    #[test]
    fn neg_i22_text_inside_an_image_is_found() {
        assert!(bytes_contain_my_number(
            b"\x89PNG\x00tEXtComment\x001234 5678 9018\x00"
        ));
        assert!(!bytes_contain_my_number(
            b"\x89PNG\x00tEXtDate\x0020261123063605\x00"
        ));
    }
}
