//! One attribute, declared once, and what follows from the declaration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::types::Type;
use super::validators::Validator;
use super::value::Value;
use crate::diagnostics::{Diagnostics, Path};

/// How objects of nested attributes are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    Single,
    List,
    Set,
    Map,
}

/// What an attribute holds: a plain type, or objects whose attributes are declared themselves.
#[derive(Clone, Debug)]
pub enum Shape {
    Plain(Type),
    Nested(Nesting, Vec<Attribute>),
}

/// An attribute: its name, type, documentation and rules.
#[derive(Clone)]
pub struct Attribute {
    pub name: &'static str,
    pub shape: Shape,
    /// Markdown, shown in the registry and by `terraform providers schema`.
    pub doc: &'static str,
    pub required: bool,
    pub optional: bool,
    pub computed: bool,
    pub sensitive: bool,
    /// Never in plan or state.
    pub write_only: bool,
    /// What to use instead.
    pub deprecated: Option<&'static str>,
    pub default: Option<Value>,
    /// A change replaces the resource.
    pub replaces: bool,
    validators: Vec<Arc<dyn Validator>>,
}

impl std::fmt::Debug for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attribute({}: {:?})", self.name, self.shape)
    }
}

impl Attribute {
    fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Attribute {
            name,
            shape,
            doc,
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: None,
            default: None,
            replaces: false,
            validators: Vec::new(),
        }
    }

    pub fn plain(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Self::new(name, Shape::Plain(ty), doc)
    }

    pub fn string(name: &'static str, doc: &'static str) -> Self {
        Self::plain(name, Type::String, doc)
    }

    pub fn bool(name: &'static str, doc: &'static str) -> Self {
        Self::plain(name, Type::Bool, doc)
    }

    pub fn number(name: &'static str, doc: &'static str) -> Self {
        Self::plain(name, Type::Number, doc)
    }

    pub fn set_of_strings(name: &'static str, doc: &'static str) -> Self {
        Self::plain(name, Type::set(Type::String), doc)
    }

    pub fn list_of_strings(name: &'static str, doc: &'static str) -> Self {
        Self::plain(name, Type::list(Type::String), doc)
    }

    pub fn map_of_strings(name: &'static str, doc: &'static str) -> Self {
        Self::plain(name, Type::map(Type::String), doc)
    }

    pub fn nested(name: &'static str, nesting: Nesting, attributes: Vec<Attribute>, doc: &'static str) -> Self {
        Self::new(name, Shape::Nested(nesting, attributes), doc)
    }

    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    pub fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }

    /// The value where the configuration has none. The attribute becomes optional and computed, as Terraform demands.
    pub fn default_value(mut self, value: Value) -> Self {
        self.default = Some(value);
        self.optional = true;
        self.computed = true;
        self
    }

    pub fn replaces(mut self) -> Self {
        self.replaces = true;
        self
    }

    pub fn check(mut self, validator: impl Validator + 'static) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    pub fn value_type(&self) -> Type {
        match &self.shape {
            Shape::Plain(ty) => ty.clone(),
            Shape::Nested(nesting, attributes) => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }
}

/// Joins groups of attributes that several declarations share.
pub fn attributes(groups: impl IntoIterator<Item = Vec<Attribute>>) -> Vec<Attribute> {
    groups.into_iter().flatten().collect()
}

pub(super) fn object_type(attributes: &[Attribute]) -> Type {
    Type::Object(attributes.iter().map(|a| (a.name.to_owned(), a.value_type())).collect())
}

pub(super) fn validate(attributes: &[Attribute], object: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    for attribute in attributes {
        let value = object.get(attribute.name);
        let path = path.attribute(attribute.name);
        if value.is_null() || value.is_unknown() {
            continue;
        }
        for validator in &attribute.validators {
            validator.check(value, &path, diagnostics);
        }
        if let Shape::Nested(_, nested) = &attribute.shape {
            each_object(attribute, value, &path, &mut |object, path| validate(nested, object, path, diagnostics));
        }
    }
}

pub(super) fn with_defaults(attributes: &[Attribute], object: &Value) -> Value {
    rebuild(attributes, object, &|attribute, value| match (&attribute.default, value) {
        (Some(default), Value::Null) => default.clone(),
        (_, value) => value.clone(),
    })
}

pub(super) fn without_write_only(attributes: &[Attribute], object: &Value) -> Value {
    rebuild(attributes, object, &|attribute, value| if attribute.write_only { Value::Null } else { value.clone() })
}

pub(super) fn replaced(attributes: &[Attribute], prior: &Value, planned: &Value, path: &Path, paths: &mut Vec<Path>) {
    for attribute in attributes {
        let (before, after) = (prior.get(attribute.name), planned.get(attribute.name));
        if before == after {
            continue;
        }
        let path = path.attribute(attribute.name);
        match &attribute.shape {
            _ if attribute.replaces => paths.push(path),
            Shape::Nested(Nesting::Single, nested) => replaced(nested, before, after, &path, paths),
            _ => {}
        }
    }
}

/// Calls `visit` with each object that the value of a nested attribute holds. Members of sets share the set's path.
fn each_object(attribute: &Attribute, value: &Value, path: &Path, visit: &mut dyn FnMut(&Value, &Path)) {
    match (&attribute.shape, value) {
        (Shape::Nested(Nesting::Single, _), object) => visit(object, path),
        (_, Value::List(members)) => members.iter().enumerate().for_each(|(i, m)| visit(m, &path.index(i))),
        (_, Value::Set(members)) => members.iter().for_each(|m| visit(m, path)),
        (_, Value::Map(members)) => members.iter().for_each(|(k, m)| visit(m, &path.key(k))),
        _ => {}
    }
}

/// The object with `change` applied to every attribute, nested ones first.
fn rebuild(attributes: &[Attribute], object: &Value, change: &dyn Fn(&Attribute, &Value) -> Value) -> Value {
    let Value::Object(members) = object else {
        return object.clone();
    };
    let mut out: BTreeMap<String, Value> = members.clone();
    for attribute in attributes {
        let value = change(attribute, object.get(attribute.name));
        let value = match &attribute.shape {
            Shape::Plain(_) => value,
            Shape::Nested(_, nested) => match value {
                Value::List(members) => Value::List(members.iter().map(|m| rebuild(nested, m, change)).collect()),
                Value::Set(members) => Value::set(members.iter().map(|m| rebuild(nested, m, change))),
                Value::Map(members) => Value::Map(members.iter().map(|(k, m)| (k.clone(), rebuild(nested, m, change))).collect()),
                single => rebuild(nested, &single, change),
            },
        };
        out.insert(attribute.name.to_owned(), value);
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::super::{Schema, validators};
    use super::*;

    fn schema() -> Schema {
        let role = vec![
            Attribute::string("name", "").required().replaces().check(validators::length(1, 3)),
            Attribute::bool("existing", "").default_value(Value::Bool(false)),
        ];
        Schema::new(
            "",
            vec![
                Attribute::nested("role", Nesting::Single, role.clone(), "").required(),
                Attribute::nested("more", Nesting::Map, role, "").optional(),
                Attribute::string("secret", "").optional().write_only(),
            ],
        )
    }

    fn value(name: &str) -> Value {
        Value::object([
            ("role", Value::object([("name", Value::string(name)), ("existing", Value::Null)])),
            ("more", Value::map([("k", Value::object([("name", Value::string(name)), ("existing", Value::Null)]))])),
            ("secret", Value::string("s")),
        ])
    }

    #[test]
    fn a_refusal_names_the_nested_attribute() {
        let paths: Vec<String> = schema().validate(&value("long")).0.iter().map(|d| d.path.to_string()).collect();
        assert_eq!(paths, ["role.name", "more[\"k\"].name"]);
    }

    #[test]
    fn defaults_reach_nested_attributes_and_leave_null_objects_null() {
        let with = schema().with_defaults(&value("a"));
        assert_eq!(with.at("role.existing"), &Value::Bool(false));
        assert_eq!(with.get("more").get("k").get("existing"), &Value::Bool(false));
        let mut without = value("a");
        without.insert("more", Value::Null);
        assert!(schema().with_defaults(&without).get("more").is_null());
    }

    #[test]
    fn a_change_of_a_replacing_attribute_is_named_by_its_path() {
        let paths = schema().replaced(&value("a"), &value("b"));
        assert_eq!(paths, [Path::of("role.name")]);
        assert!(schema().replaced(&value("a"), &value("a")).is_empty());
    }

    #[test]
    fn write_only_attributes_reach_neither_plan_nor_state() {
        assert!(schema().without_write_only(&value("a")).get("secret").is_null());
    }
}
