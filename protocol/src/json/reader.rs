//! The visitor that builds a `Value` and refuses what `Value`'s own visitor lets pass.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{JsonError, Limits};

/// The key under which serde_json with `arbitrary_precision` hands over a number.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// Parses a text that [`super::scan`] let pass.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Value, JsonError> {
    let reader = Reader {
        limits,
        refusal: Cell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Element(&reader)
        .deserialize(&mut deserializer)
        .and_then(|value| {
            deserializer.end()?;
            Ok(value)
        });
    // serde_json errors carry text only, so the visitor leaves its reason beside them.
    read.map_err(|error| {
        reader
            .refusal
            .get()
            .unwrap_or_else(|| syntax_or_number(&error))
    })
}

/// A number beyond a double is an error of the parser where `arbitrary_precision` is off.
fn syntax_or_number(error: &serde_json::Error) -> JsonError {
    if error.to_string().starts_with("number out of range") {
        JsonError::Number
    } else {
        JsonError::Syntax
    }
}

struct Reader<'a> {
    limits: &'a Limits,
    refusal: Cell<Option<JsonError>>,
}

impl Reader<'_> {
    fn refuse<T, E: serde::de::Error>(&self, reason: JsonError) -> Result<T, E> {
        self.refusal.set(Some(reason));
        Err(E::custom(reason))
    }

    fn string<E: serde::de::Error>(&self, text: &str) -> Result<String, E> {
        if text.len() > self.limits.string {
            return self.refuse(JsonError::TooLong);
        }
        Ok(text.to_owned())
    }

    fn number<E: serde::de::Error>(&self, text: &str) -> Result<Value, E> {
        let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
        match serde_json::from_str::<Number>(text) {
            Ok(number) if finite => Ok(Value::Number(number)),
            Ok(_) | Err(_) => self.refuse(JsonError::Number),
        }
    }
}

/// One value.
struct Element<'a>(&'a Reader<'a>);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => self.0.refuse(JsonError::Number),
        }
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.string(value).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element_seed(Element(self.0))? {
            if elements.len() == self.0.limits.elements {
                return self.0.refuse(JsonError::TooLong);
            }
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key_seed(Name(self.0))? {
            let name = match key {
                Key::Number if members.is_empty() => {
                    let text: String = map.next_value()?;
                    return self.0.number(&text);
                }
                Key::Number => return self.0.refuse(JsonError::Reserved),
                Key::Name(name) => name,
            };
            if members.contains_key(&name) {
                return self.0.refuse(JsonError::DuplicateMember);
            }
            if members.len() == self.0.limits.members {
                return self.0.refuse(JsonError::TooLong);
            }
            let value = map.next_value_seed(Element(self.0))?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

enum Key {
    Name(String),
    /// serde_json speaking, not the text.
    Number,
}

/// The name of a member.
///
/// serde_json announces a number with its own `'static` key through `visit_borrowed_str`. A text that spells the
/// key plainly was refused by the scan; one that spells it with escapes arrives through `visit_str`.
struct Name<'a>(&'a Reader<'a>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Key, E> {
        if name == NUMBER_KEY {
            Ok(Key::Number)
        } else {
            self.0.string(name).map(Key::Name)
        }
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        if name.starts_with("$serde_json::private") {
            return self.0.refuse(JsonError::Reserved);
        }
        self.0.string(name).map(Key::Name)
    }
}
