//! One text per JSON value: no white space, members in the order of their names' UTF-8 bytes.

use serde_json::Value;

pub(in crate::registry) fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|&(name, _)| name);
            to.push('{');
            for (position, (name, member)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    to.push(',');
                }
                write(&Value::String(name.clone()), to);
                to.push(':');
                write(member, to);
            }
            to.push('}');
        }
        Value::Array(elements) => {
            to.push('[');
            for (position, element) in elements.iter().enumerate() {
                if position > 0 {
                    to.push(',');
                }
                write(element, to);
            }
            to.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            to.push_str(&value.to_string());
        }
    }
}
