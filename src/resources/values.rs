//! Values of attributes: how what was found becomes one, and documents in the form in which they are compared.

use crate::aws::policy;
use crate::engine::Tags;
use crate::objects::Env;
use crate::schema::{Value, placeholder};

/// Where an import looks beyond the resource's own names: the key of the workload account, and the region where it is not the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    pub account_key: Option<String>,
    pub region: Option<String>,
}

impl Location {
    pub fn of(value: &Value, env: &Env) -> Self {
        let region = (env.region != env.home_region).then(|| env.region.clone());
        Location { account_key: placeholder::text(value.get("workload_account")), region }
    }

    /// Reads the optional parts at the end of an id: `[ACCOUNT_KEY[/REGION]]`.
    pub fn parse(parts: &[&str]) -> Self {
        let optional = |at: usize| parts.get(at).filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
        Location { account_key: optional(0), region: optional(1) }
    }

    /// Fills in the attributes that it stands for.
    pub fn configure(&self, value: &mut Value) {
        value.insert("workload_account", Value::optional_string(self.account_key.as_deref()));
        value.insert("cluster_region", Value::optional_string(self.region.as_deref()));
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.account_key, &self.region) {
            (None, None) => Ok(()),
            (Some(key), None) => write!(f, "/{key}"),
            (key, Some(region)) => write!(f, "/{}/{region}", key.as_deref().unwrap_or_default()),
        }
    }
}

/// A text for an identity: empty as long as it is not known.
pub fn known(text: &str) -> &str {
    if placeholder::is_in(text) { "" } else { text }
}

/// A map of strings; null where it is empty.
pub fn map_or_null(map: &Tags) -> Value {
    if map.is_empty() { Value::Null } else { Value::map_of_strings(map) }
}

/// A set of strings; null where it is empty and was null before.
pub fn set_or_null(members: Vec<String>, before: &Value) -> Value {
    if members.is_empty() && before.is_null() { Value::Null } else { Value::set_of_strings(members) }
}

/// A document that a user wrote, canonical; kept as it is where it has a placeholder.
pub fn users_document(text: &str) -> String {
    match policy::parse(text) {
        Ok(document) if !placeholder::is_in(text) => policy::canonical_text(&document),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_reads_back_as_it_was_written() {
        for text in ["", "/payments", "/payments/eu-west-1", "//eu-west-1"] {
            let parts: Vec<&str> = text.split('/').skip(1).collect();
            assert_eq!(Location::parse(&parts).to_string(), text);
        }
    }
}
