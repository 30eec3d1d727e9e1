//! Values as MessagePack, the way Terraform sends them: unknown is extension type 0, a refined unknown extension type 12,
//! numbers that fit no machine type arrive as strings, and a dynamic value as `[type JSON, value]`.

use std::collections::BTreeMap;

use rmpv::Value as Pack;

use super::DecodeError;
use super::number::Number;
use super::types::Type;
use super::value::Value;
use crate::diagnostics::Path;

/// Extension type of a plain unknown value, and of one with refinements.
const UNKNOWN: i8 = 0;
const REFINED_UNKNOWN: i8 = 12;
/// Deeper nesting than any schema of ours needs is refused, so that a hostile host can't exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Reads a value of the given type. Fails with the path of what does not fit.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    let mut rest = bytes;
    let pack = rmpv::decode::read_value_with_max_depth(&mut rest, MAX_DEPTH)
        .map_err(|e| DecodeError::new(&Path::root(), format!("not MessagePack: {e}")))?;
    if !rest.is_empty() {
        return Err(DecodeError::new(&Path::root(), format!("{} bytes follow the value", rest.len())));
    }
    value_of(pack, ty, &Path::root())
}

/// Writes a value of the given type. Attributes of an object that the value lacks are written as null.
pub fn encode(value: &Value, ty: &Type) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector has no error of its own.
    rmpv::encode::write_value(&mut bytes, &pack_of(value, ty)).unwrap_or_default();
    bytes
}

fn value_of(pack: Pack, ty: &Type, path: &Path) -> Result<Value, DecodeError> {
    match (pack, ty) {
        (Pack::Nil, _) => Ok(Value::Null),
        (Pack::Ext(UNKNOWN | REFINED_UNKNOWN, _), _) => Ok(Value::Unknown),
        (Pack::Boolean(value), Type::Bool) => Ok(Value::Bool(value)),
        (Pack::String(text), Type::String) => {
            let text = text.into_str().ok_or_else(|| DecodeError::new(path, "a string that is not UTF-8"))?;
            Ok(Value::String(text))
        }
        (pack, Type::Number) => number_of(&pack).map(Value::Number).ok_or_else(|| wrong(path, "a number", &pack)),
        (Pack::Array(members), Type::List(element)) => Ok(Value::List(members_of(members, element, path)?)),
        (Pack::Array(members), Type::Set(element)) => {
            let members = members.into_iter().map(|m| value_of(m, element, path)).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::set(members))
        }
        (Pack::Array(members), Type::Tuple(types)) if members.len() == types.len() => {
            let members = members.into_iter().zip(types).enumerate();
            let values = members.map(|(i, (m, t))| value_of(m, t, &path.index(i))).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::List(values))
        }
        (Pack::Array(mut parts), Type::Dynamic) if parts.len() == 2 => {
            let value = parts.pop().unwrap_or(Pack::Nil);
            let json = match parts.pop() {
                Some(Pack::Binary(bytes)) => serde_json::from_slice(&bytes).ok(),
                Some(Pack::String(text)) => text.as_str().and_then(|t| serde_json::from_str(t).ok()),
                _ => None,
            };
            let ty = json.as_ref().and_then(Type::from_json).ok_or_else(|| DecodeError::new(path, "a dynamic value without its type"))?;
            Ok(Value::Dynamic(ty.clone(), Box::new(value_of(value, &ty, path)?)))
        }
        (Pack::Map(members), Type::Map(element)) => {
            let mut map = BTreeMap::new();
            for (key, member) in members {
                let key = key_of(&key, path)?;
                let value = value_of(member, element, &path.key(&key))?;
                map.insert(key, value);
            }
            Ok(Value::Map(map))
        }
        (Pack::Map(members), Type::Object(attributes)) => {
            let mut object: BTreeMap<String, Value> = attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
            for (key, member) in members {
                let name = key_of(&key, path)?;
                let ty = attributes.get(&name).ok_or_else(|| DecodeError::new(path, format!("no attribute is called {name:?}")))?;
                let value = value_of(member, ty, &path.attribute(&name))?;
                object.insert(name, value);
            }
            Ok(Value::Object(object))
        }
        (pack, ty) => Err(wrong(path, &ty.to_json().to_string(), &pack)),
    }
}

fn members_of(members: Vec<Pack>, element: &Type, path: &Path) -> Result<Vec<Value>, DecodeError> {
    members.into_iter().enumerate().map(|(i, m)| value_of(m, element, &path.index(i))).collect()
}

fn number_of(pack: &Pack) -> Option<Number> {
    match pack {
        Pack::Integer(n) => n.as_i64().map(Number::from).or_else(|| n.as_u64().map(Number::from)),
        Pack::F32(n) => Number::from_f64(f64::from(*n)),
        Pack::F64(n) => Number::from_f64(*n),
        Pack::String(text) => Number::parse(text.as_str()?),
        _ => None,
    }
}

fn key_of(key: &Pack, path: &Path) -> Result<String, DecodeError> {
    key.as_str().map(str::to_owned).ok_or_else(|| DecodeError::new(path, "a key that is not a string"))
}

/// Names the kinds only: the value itself may be a secret.
fn wrong(path: &Path, expected: &str, found: &Pack) -> DecodeError {
    let found = match found {
        Pack::Nil => "null",
        Pack::Boolean(_) => "a bool",
        Pack::Integer(_) | Pack::F32(_) | Pack::F64(_) => "a number",
        Pack::String(_) => "a string",
        Pack::Binary(_) => "bytes",
        Pack::Array(_) => "a list",
        Pack::Map(_) => "a map",
        Pack::Ext(..) => "an extension type that Terraform does not use",
    };
    DecodeError::new(path, format!("expected {expected}, found {found}"))
}

fn pack_of(value: &Value, ty: &Type) -> Pack {
    match (value, ty) {
        (Value::Null, _) => Pack::Nil,
        (Value::Unknown, _) => Pack::Ext(UNKNOWN, vec![0]),
        (Value::Dynamic(ty, value), Type::Dynamic) => {
            Pack::Array(vec![Pack::Binary(ty.to_json().to_string().into_bytes()), pack_of(value, ty)])
        }
        (Value::Bool(value), _) => Pack::Boolean(*value),
        (Value::String(text), _) => Pack::from(text.as_str()),
        (Value::Number(number), _) => pack_of_number(number),
        (Value::List(members), Type::Tuple(types)) => Pack::Array(members.iter().zip(types).map(|(m, t)| pack_of(m, t)).collect()),
        (Value::List(members) | Value::Set(members), Type::List(element) | Type::Set(element)) => {
            Pack::Array(members.iter().map(|m| pack_of(m, element)).collect())
        }
        (Value::Map(members) | Value::Object(members), Type::Map(element)) => {
            Pack::Map(members.iter().map(|(k, v)| (Pack::from(k.as_str()), pack_of(v, element))).collect())
        }
        (Value::Object(members) | Value::Map(members), Type::Object(attributes)) => {
            let pairs = attributes.iter().map(|(name, ty)| {
                let value = members.get(name).unwrap_or(&Value::Null);
                (Pack::from(name.as_str()), pack_of(value, ty))
            });
            Pack::Map(pairs.collect())
        }
        // A value that does not fit its own schema is a defect of ours; null is refused by core with the attribute's name.
        _ => Pack::Nil,
    }
}

fn pack_of_number(number: &Number) -> Pack {
    if let Some(n) = number.as_i64() {
        Pack::from(n)
    } else if let Some(n) = number.as_u64() {
        Pack::from(n)
    } else if let Some(n) = number.as_exact_f64() {
        Pack::F64(n)
    } else {
        Pack::from(number.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(value: Value, ty: Type) {
        assert_eq!(decode(&encode(&value, &ty), &ty).unwrap(), value);
    }

    #[test]
    fn values_survive_the_way_to_the_wire_and_back() {
        there_and_back(Value::Null, Type::String);
        there_and_back(Value::Unknown, Type::list(Type::String));
        there_and_back(Value::set_of_strings(["b", "a"]), Type::set(Type::String));
        for number in ["0", "-1", "18446744073709551615", "1.5", "123456789012345678901234567890", "0.1"] {
            there_and_back(Value::Number(Number::parse(number).unwrap()), Type::Number);
        }
        there_and_back(Value::Dynamic(Type::Bool, Box::new(Value::Bool(true))), Type::Dynamic);
        there_and_back(
            Value::object([("a", Value::Unknown), ("b", Value::map([("k", Value::Bool(false))]))]),
            Type::object([("a", Type::Number), ("b", Type::map(Type::Bool))]),
        );
    }

    #[test]
    fn unknown_is_written_as_terraform_writes_it() {
        assert_eq!(encode(&Value::Unknown, &Type::String), [0xd4, 0x00, 0x00]);
    }

    #[test]
    fn a_refined_unknown_decodes_as_unknown() {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &Pack::Ext(12, vec![0x81, 0x01, 0xc2])).unwrap();
        assert_eq!(decode(&bytes, &Type::String).unwrap(), Value::Unknown);
    }

    #[test]
    fn an_error_names_the_attribute_and_not_the_value() {
        let ty = Type::object([("role", Type::object([("name", Type::String)]))]);
        let wrong = Type::object([("role", Type::object([("name", Type::Number)]))]);
        let value = Value::object([("role", Value::object([("name", Value::number(4711))]))]);
        let error = decode(&encode(&value, &wrong), &ty).unwrap_err();
        assert_eq!(error.path.to_string(), "role.name");
        assert!(!error.message.contains("4711"), "{}", error.message);
    }

    #[test]
    fn a_value_nested_without_end_is_refused() {
        let mut bytes = vec![0x91; 100_000];
        bytes.push(0xc0);
        assert!(decode(&bytes, &Type::Dynamic).is_err());
    }
}
