//! Unknown values inside texts that are built from configuration: a text that contains the placeholder is unknown.
//!
//! A plan builds names, documents and files from values that may be unknown. Rather than carry `Option`s through every
//! builder, an unknown string enters as the placeholder, and a result that contains it goes to Terraform as unknown.

use super::Value;

/// Stands for an unknown string. Private-use characters, which no name or document of AWS can contain.
const PLACEHOLDER: &str = "\u{f8ff}unknown\u{f8fe}";

/// The string, the placeholder if it is unknown, `None` if it is null.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Unknown => Some(PLACEHOLDER.to_owned()),
        value => value.as_str().map(str::to_owned),
    }
}

/// The strings of a set or list; one placeholder if the whole is unknown.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Unknown => vec![PLACEHOLDER.to_owned()],
        value => value.members().iter().filter_map(text).collect(),
    }
}

/// The strings of a map by key; a placeholder as key and value if the whole is unknown.
pub fn map(value: &Value) -> std::collections::BTreeMap<String, String> {
    match value {
        Value::Unknown => [(PLACEHOLDER.to_owned(), PLACEHOLDER.to_owned())].into(),
        value => value.entries().into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect(),
    }
}

/// A text that is not known.
pub fn unknown() -> String {
    PLACEHOLDER.to_owned()
}

pub fn is_in(text: &str) -> bool {
    text.contains(PLACEHOLDER)
}

/// The text with nothing in place of what is not known.
pub fn without(text: &str) -> String {
    text.replace(PLACEHOLDER, "")
}

/// The inverse: unknown if the text contains the placeholder.
pub fn value(text: impl Into<String>) -> Value {
    let text = text.into();
    if is_in(&text) { Value::Unknown } else { Value::String(text) }
}

/// A map of strings, unknown as a whole if a key contains the placeholder.
pub fn map_value(map: &std::collections::BTreeMap<String, String>) -> Value {
    if map.keys().any(|key| is_in(key)) {
        return Value::Unknown;
    }
    Value::map(map.iter().map(|(key, text)| (key.clone(), value(text.clone()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_placeholder_is_unknown_and_one_without_is_itself() {
        let name = text(&Value::Unknown).unwrap();
        assert!(value(format!("arn:aws:iam::1:role/{name}")).is_unknown());
        assert_eq!(value("plain"), Value::string("plain"));
        assert_eq!(text(&Value::Null), None);
    }

    #[test]
    fn a_map_is_unknown_only_as_far_as_it_is() {
        let tags = Value::map([("a", Value::string("1")), ("b", Value::Unknown)]);
        assert_eq!(map_value(&map(&tags)), tags);
        assert_eq!(map_value(&map(&Value::Unknown)), Value::Unknown);
    }
}
