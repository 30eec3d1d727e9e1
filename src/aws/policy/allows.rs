//! Whether one statement allows all that another one does, as far as the two texts show it.

use serde_json::{Map, Value};

use super::{canonical_statement, values_of};

/// Operators of which one value that matches is enough (IAM user guide, "Multivalued context keys").
const ANY_OF: [&str; 6] = ["stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "bool"];

/// Whether everyone whom `wanted` lets in is let in by `statement` too. `false` where that does not show: a statement too many does no harm.
pub fn lets_in(statement: &Value, wanted: &Value) -> bool {
    let (statement, wanted) = (canonical_statement(statement), canonical_statement(wanted));
    let is_allow = |s: &Value| s["Effect"] == "Allow" && s.get("NotPrincipal").is_none() && s.get("NotAction").is_none();
    is_allow(&statement)
        && is_allow(&wanted)
        && values_of(&wanted["Action"]).iter().all(|action| has_action(&statement["Action"], action))
        && has_principals(&statement["Principal"], &wanted["Principal"])
        && conditions(&statement["Condition"]).iter().all(|condition| condition.is_implied_by(&wanted["Condition"]))
}

fn has_action(actions: &Value, action: &str) -> bool {
    values_of(actions).iter().any(|other| other == "*" || other.eq_ignore_ascii_case("sts:*") || other.eq_ignore_ascii_case(action))
}

fn has_principals(all: &Value, wanted: &Value) -> bool {
    let Value::Object(wanted) = wanted else { return false };
    let has = |(kind, principals): (&String, &Value)| {
        let known = values_of(&all[kind.as_str()]);
        values_of(principals).iter().all(|principal| known.contains(principal))
    };
    !wanted.is_empty() && wanted.iter().all(has)
}

/// One condition: the operator and the key in lower case, since neither has a case.
struct Condition {
    operator: String,
    key: String,
    values: Vec<String>,
}

fn conditions(condition: &Value) -> Vec<Condition> {
    let operators = condition.as_object().into_iter().flatten();
    let keys = |(operator, keys): (&String, &Value)| {
        let of_key = |(key, values): (String, Value)| Condition {
            operator: operator.to_lowercase(),
            key: key.to_lowercase(),
            values: values_of(&values),
        };
        keys.as_object().cloned().unwrap_or_else(Map::new).into_iter().map(of_key).collect::<Vec<_>>()
    };
    operators.flat_map(keys).collect()
}

impl Condition {
    /// Whether a request that meets all of the other conditions meets this one.
    fn is_implied_by(&self, others: &Value) -> bool {
        conditions(others).iter().filter(|other| other.key == self.key).any(|other| self.holds_where(other))
    }

    fn holds_where(&self, other: &Condition) -> bool {
        if self.operator == other.operator && !ANY_OF.contains(&self.operator.as_str()) {
            return self.values == other.values;
        }
        !other.values.is_empty() && other.values.iter().all(|value| self.accepts(&other.operator, value))
    }

    /// Whether this condition is met by every value that the other operator takes for that one.
    fn accepts(&self, operator: &str, value: &str) -> bool {
        if self.operator == operator {
            return self.values.iter().any(|own| own == value);
        }
        match (self.operator.as_str(), operator) {
            ("stringlike", "stringequals") => self.values.iter().any(|own| own == value || matches(own, value)),
            ("stringequals", "stringlike") => !value.contains(['*', '?']) && self.values.iter().any(|own| own == value),
            _ => false,
        }
    }
}

/// Whether the text matches the pattern, in which `*` stands for any characters and `?` for one. A policy variable is not resolved.
fn matches(pattern: &str, text: &str) -> bool {
    if pattern.contains("${") {
        return false;
    }
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let tail = |text: &str| text.chars().next().map(|c| text[c.len_utf8()..].to_owned());
    match (first, text.chars().next()) {
        ('*', None) => matches(rest, text),
        ('*', Some(_)) => matches(rest, text) || tail(text).is_some_and(|tail| matches(pattern, &tail)),
        ('?', Some(_)) => tail(text).is_some_and(|tail| matches(rest, &tail)),
        (c, Some(other)) if c == other => tail(text).is_some_and(|tail| matches(rest, &tail)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/ABC";

    fn pods(operator: &str, subjects: Value, more: Value) -> Value {
        let mut condition = json!({"StringEquals": {(format!("{ISSUER}:aud")): "sts.amazonaws.com"}});
        condition[operator][format!("{ISSUER}:sub")] = subjects;
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::183295435445:oidc-provider/{ISSUER}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        });
        statement.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        statement
    }

    fn one() -> Value {
        pods("StringEquals", json!("system:serviceaccount:a:b"), json!({}))
    }

    #[test]
    fn a_statement_with_more_subjects_or_a_matching_pattern_lets_in_the_one() {
        assert!(lets_in(&one(), &pods("StringEquals", json!(["system:serviceaccount:a:b"]), json!({"Sid": "Any"}))));
        assert!(lets_in(&pods("StringEquals", json!(["system:serviceaccount:a:b", "system:serviceaccount:c:d"]), json!({})), &one()));
        assert!(lets_in(&pods("StringLike", json!("system:serviceaccount:a:*"), json!({})), &one()));
        assert!(lets_in(&pods("StringEquals", json!("system:serviceaccount:a:b"), json!({"Action": ["sts:*"]})), &one()));
    }

    #[test]
    fn a_narrower_statement_does_not() {
        let two = pods("StringEquals", json!(["system:serviceaccount:a:b", "system:serviceaccount:c:d"]), json!({}));
        assert!(!lets_in(&one(), &two));
        assert!(!lets_in(&one(), &pods("StringLike", json!("system:serviceaccount:a:*"), json!({}))));
        assert!(!lets_in(&pods("StringLike", json!("system:serviceaccount:${aws:x}:*"), json!({})), &one()));
        assert!(!lets_in(&pods("StringEquals", json!("system:serviceaccount:a:b"), json!({"Effect": "Deny"})), &one()));
        let more = json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}});
        let mut narrow = one();
        narrow["Condition"].as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        assert!(!lets_in(&narrow, &one()) && lets_in(&one(), &narrow));
        let tagged = pods(
            "StringEquals",
            json!("system:serviceaccount:a:b"),
            json!({"Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]}),
        );
        assert!(!lets_in(&one(), &tagged) && lets_in(&tagged, &one()));
    }

    #[test]
    fn a_role_is_let_in_by_its_arn_with_the_same_external_id() {
        let of = |principals: Value, condition: Value| json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole", "Condition": condition});
        let (jenkins, ops) = ("arn:aws:iam::185863138492:role/jenkins", "arn:aws:iam::185863138492:role/ops");
        assert!(lets_in(&of(json!([jenkins, ops]), json!({})), &of(json!(jenkins), json!({}))));
        assert!(!lets_in(&of(json!(jenkins), json!({})), &of(json!([jenkins, ops]), json!({}))));
        let id = json!({"StringEquals": {"sts:ExternalId": "xeks"}});
        assert!(lets_in(&of(json!(jenkins), id.clone()), &of(json!(jenkins), id.clone())));
        assert!(!lets_in(&of(json!(jenkins), id), &of(json!(jenkins), json!({}))), "the role would have to pass an external ID");
    }
}
