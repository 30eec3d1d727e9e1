//! Attributes declared once: from one declaration follow the wire schema, decoding and encoding, validation, defaults,
//! what forces a replacement, and the documentation.
//!
//! Knows neither the wire's messages (`protocol` does) nor any resource.

mod attribute;
mod budget;
pub mod json;
pub mod msgpack;
mod number;
pub mod placeholder;
mod types;
mod upgrade;
pub mod validators;
mod value;

use std::fmt;

pub use attribute::{Attribute, Equivalent, InPlace, Nesting, Observed, Shape, attributes};
pub use number::Number;
pub use types::Type;
pub use upgrade::{Outdated, Step};
pub use value::Value;

use crate::diagnostics::{Diagnostics, Path};

/// A value that does not fit its schema: where, and why. Never holds the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    pub path: Path,
    pub message: String,
}

impl DecodeError {
    pub fn new(path: &Path, message: impl Into<String>) -> Self {
        DecodeError { path: path.clone(), message: message.into() }
    }

    /// The object has no such attribute. A name may be as long as a message.
    fn no_attribute(path: &Path, name: &str) -> Self {
        let shown: String = name.chars().take(100).collect();
        DecodeError::new(path, format!("no attribute is called {shown:?}"))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for DecodeError {}

/// The shape of a resource, a data source, or the provider's configuration.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Markdown, shown in the registry.
    pub doc: &'static str,
    pub attributes: Vec<Attribute>,
    steps: &'static [Step],
    rules: Option<Rules>,
}

/// Rules over several attributes of a configuration.
pub type Rules = fn(config: &Value, partitions: Partitions) -> Diagnostics;

/// The partitions of the accounts that a resource uses, where the provider block's regions say them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partitions {
    pub cluster: Option<&'static str>,
    pub workload: Option<&'static str>,
}

impl Partitions {
    /// That of a connection, whose accounts are of one partition.
    pub fn of_connection(&self) -> Option<&'static str> {
        self.cluster.or(self.workload)
    }
}

impl Schema {
    /// A schema of version 0.
    pub fn new(doc: &'static str, attributes: Vec<Attribute>) -> Self {
        Schema { doc, attributes, steps: &[], rules: None }
    }

    /// With the steps that take older states to this schema, the first one from version 0 to 1.
    pub fn upgraded_by(self, steps: &'static [Step]) -> Self {
        Schema { steps, ..self }
    }

    /// With rules over several attributes; those on one attribute are declared with it and checked before.
    pub fn ruled_by(self, rules: Rules) -> Self {
        Schema { rules: Some(rules), ..self }
    }

    /// What the rules over several attributes refuse.
    pub fn check_rules(&self, config: &Value, partitions: Partitions) -> Diagnostics {
        self.rules.map(|rules| rules(config, partitions)).unwrap_or_default()
    }

    /// Version of the state's layout: how many steps lead to it.
    pub fn version(&self) -> i64 {
        // A slice has fewer members than an i64 counts.
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }

    /// The type of a whole value of this schema: an object.
    pub fn value_type(&self) -> Type {
        attribute::object_type(&self.attributes)
    }

    /// What can be refused without AWS: every declared rule, each refusal with its attribute's path.
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        attribute::validate(&self.attributes, config, &Path::root(), &mut diagnostics);
        diagnostics
    }

    /// The configuration with declared defaults where it is null. Computed attributes stay null.
    pub fn with_defaults(&self, config: &Value) -> Value {
        attribute::with_defaults(&self.attributes, config)
    }

    /// The attributes whose change replaces the resource and whose value differs.
    pub fn replaced(&self, prior: &Value, planned: &Value) -> Vec<Path> {
        let mut paths = Vec::new();
        attribute::replaced(&self.attributes, (prior, planned), (prior, planned), &Path::root(), &mut paths);
        paths
    }

    /// Whether an unknown value leaves open which AWS objects there are.
    pub fn leaves_objects_open(&self, value: &Value) -> bool {
        attribute::leaves_objects_open(&self.attributes, value)
    }

    /// The value with the prior one in place of each that means the same.
    pub fn with_equivalents_of(&self, value: &Value, prior: &Value) -> Value {
        attribute::with_equivalents_of(&self.attributes, value, prior)
    }

    /// The attributes that are read from AWS and kept.
    pub fn observed(&self) -> impl Iterator<Item = (&'static str, attribute::Observed)> {
        self.attributes.iter().filter_map(|attribute| Some((attribute.name, attribute.observed?)))
    }

    /// The value with every write-only attribute null, as plan and state must carry it.
    pub fn without_write_only(&self, value: &Value) -> Value {
        attribute::without_write_only(&self.attributes, value)
    }
}
