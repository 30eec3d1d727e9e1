//! The types of Terraform values, and their JSON form on the wire (`"string"`, `["list","string"]`, …).

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

use super::budget::MAX_DEPTH;

/// The type of a value, as Terraform's type system (cty) names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    String,
    Bool,
    Number,
    /// Any type, decided by the value.
    Dynamic,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Object(BTreeMap<String, Type>),
    Tuple(Vec<Type>),
}

impl Type {
    pub fn list(element: Type) -> Self {
        Type::List(Box::new(element))
    }

    pub fn set(element: Type) -> Self {
        Type::Set(Box::new(element))
    }

    pub fn map(element: Type) -> Self {
        Type::Map(Box::new(element))
    }

    pub fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Type)>) -> Self {
        Type::Object(attributes.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect())
    }

    /// The type constraint as written in a schema.
    pub fn to_json(&self) -> Json {
        match self {
            Type::String => json!("string"),
            Type::Bool => json!("bool"),
            Type::Number => json!("number"),
            Type::Dynamic => json!("dynamic"),
            Type::List(element) => json!(["list", element.to_json()]),
            Type::Set(element) => json!(["set", element.to_json()]),
            Type::Map(element) => json!(["map", element.to_json()]),
            Type::Object(attributes) => {
                let attributes: serde_json::Map<_, _> = attributes.iter().map(|(n, t)| (n.clone(), t.to_json())).collect();
                json!(["object", attributes])
            }
            Type::Tuple(elements) => json!(["tuple", elements.iter().map(Type::to_json).collect::<Vec<_>>()]),
        }
    }

    /// Parses a type constraint, as a dynamic value carries it. `None` where it is none.
    pub fn from_json(json: &Json) -> Option<Self> {
        Self::from_json_at(json, 0)
    }

    fn from_json_at(json: &Json, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let nested = |json: &Json| Self::from_json_at(json, depth + 1);
        match json {
            Json::String(name) => match name.as_str() {
                "string" => Some(Type::String),
                "bool" => Some(Type::Bool),
                "number" => Some(Type::Number),
                "dynamic" => Some(Type::Dynamic),
                _ => None,
            },
            Json::Array(parts) => match (parts.first()?.as_str()?, parts.get(1)?) {
                ("list", element) => Some(Type::list(nested(element)?)),
                ("set", element) => Some(Type::set(nested(element)?)),
                ("map", element) => Some(Type::map(nested(element)?)),
                ("object", Json::Object(attributes)) => {
                    let attributes: Option<BTreeMap<_, _>> = attributes.iter().map(|(n, t)| Some((n.clone(), nested(t)?))).collect();
                    attributes.map(Type::Object)
                }
                ("tuple", Json::Array(elements)) => elements.iter().map(nested).collect::<Option<Vec<_>>>().map(Type::Tuple),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The constraint, for people: the documentation lists an object's attributes.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("a string"),
            Type::Bool => f.write_str("a bool"),
            Type::Number => f.write_str("a number"),
            Type::Dynamic => f.write_str("a value with its type"),
            Type::List(_) => f.write_str("a list"),
            Type::Set(_) => f.write_str("a set"),
            Type::Map(_) => f.write_str("a map"),
            Type::Object(_) => f.write_str("an object"),
            Type::Tuple(types) => write!(f, "a tuple of {}", types.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_survives_the_way_to_json_and_back() {
        let ty = Type::object([
            ("a", Type::list(Type::Number)),
            ("b", Type::map(Type::set(Type::Bool))),
            ("c", Type::Tuple(vec![Type::Dynamic])),
        ]);
        assert_eq!(Type::from_json(&ty.to_json()), Some(ty));
    }

    #[test]
    fn a_type_nested_without_end_is_refused() {
        let mut json = json!("string");
        for _ in 0..100 {
            json = json!(["list", json]);
        }
        assert_eq!(Type::from_json(&json), None);
    }
}
