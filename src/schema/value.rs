//! A Terraform value: null, unknown, or known.

use std::collections::BTreeMap;

use super::number::Number;
use super::types::Type;

/// A value of the configuration, the plan or the state. Sets are kept sorted and without repeats, so that `==` compares sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    /// Not known before the apply.
    Unknown,
    Bool(bool),
    Number(Number),
    String(String),
    /// A list or a tuple.
    List(Vec<Value>),
    Set(Vec<Value>),
    Map(BTreeMap<String, Value>),
    Object(BTreeMap<String, Value>),
    /// A value of a dynamic attribute, with the type it came with.
    Dynamic(Type, Box<Value>),
}

static NULL: Value = Value::Null;
static UNKNOWN: Value = Value::Unknown;

impl Value {
    pub fn string(text: impl Into<String>) -> Self {
        Value::String(text.into())
    }

    pub fn number(number: i64) -> Self {
        Value::Number(Number::from(number))
    }

    /// A set: sorted, repeats dropped.
    pub fn set(members: impl IntoIterator<Item = Value>) -> Self {
        let mut members: Vec<Value> = members.into_iter().collect();
        members.sort();
        members.dedup();
        Value::Set(members)
    }

    pub fn set_of_strings<S: Into<String>>(members: impl IntoIterator<Item = S>) -> Self {
        Self::set(members.into_iter().map(|s| Value::String(s.into())))
    }

    pub fn map<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Self {
        Value::Map(members.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    pub fn map_of_strings<'a>(members: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        Self::map(members.into_iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))))
    }

    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Self {
        Value::Object(attributes.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// `Some` becomes a string, `None` null.
    pub fn optional_string(text: Option<impl Into<String>>) -> Self {
        text.map_or(Value::Null, Value::string)
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Neither null nor unknown: what is unknown may turn out to be left out.
    pub fn is_given(&self) -> bool {
        !self.is_null() && !self.is_unknown()
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Value::Unknown)
    }

    /// The value with null for all that is unknown.
    #[must_use]
    pub fn without_unknowns(&self) -> Self {
        let each = |members: &BTreeMap<String, Value>| members.iter().map(|(key, value)| (key.clone(), value.without_unknowns())).collect();
        match self {
            Value::Unknown => Value::Null,
            Value::List(members) => Value::List(members.iter().map(Value::without_unknowns).collect()),
            Value::Set(members) => Value::set(members.iter().map(Value::without_unknowns)),
            Value::Map(members) => Value::Map(each(members)),
            Value::Object(members) => Value::Object(each(members)),
            Value::Dynamic(ty, value) => Value::Dynamic(ty.clone(), Box::new(value.without_unknowns())),
            known => known.clone(),
        }
    }

    /// No unknown value here or anywhere inside.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Value::Unknown => false,
            Value::List(members) | Value::Set(members) => members.iter().all(Value::is_wholly_known),
            Value::Map(members) | Value::Object(members) => members.values().all(Value::is_wholly_known),
            Value::Dynamic(_, value) => value.is_wholly_known(),
            _ => true,
        }
    }

    /// The attribute or map member of that name: null where there is none or where the whole is null, unknown where the whole is.
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Value::Object(members) | Value::Map(members) => members.get(name).unwrap_or(&NULL),
            Value::Unknown => &UNKNOWN,
            _ => &NULL,
        }
    }

    /// The value at a dotted path of attribute names.
    pub fn at(&self, dotted: &str) -> &Value {
        dotted.split('.').fold(self, |value, name| value.get(name))
    }

    /// Replaces an attribute of an object or a member of a map; anything else is left as it is.
    pub fn insert(&mut self, name: &str, value: Value) {
        if let Value::Object(members) | Value::Map(members) = self {
            members.insert(name.to_owned(), value);
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The members of a list or a set; none for anything else.
    pub fn members(&self) -> &[Value] {
        match self {
            Value::List(members) | Value::Set(members) => members,
            _ => &[],
        }
    }

    /// The members of a map or the attributes of an object; `None` for anything else.
    pub fn entries(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Map(members) | Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The known strings among the members of a list or set, in their order.
    pub fn strings(&self) -> Vec<String> {
        self.members().iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_whatever_their_order() {
        assert_eq!(Value::set_of_strings(["b", "a", "b"]), Value::set_of_strings(["a", "b"]));
    }

    #[test]
    fn what_lies_inside_an_unknown_is_unknown_and_inside_a_null_null() {
        assert!(Value::Unknown.at("role.name").is_unknown());
        assert!(Value::Null.at("role.name").is_null());
        assert!(Value::object([("role", Value::Unknown)]).at("role.name").is_unknown());
    }
}
