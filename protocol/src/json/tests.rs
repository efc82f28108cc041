use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Result<Value, JsonError> {
    parse(text.as_bytes(), &Limits::DEFAULT)
}

#[test]
fn every_kind_of_value_is_read() {
    let text = r#" {"a":null,"b":[true,false],"c":{"d":"é\u00e9\ud83d\ude00\u0000"},"e":-3,"f":18446744073709551615,"g":1.5e3} "#;
    let value = read(text).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(value["f"].as_u64(), Some(u64::MAX));
    assert_eq!(value["e"].as_i64(), Some(-3));
    assert_eq!(value["g"].as_f64(), Some(1500.0));
    assert_eq!(read("7").unwrap(), json!(7));
    assert_eq!(read("{}").unwrap(), json!({}));
}

#[test]
fn neg_p01_duplicate_member_is_refused_however_it_is_spelled() {
    assert!(read(r#"{"aud":1,"AUD":2,"x":{"aud":3},"y":[{"aud":4},{"aud":5}]}"#).is_ok());
    for text in [
        r#"{"aud":1,"aud":1}"#,
        r#"{"\u0061ud":1,"aud":2}"#,
        r#"{"aud":1,"b":2,"a\u0075d":2}"#,
        r#"{"x":{"y":[{"aud":1,"aud":2}]}}"#,
        r#"{"":1,"":2}"#,
        r#"{"😀":1,"\ud83d\ude00":2}"#,
    ] {
        assert_eq!(read(text), Err(JsonError::DuplicateMember), "{text}");
    }
}

#[test]
fn neg_p03_text_that_is_not_one_json_value_in_utf_8_is_refused() {
    assert!(read("\t\r\n [\"\u{feff}\"] \n").is_ok());
    for text in [
        "\u{feff}{}",
        "{} {}",
        "{}x",
        "{}\0",
        "[1,]",
        "{\"a\":1,}",
        "// comment\n{}",
        "{'a':1}",
        "[01]",
        "[+1]",
        "[.5]",
        "[NaN]",
        "[Infinity]",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "{\"\\ud800\":1}",
        "\"\n\"",
        "\"unfinished",
        "\"\\",
        "[",
        "",
        "]",
    ] {
        assert_eq!(read(text), Err(JsonError::Syntax), "{text:?}");
    }
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\xaf\"",
        b"{}\xff",
        b"\xef\xbb\xbf{}",
    ] {
        assert_eq!(
            parse(bytes, &Limits::DEFAULT),
            Err(JsonError::Syntax),
            "{bytes:?}"
        );
    }
}

#[test]
fn neg_p04_each_limit_holds_to_the_unit() {
    let limits = Limits {
        bytes: 40,
        depth: 3,
        members: 2,
        elements: 3,
        string: 4,
    };
    for text in [
        "[[[1]]]",
        r#"{"a":1,"b":2}"#,
        "[1,2,3]",
        r#""1234""#,
        r#"{"1234":1}"#,
        r#"["\u0041BCD"]"#,
    ] {
        assert!(parse(text.as_bytes(), &limits).is_ok(), "{text}");
    }
    for (text, error) in [
        ("[[[[1]]]]", JsonError::TooDeep),
        (r#"{"a":{"b":{"c":{}}}}"#, JsonError::TooDeep),
        (r#"{"a":1,"b":2,"c":3}"#, JsonError::TooLong),
        ("[1,2,3,4]", JsonError::TooLong),
        (r#""12345""#, JsonError::TooLong),
        (r#"{"12345":1}"#, JsonError::TooLong),
        (r#"["\u0041BCDE"]"#, JsonError::TooLong),
        (
            "                                        1",
            JsonError::TooLarge,
        ),
    ] {
        assert_eq!(parse(text.as_bytes(), &limits), Err(error), "{text}");
    }
}

#[test]
fn neg_p04_brackets_inside_strings_are_not_depth() {
    let text = format!("[\"{}\\\"{}\"]", "[".repeat(100), "{".repeat(100));
    assert!(read(&text).is_ok());
}

#[test]
fn neg_p04_the_default_depth_is_32() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(32)).is_ok());
    assert_eq!(read(&nested(33)), Err(JsonError::TooDeep));
    assert_eq!(read(&"[".repeat(60_000)), Err(JsonError::TooDeep));
}

#[test]
fn neg_p04_numbers_that_are_long_or_not_finite_are_refused() {
    let digits = |count: usize| format!("[0.{}]", "1".repeat(count - 2));
    assert!(read("[1e308,-1e308,1e-400]").is_ok());
    assert!(read(&digits(32)).is_ok());
    assert_eq!(read(&digits(33)), Err(JsonError::Number));
    assert_eq!(read("1e309"), Err(JsonError::Number));
    assert_eq!(read("-1e400"), Err(JsonError::Number));
    let huge = "9".repeat(60_000);
    assert_eq!(read(&huge), Err(JsonError::Number));
}

#[test]
fn neg_p04_large_inputs_are_refused_soon() {
    let elements = format!("[{}1]", "1,".repeat(20_000));
    assert_eq!(read(&elements), Err(JsonError::TooLong));
    let members: Vec<String> = (0..5_000).map(|i| format!("\"aaaaaaa{i}\":1")).collect();
    assert_eq!(
        parse(
            format!("{{{}}}", members.join(",")).as_bytes(),
            &Limits::DEFAULT.with_bytes(1 << 20)
        ),
        Err(JsonError::TooLong)
    );
}

#[test]
fn the_name_that_serde_json_keeps_for_numbers_is_refused_in_every_spelling() {
    for text in [
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"a":{"$serde_json::private::Number":"{}"}}"#,
        r#"{"$serde_json::private::RawValue":"1"}"#,
        r#"{"\u0024serde_json::private::Number":"1"}"#,
        r#"{"a":1,"$serde_json\u003a:private::Number":"1"}"#,
        r#"[{"$serde_json::privat\u0065::Number":"1e999"}]"#,
        r#"{"\u0024serde_json::private::RawValue":"1"}"#,
    ] {
        assert_eq!(read(text), Err(JsonError::Reserved), "{text}");
    }
}

#[test]
fn a_known_shape_is_read_and_another_is_refused() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        a: u64,
        b: Option<String>,
    }
    let read = |text: &str| parse_as::<Pair>(text.as_bytes(), &Limits::DEFAULT);
    assert_eq!(
        read(r#"{"a":1,"b":"x"}"#),
        Ok(Pair {
            a: 1,
            b: Some("x".to_owned())
        })
    );
    for text in [
        r#"{"a":-1}"#,
        r#"{"a":"1"}"#,
        r#"{"a":1.5}"#,
        r#"{"a":18446744073709551616}"#,
        r#"{"b":"x"}"#,
        r#"{"a":1,"c":1}"#,
        "[]",
    ] {
        assert_eq!(read(text), Err(JsonError::Shape), "{text}");
    }
    assert_eq!(
        read(r#"{"a":1,"\u0061":2}"#),
        Err(JsonError::DuplicateMember)
    );
}
