//! Where the runner's two sides are, and how names, which may have wildcards, become ARNs there.

use serde_json::{Value as Json, json};

use crate::aws::arn;
use crate::schema::Value;

/// One account, as the policy names it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) partition: String,
    pub(super) account_id: String,
    /// A code, or `*`.
    pub(super) region: String,
}

impl Place {
    /// A role, an instance profile or a provider of the account.
    pub(super) fn iam(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:{kind}{path}{name}", self.partition, self.account_id)
    }

    pub(super) fn regional(&self, service: &str, region: Option<&str>, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition_of(region), region.unwrap_or(&self.region), self.account_id)
    }

    /// That of the region, where one is given.
    pub(super) fn partition_of(&self, region: Option<&str>) -> &str {
        match region.filter(|region| *region != "*") {
            Some(region) => arn::partition_of(region),
            None => &self.partition,
        }
    }

    /// The ARNs that a role of that name may have. A role that this provider does not create may have any path.
    pub(super) fn role(&self, role: &Value, may_be_others: bool) -> Vec<String> {
        let name = text(role, "name").unwrap_or_default();
        match text(role, "path") {
            Some(path) => vec![self.iam("role", &path, &name)],
            None if may_be_others && !name.starts_with('*') => vec![self.iam("role", "/", &name), self.iam("role", "/*/", &name)],
            None => vec![self.iam("role", "/", &name)],
        }
    }
}

pub(super) fn text(value: &Value, path: &str) -> Option<String> {
    value.at(path).as_str().map(str::to_owned)
}

pub(super) fn flag(value: &Value, path: &str, default: bool) -> bool {
    value.at(path).as_bool().unwrap_or(default)
}

/// Whether the pattern admits every name, or every path.
pub(super) fn is_any(pattern: &str) -> bool {
    pattern.contains('*') && pattern.chars().all(|c| matches!(c, '*' | '?' | '/'))
}

/// The condition that a key fits one of the patterns; none where any value will do.
pub(super) fn like(operator: &str, key: &str, patterns: &[String]) -> Json {
    if patterns.is_empty() || patterns.iter().any(|pattern| pattern == "*") {
        return Json::Null;
    }
    json!({operator: {key: if patterns.len() == 1 { json!(patterns[0]) } else { json!(patterns) }}})
}

/// Both conditions at once.
pub(super) fn both(one: Json, other: Json) -> Json {
    let (Json::Object(mut all), Json::Object(more)) = (one.clone(), other.clone()) else {
        return if one.is_null() { other } else { one };
    };
    for (operator, keys) in more {
        match (all.get_mut(&operator), keys) {
            (Some(Json::Object(there)), Json::Object(keys)) => there.extend(keys),
            (_, keys) => {
                all.insert(operator, keys);
            }
        }
    }
    Json::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { partition: "aws-cn".into(), account_id: "183295435445".into(), region: "*".into() }
    }

    #[test]
    fn a_foreign_role_may_have_any_path() {
        let role = |path: Value| Value::object([("name", Value::string("team-*")), ("path", path)]);
        assert_eq!(place().role(&role(Value::Null), false), ["arn:aws-cn:iam::183295435445:role/team-*"]);
        assert_eq!(place().role(&role(Value::Null), true).len(), 2);
        assert_eq!(place().role(&role(Value::string("/x/")), true), ["arn:aws-cn:iam::183295435445:role/x/team-*"]);
    }

    #[test]
    fn an_arn_has_the_partition_of_its_region() {
        let arn = |region| place().regional("eks", region, "cluster/c");
        assert_eq!(arn(Some("us-gov-west-1")), "arn:aws-us-gov:eks:us-gov-west-1:183295435445:cluster/c");
        assert_eq!(arn(Some("*")), "arn:aws-cn:eks:*:183295435445:cluster/c");
        assert_eq!(arn(None), "arn:aws-cn:eks:*:183295435445:cluster/c");
    }

    #[test]
    fn only_wildcards_admit_everything() {
        for any in ["*", "**", "?*", "/*/"] {
            assert!(is_any(any), "{any}");
        }
        for some in ["", "/", "?", "team-*", "*-x", "/teams/*/"] {
            assert!(!is_any(some), "{some}");
        }
    }

    #[test]
    fn conditions_are_joined_and_a_star_is_none() {
        assert_eq!(like("ArnLike", "k", &["*".into()]), Json::Null);
        let joined = both(like("ArnLike", "a", &["x".into()]), json!({"ArnLike": {"b": "y"}, "StringEquals": {"c": "z"}}));
        assert_eq!(joined, json!({"ArnLike": {"a": "x", "b": "y"}, "StringEquals": {"c": "z"}}));
        assert_eq!(both(Json::Null, json!({"x": {}})), json!({"x": {}}));
    }
}
