//! Values as JSON, the way a state file holds them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::DecodeError;
use super::budget::{Budget, MAX_VALUES};
use super::number::Number;
use super::types::Type;
use super::value::Value;
use crate::diagnostics::Path;

/// Reads JSON of a bounded size: parsed, it takes up to fifty times as much memory.
pub fn parse(bytes: &[u8]) -> Result<Json, DecodeError> {
    let broken = |why: String| DecodeError::new(&Path::root(), why);
    if values_at_most(bytes) > MAX_VALUES {
        return Err(broken(format!("it contains more than {MAX_VALUES} values")));
    }
    serde_json::from_slice(bytes).map_err(|e| broken(format!("not JSON: {e}")))
}

/// Reads a value of the given type from a state's JSON. Attributes that the JSON lacks are null; one that the type lacks is an error.
pub fn decode(json: &Json, ty: &Type) -> Result<Value, DecodeError> {
    value_of(json, ty, &Path::root(), 0, &mut Budget::new())
}

/// The JSON without the attributes that the type does not have, at any depth.
pub fn without_undeclared(json: Json, ty: &Type) -> Json {
    match (json, ty) {
        (Json::Object(members), Type::Object(attributes)) => {
            let declared = members.into_iter().filter_map(|(name, member)| {
                let ty = attributes.get(&name)?;
                Some((name, without_undeclared(member, ty)))
            });
            Json::Object(declared.collect())
        }
        (Json::Object(members), Type::Map(element)) => {
            Json::Object(members.into_iter().map(|(key, member)| (key, without_undeclared(member, element))).collect())
        }
        (Json::Array(members), Type::List(element) | Type::Set(element)) => {
            Json::Array(members.into_iter().map(|member| without_undeclared(member, element)).collect())
        }
        (json, _) => json,
    }
}

/// Every value but the first follows a comma, a colon or a bracket outside of texts.
fn values_at_most(bytes: &[u8]) -> usize {
    let (mut values, mut in_text, mut escaped) = (1, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b':' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values
}

fn value_of(json: &Json, ty: &Type, path: &Path, depth: usize, budget: &mut Budget) -> Result<Value, DecodeError> {
    budget.take(1, depth, path)?;
    let mut inner = |json: &Json, ty: &Type, path: &Path| value_of(json, ty, path, depth + 1, budget);
    match (json, ty) {
        (Json::Null, _) => Ok(Value::Null),
        (Json::Bool(value), Type::Bool) => Ok(Value::Bool(*value)),
        (Json::String(text), Type::String) => Ok(Value::String(text.clone())),
        // Terraform writes numbers beyond a float's precision as strings.
        (Json::Number(_) | Json::String(_), Type::Number) => {
            let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            Number::parse(&text).map(Value::Number).ok_or_else(|| DecodeError::new(path, "not a number"))
        }
        (Json::Array(members), Type::List(element)) => {
            let members = members.iter().enumerate();
            Ok(Value::List(members.map(|(i, m)| inner(m, element, &path.index(i))).collect::<Result<_, _>>()?))
        }
        (Json::Array(members), Type::Set(element)) => {
            Ok(Value::set(members.iter().map(|m| inner(m, element, path)).collect::<Result<Vec<_>, _>>()?))
        }
        (Json::Array(members), Type::Tuple(types)) if members.len() == types.len() => {
            let members = members.iter().zip(types).enumerate();
            Ok(Value::List(members.map(|(i, (m, t))| inner(m, t, &path.index(i))).collect::<Result<_, _>>()?))
        }
        (Json::Object(members), Type::Map(element)) => {
            let members = members.iter().map(|(k, m)| Ok((k.clone(), inner(m, element, &path.key(k))?)));
            Ok(Value::Map(members.collect::<Result<_, DecodeError>>()?))
        }
        (Json::Object(members), Type::Object(attributes)) => {
            // What is not there is null, and takes its place all the same.
            budget.take(attributes.len(), depth, path)?;
            let mut inner = |json: &Json, ty: &Type, path: &Path| value_of(json, ty, path, depth + 1, budget);
            let mut object: BTreeMap<String, Value> = attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
            for (name, member) in members {
                let ty = attributes.get(name).ok_or_else(|| DecodeError::no_attribute(path, name))?;
                object.insert(name.clone(), inner(member, ty, &path.attribute(name))?);
            }
            Ok(Value::Object(object))
        }
        (Json::Object(members), Type::Dynamic) => {
            let ty = members.get("type").and_then(Type::from_json);
            match (ty, members.get("value")) {
                (Some(ty), Some(value)) => Ok(Value::Dynamic(ty.clone(), Box::new(inner(value, &ty, path)?))),
                _ => Err(DecodeError::new(path, "a dynamic value without a type")),
            }
        }
        (_, ty) => Err(DecodeError::new(path, format!("expected {ty}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_decodes_by_its_schema() {
        let ty = Type::object([("n", Type::Number), ("s", Type::set(Type::String)), ("missing", Type::Bool)]);
        let value = decode(&json!({"n": 7, "s": ["b", "a"]}), &ty).unwrap();
        assert_eq!(value.get("n"), &Value::number(7));
        assert_eq!(value.get("s"), &Value::set_of_strings(["a", "b"]));
        assert!(value.get("missing").is_null());
    }

    #[test]
    fn an_attribute_of_a_newer_schema_is_named() {
        let error = decode(&json!({"later": 1}), &Type::object([("n", Type::Number)])).unwrap_err();
        assert!(error.message.contains("later"));
    }

    #[test]
    fn a_state_of_more_values_than_any_has_is_refused_before_it_is_parsed() {
        let wide = format!("[{}0]", "0,".repeat(1_000_000));
        assert!(parse(wide.as_bytes()).unwrap_err().message.contains("more than 1000000 values"));
        let text = format!("[{:?}]", "a,\"[{:".repeat(1_000_000));
        assert!(parse(text.as_bytes()).is_ok(), "JSON inside a string is not a value");
        let object = Type::object((0..100).map(|_| "a").chain(["b"]).map(|name| (name, Type::Bool)));
        let empty = Json::Array(vec![json!({}); 400_000]);
        assert!(decode(&empty, &Type::list(object)).unwrap_err().message.contains("values"));
    }

    #[test]
    fn a_state_nested_without_end_is_refused() {
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    }
}
