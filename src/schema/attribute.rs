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
    /// An unknown value leaves open which AWS objects there are.
    pub decides_objects: bool,
    /// Read from AWS and kept, rather than computed from other attributes.
    pub observed: Option<Observed>,
    in_place: Option<Arc<InPlace>>,
    equivalent: Option<Equivalent>,
    validators: Vec<Arc<dyn Validator>>,
}

/// What a plan shows of an attribute that is read from AWS, from the configuration with defaults in place and the prior state: `None` where
/// it keeps the prior value, or is unknown if there is none.
pub type Observed = fn(config: &Value, prior: &Value) -> Option<Value>;
/// Whether a change of a replacing attribute is made in place after all, from the prior state and the planned value of the resource.
pub type InPlace = dyn Fn(&Value, &Value) -> bool + Send + Sync;
/// Whether two values of an attribute, the configured and the prior one, mean the same.
pub type Equivalent = fn(&Value, &Value) -> bool;

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
            decides_objects: false,
            observed: None,
            in_place: None,
            equivalent: None,
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

    /// A change replaces the resource, unless the rule says of the prior state and the planned value that it is made in place.
    pub fn replaces_unless(mut self, in_place: impl Fn(&Value, &Value) -> bool + Send + Sync + 'static) -> Self {
        self.in_place = Some(Arc::new(in_place));
        self.replaces()
    }

    /// An unknown value leaves open which AWS objects there are: the plan shows none of them.
    pub fn decides_objects(mut self) -> Self {
        self.decides_objects = true;
        self
    }

    /// Read from AWS: unknown in the plan of a create, and kept from the prior state after, except where `planned` says otherwise.
    pub fn observed(mut self, planned: Observed) -> Self {
        self.observed = Some(planned);
        self.computed()
    }

    /// A configured value that means the same as the prior one is no change.
    pub fn equivalent(mut self, equivalent: Equivalent) -> Self {
        self.equivalent = Some(equivalent);
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

/// The paths of replacing attributes whose value differs. `whole` are the prior state and the planned value of the resource.
pub(super) fn replaced(
    attributes: &[Attribute],
    (prior, planned): (&Value, &Value),
    whole: (&Value, &Value),
    path: &Path,
    paths: &mut Vec<Path>,
) {
    for attribute in attributes {
        let (before, after) = (prior.get(attribute.name), planned.get(attribute.name));
        if before == after {
            continue;
        }
        let path = path.attribute(attribute.name);
        match &attribute.shape {
            _ if attribute.replaces => {
                let in_place = attribute.in_place.as_ref().is_some_and(|in_place| in_place(whole.0, whole.1));
                paths.extend((!in_place).then_some(path));
            }
            Shape::Nested(Nesting::Single, nested) => replaced(nested, (before, after), whole, &path, paths),
            _ => {}
        }
    }
}

pub(super) fn leaves_objects_open(attributes: &[Attribute], object: &Value) -> bool {
    attributes.iter().any(|attribute| {
        let value = object.get(attribute.name);
        match &attribute.shape {
            _ if value.is_unknown() => attribute.decides_objects,
            Shape::Nested(Nesting::Single, nested) => !value.is_null() && leaves_objects_open(nested, value),
            _ => false,
        }
    })
}

pub(super) fn with_equivalents_of(attributes: &[Attribute], object: &Value, prior: &Value) -> Value {
    let mut out = object.clone();
    for attribute in attributes {
        let (new, old) = (object.get(attribute.name), prior.get(attribute.name));
        match &attribute.shape {
            _ if attribute.equivalent.is_some_and(|same| same(new, old)) => out.insert(attribute.name, old.clone()),
            Shape::Nested(Nesting::Single, nested) if new.entries().is_some() => {
                out.insert(attribute.name, with_equivalents_of(nested, new, old));
            }
            _ => {}
        }
    }
    out
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
    fn a_change_that_is_made_in_place_after_all_replaces_nothing() {
        let role = vec![Attribute::string("name", "").replaces_unless(|prior, planned| {
            prior.get("secret") == planned.get("secret") && planned.at("role.name").as_str() == Some("b")
        })];
        let schema = Schema::new("", vec![Attribute::nested("role", Nesting::Single, role, "")]);
        assert!(schema.replaced(&value("a"), &value("b")).is_empty());
        assert_eq!(schema.replaced(&value("a"), &value("c")), [Path::of("role.name")]);
    }

    #[test]
    fn an_unknown_value_leaves_objects_open_where_the_attribute_says_so() {
        let role = vec![Attribute::string("name", ""), Attribute::bool("existing", "").decides_objects()];
        let schema = Schema::new("", vec![Attribute::nested("role", Nesting::Single, role, "").decides_objects()]);
        let of = |name: Value, existing: Value| Value::object([("role", Value::object([("name", name), ("existing", existing)]))]);
        assert!(!schema.leaves_objects_open(&of(Value::Unknown, Value::Null)));
        assert!(schema.leaves_objects_open(&of(Value::string("a"), Value::Unknown)));
        assert!(schema.leaves_objects_open(&Value::object([("role", Value::Unknown)])));
        assert!(!schema.leaves_objects_open(&Value::object([("role", Value::Null)])));
    }

    #[test]
    fn a_value_that_means_the_same_keeps_the_prior_text() {
        let same: Equivalent = |new, old| matches!((new.as_str(), old.as_str()), (Some(new), Some(old)) if new.eq_ignore_ascii_case(old));
        let role = vec![Attribute::string("name", "").equivalent(same)];
        let schema = Schema::new("", vec![Attribute::nested("role", Nesting::Single, role, "")]);
        let of = |name: &str| Value::object([("role", Value::object([("name", Value::string(name))]))]);
        assert_eq!(schema.with_equivalents_of(&of("A"), &of("a")), of("a"));
        assert_eq!(schema.with_equivalents_of(&of("b"), &of("a")), of("b"));
        assert_eq!(schema.with_equivalents_of(&of("b"), &Value::Null), of("b"));
    }

    #[test]
    fn write_only_attributes_reach_neither_plan_nor_state() {
        assert!(schema().without_write_only(&value("a")).get("secret").is_null());
    }
}
