//! Values as MessagePack, the way Terraform sends them: unknown is extension type 0, a refined unknown extension type 12,
//! numbers that fit no machine type arrive as strings, and a dynamic value as `[type JSON, value]`.
//!
//! Read straight into the type that is expected: a header that claims four billion members costs nothing before they are there.

use std::collections::BTreeMap;

use rmp::{Marker, decode, encode};

use super::DecodeError;
use super::budget::{Budget, MAX_TYPE};
use super::number::Number;
use super::types::Type;
use super::value::Value;
use crate::diagnostics::Path;

/// Extension type of a plain unknown value, and of one with refinements.
const UNKNOWN: i8 = 0;
const REFINED_UNKNOWN: i8 = 12;

/// Reads a value of the given type. Fails with the path of what does not fit.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    let mut reader = Reader { rest: bytes, budget: Budget::new() };
    let value = reader.value(ty, &Path::root(), 0)?;
    match reader.rest.len() {
        0 => Ok(value),
        more => Err(DecodeError::new(&Path::root(), format!("{more} bytes follow the value"))),
    }
}

/// Writes a value of the given type. Attributes of an object that the value lacks are written as null.
pub fn encode(value: &Value, ty: &Type) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, value, ty);
    bytes
}

struct Reader<'a> {
    rest: &'a [u8],
    budget: Budget,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        self.budget.take(1, depth, path)?;
        let marker = self.marker(path)?;
        match (Kind::of(marker), ty) {
            (Kind::Nil, _) => self.skip(path).map(|()| Value::Null),
            (Kind::Ext, ty) => self.unknown(ty, path),
            (Kind::Bool, Type::Bool) => self.skip(path).map(|()| Value::Bool(marker == Marker::True)),
            (Kind::Text, Type::String) => self.text(path).map(|text| Value::String(text.to_owned())),
            (Kind::Number | Kind::Text, Type::Number) => self.number(marker, path).map(Value::Number),
            (Kind::Array, Type::List(element)) => Ok(Value::List(self.members(element, path, depth, true)?)),
            (Kind::Array, Type::Set(element)) => Ok(Value::set(self.members(element, path, depth, false)?)),
            (Kind::Array, Type::Tuple(types)) => self.tuple(types, path, depth),
            (Kind::Array, Type::Dynamic) => self.dynamic(path, depth),
            (Kind::Map, Type::Map(element)) => self.map(element, path, depth),
            (Kind::Map, Type::Object(attributes)) => self.object(attributes, path, depth),
            (kind, ty) => Err(wrong(path, ty, kind)),
        }
    }

    /// The next value's first byte, which stays unread.
    fn marker(&self, path: &Path) -> Result<Marker, DecodeError> {
        self.rest.first().map(|byte| Marker::from_u8(*byte)).ok_or_else(|| broken(path))
    }

    fn skip(&mut self, path: &Path) -> Result<(), DecodeError> {
        self.take(1, path).map(drop)
    }

    fn take(&mut self, count: usize, path: &Path) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| broken(path))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads by one of rmp's functions.
    fn read<T, E>(&mut self, path: &Path, read: impl FnOnce(&mut &'a [u8]) -> Result<T, E>) -> Result<T, DecodeError> {
        read(&mut self.rest).map_err(|_| broken(path))
    }

    fn unknown(&mut self, ty: &Type, path: &Path) -> Result<Value, DecodeError> {
        let meta = self.read(path, decode::read_ext_meta)?;
        self.take(meta.size as usize, path)?;
        if matches!(meta.typeid, UNKNOWN | REFINED_UNKNOWN) { Ok(Value::Unknown) } else { Err(wrong(path, ty, Kind::Ext)) }
    }

    fn text(&mut self, path: &Path) -> Result<&'a str, DecodeError> {
        let length = self.read(path, decode::read_str_len)?;
        let bytes = self.take(length as usize, path)?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::new(path, "a string that is not UTF-8"))
    }

    fn number(&mut self, marker: Marker, path: &Path) -> Result<Number, DecodeError> {
        let number = match marker {
            Marker::F32 => Number::from_f64(self.read(path, decode::read_f32)?.into()),
            Marker::F64 => Number::from_f64(self.read(path, decode::read_f64)?),
            Marker::U64 => Some(Number::from(self.read(path, decode::read_u64)?)),
            marker if Kind::of(marker) == Kind::Text => Number::parse(self.text(path)?),
            _ => Some(Number::from(self.read(path, decode::read_int::<i64, _>)?)),
        };
        number.ok_or_else(|| DecodeError::new(path, "not a number, or one of too many digits"))
    }

    /// Members of a set have no path of their own.
    fn members(&mut self, element: &Type, path: &Path, depth: usize, indexed: bool) -> Result<Vec<Value>, DecodeError> {
        let count = self.read(path, decode::read_array_len)?;
        let mut members = Vec::new();
        for index in 0..count as usize {
            members.push(match indexed {
                true => self.value(element, &path.index(index), depth + 1)?,
                false => self.value(element, path, depth + 1)?,
            });
        }
        Ok(members)
    }

    fn tuple(&mut self, types: &[Type], path: &Path, depth: usize) -> Result<Value, DecodeError> {
        let count = self.read(path, decode::read_array_len)? as usize;
        if count != types.len() {
            return Err(DecodeError::new(path, format!("expected {} members, found {count}", types.len())));
        }
        let members = types.iter().enumerate().map(|(index, ty)| self.value(ty, &path.index(index), depth + 1));
        Ok(Value::List(members.collect::<Result<_, _>>()?))
    }

    fn dynamic(&mut self, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        let untyped = || DecodeError::new(path, "a dynamic value without a type");
        if self.read(path, decode::read_array_len)? != 2 {
            return Err(untyped());
        }
        let length = match Kind::of(self.marker(path)?) {
            Kind::Bytes => self.read(path, decode::read_bin_len)?,
            Kind::Text => self.read(path, decode::read_str_len)?,
            _ => return Err(untyped()),
        };
        let json = self.take(length as usize, path)?;
        if json.len() > MAX_TYPE {
            return Err(DecodeError::new(path, format!("its type is of more than {MAX_TYPE} bytes")));
        }
        let ty = serde_json::from_slice(json).ok().as_ref().and_then(Type::from_json).ok_or_else(untyped)?;
        let value = self.value(&ty, path, depth + 1)?;
        Ok(Value::Dynamic(ty, Box::new(value)))
    }

    fn map(&mut self, element: &Type, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        let mut map = BTreeMap::new();
        for _ in 0..self.read(path, decode::read_map_len)? {
            let key = self.key(path)?;
            let value = self.value(element, &path.key(key), depth + 1)?;
            map.insert(key.to_owned(), value);
        }
        Ok(Value::Map(map))
    }

    fn object(&mut self, attributes: &BTreeMap<String, Type>, path: &Path, depth: usize) -> Result<Value, DecodeError> {
        let count = self.read(path, decode::read_map_len)?;
        // What is not sent is null, and takes its place all the same.
        self.budget.take(attributes.len(), depth, path)?;
        let mut object: BTreeMap<String, Value> = attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
        for _ in 0..count {
            let name = self.key(path)?;
            let ty = attributes.get(name).ok_or_else(|| DecodeError::no_attribute(path, name))?;
            let value = self.value(ty, &path.attribute(name), depth + 1)?;
            object.insert(name.to_owned(), value);
        }
        Ok(Value::Object(object))
    }

    fn key(&mut self, path: &Path) -> Result<&'a str, DecodeError> {
        match Kind::of(self.marker(path)?) {
            Kind::Text => self.text(path),
            _ => Err(DecodeError::new(path, "a key that is not a string")),
        }
    }
}

/// What a value on the wire is, whatever the length of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nil,
    Bool,
    Number,
    Text,
    Bytes,
    Array,
    Map,
    Ext,
    Reserved,
}

impl Kind {
    fn of(marker: Marker) -> Self {
        match marker {
            Marker::Null => Kind::Nil,
            Marker::True | Marker::False => Kind::Bool,
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::F32 | Marker::F64 => Kind::Number,
            Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => Kind::Number,
            Marker::I8 | Marker::I16 | Marker::I32 | Marker::I64 => Kind::Number,
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => Kind::Text,
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => Kind::Bytes,
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => Kind::Array,
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Kind::Map,
            Marker::FixExt1 | Marker::FixExt2 | Marker::FixExt4 | Marker::FixExt8 | Marker::FixExt16 => Kind::Ext,
            Marker::Ext8 | Marker::Ext16 | Marker::Ext32 => Kind::Ext,
            Marker::Reserved => Kind::Reserved,
        }
    }
}

fn broken(path: &Path) -> DecodeError {
    DecodeError::new(path, "not MessagePack: it is truncated")
}

/// Names the kinds only: the value itself may be a secret.
fn wrong(path: &Path, expected: &Type, found: Kind) -> DecodeError {
    let found = match found {
        Kind::Nil => "null",
        Kind::Bool => "a bool",
        Kind::Number => "a number",
        Kind::Text => "a string",
        Kind::Bytes => "bytes",
        Kind::Array => "a list",
        Kind::Map => "a map",
        Kind::Ext => "an extension type that Terraform does not use",
        Kind::Reserved => "what is not MessagePack",
    };
    DecodeError::new(path, format!("expected {expected}, found {found}"))
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) {
    match (value, ty) {
        (Value::Null, _) => nil(out),
        (Value::Unknown, _) => {
            written(encode::write_ext_meta(out, 1, UNKNOWN));
            out.push(0);
        }
        (Value::Dynamic(ty, value), Type::Dynamic) => {
            written(encode::write_array_len(out, 2));
            written(encode::write_bin(out, ty.to_json().to_string().as_bytes()));
            write(out, value, ty);
        }
        (Value::Bool(value), _) => written(encode::write_bool(out, *value)),
        (Value::String(text), _) => written(encode::write_str(out, text)),
        (Value::Number(number), _) => write_number(out, number),
        (Value::List(members), Type::Tuple(types)) => {
            written(encode::write_array_len(out, length(members.len().min(types.len()))));
            members.iter().zip(types).for_each(|(member, ty)| write(out, member, ty));
        }
        (Value::List(members) | Value::Set(members), Type::List(element) | Type::Set(element)) => {
            written(encode::write_array_len(out, length(members.len())));
            members.iter().for_each(|member| write(out, member, element));
        }
        (Value::Map(members) | Value::Object(members), Type::Map(element)) => {
            written(encode::write_map_len(out, length(members.len())));
            for (key, member) in members {
                written(encode::write_str(out, key));
                write(out, member, element);
            }
        }
        (Value::Object(members) | Value::Map(members), Type::Object(attributes)) => {
            written(encode::write_map_len(out, length(attributes.len())));
            for (name, ty) in attributes {
                written(encode::write_str(out, name));
                write(out, members.get(name).unwrap_or(&Value::Null), ty);
            }
        }
        // A value that does not fit its own schema is a bug in xeks; null is refused by core with the attribute's name.
        _ => nil(out),
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(n) = number.as_i64() {
        written(encode::write_sint(out, n));
    } else if let Some(n) = number.as_u64() {
        written(encode::write_uint(out, n));
    } else if let Some(n) = number.as_exact_f64() {
        written(encode::write_f64(out, n));
    } else {
        written(encode::write_str(out, number.as_str()));
    }
}

fn nil(out: &mut Vec<u8>) {
    written(encode::write_nil(out));
}

/// Writing to a vector has no error of its own.
fn written<T, E>(_: Result<T, E>) {}

/// A message has at most 256 MiB, and so no more members than that.
fn length(members: usize) -> u32 {
    u32::try_from(members).unwrap_or(u32::MAX)
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
        let refined = [0xc7, 3, 12, 0x81, 0x01, 0xc2];
        assert_eq!(decode(&refined, &Type::String).unwrap(), Value::Unknown);
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
        let mut bytes = b"\x92\xc4\x09\"dynamic\"".repeat(100_000);
        bytes.push(0xc0);
        assert!(decode(&bytes, &Type::Dynamic).unwrap_err().message.contains("deep"));
    }
    #[test]
    fn a_length_that_is_not_there_is_refused_before_memory_is_taken() {
        for header in [0xdd_u8, 0xdf, 0xdb, 0xc6, 0xc9] {
            let bytes = [header, 0xff, 0xff, 0xff, 0xff, 0xc0];
            for ty in [Type::list(Type::String), Type::map(Type::String), Type::String, Type::Dynamic, Type::object([("a", Type::Bool)])] {
                assert!(decode(&bytes, &ty).is_err(), "{header:x} as {ty:?}");
            }
        }
    }

    #[test]
    fn a_few_bytes_that_stand_for_many_values_are_refused() {
        // Two million nulls, and empty objects that each are filled up with a hundred attributes.
        let list = |member: u8, count: u32| [&[0xdd][..], &count.to_be_bytes(), &vec![member; count as usize]].concat();
        let names: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
        let object = Type::object(names.iter().map(|name| (name.as_str(), Type::Bool)));
        for (member, element) in [(0xc0, Type::String), (0x80, object)] {
            let error = decode(&list(member, 2_000_000), &Type::list(element.clone())).unwrap_err();
            assert!(error.message.contains("more than 1000000 values"), "{}", error.message);
            assert!(decode(&list(member, 9_000), &Type::list(element)).is_ok());
        }
    }

    #[test]
    fn a_fraction_goes_as_a_float_only_where_that_says_the_same() {
        let written = |text: &str| encode(&Value::Number(Number::parse(text).unwrap()), &Type::Number);
        assert_eq!(written("1.5")[0], 0xcb, "a float");
        assert_eq!(written("0.1"), b"\xa30.1", "no float is a tenth");
        let tenth = decode(&[&[0xcb][..], &0.1_f64.to_be_bytes()].concat(), &Type::Number).unwrap();
        assert_eq!(encode(&tenth, &Type::Number)[1..], 0.1_f64.to_be_bytes());
    }
}
