//! Conditions: operators with their set prefix and IfExists, over keys that are there, absent or unknown.
//!
//! IAM user guide, "IAM JSON policy elements: Condition operators" (all operators and keys must hold, one value of each key is
//! enough; a key that is not there fails an operator and satisfies a negated one; IfExists; Null) and "Single-valued vs.
//! multivalued context keys" (ForAllValues holds where there is no value, ForAnyValue does not).

use serde_json::Value;

use super::answer::Miss;
use super::compare::Comparison;
use super::request::{Context, Known};
use super::tri::Tri;
use crate::aws::policy::values_of;

/// Whether the conditions of a statement hold, and what does not. `variables` says whether the document's version has any.
pub(super) fn holds(element: &Value, context: &Context, variables: bool) -> (Tri, Option<Miss>) {
    let operators = match element {
        Value::Null => return (Tri::Yes, None),
        Value::Object(operators) => operators,
        _ => return (Tri::Unknown("its Condition does not have a form that AWS accepts".into()), None),
    };
    let (mut all, mut miss) = (Tri::Yes, None);
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else {
            all = all.and(Tri::Unknown(format!("its Condition {operator} does not have a form that AWS accepts")));
            continue;
        };
        for (key, wanted) in keys {
            let wanted = values_of(wanted);
            let one = Operator::of(operator).holds(key, &wanted, context, variables);
            if one == Tri::No && miss.is_none() {
                miss = Some(Miss::Condition { operator: operator.clone(), key: key.clone(), wanted, found: context.get(key) });
            }
            all = all.and(one);
        }
    }
    (all, miss)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    One,
    ForAll,
    ForAny,
}

/// An operator as it is written, taken apart.
struct Operator {
    set: Set,
    if_exists: bool,
    base: Base,
}

enum Base {
    Null,
    Comparison { comparison: Comparison, negated: bool },
    Unknown(String),
}

impl Operator {
    fn of(written: &str) -> Self {
        let (set, rest) = match written.split_once(':') {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => (Set::ForAll, rest),
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAnyValue") => (Set::ForAny, rest),
            _ => (Set::One, written),
        };
        const IF_EXISTS: &str = "ifexists";
        let if_exists = rest.to_ascii_lowercase().ends_with(IF_EXISTS);
        let name = if if_exists { &rest[..rest.len() - IF_EXISTS.len()] } else { rest };
        let base = match Comparison::of(name) {
            Some((comparison, negated)) => Base::Comparison { comparison, negated },
            None if name.eq_ignore_ascii_case("Null") => Base::Null,
            None => Base::Unknown(written.to_owned()),
        };
        Operator { set, if_exists, base }
    }

    fn holds(&self, key: &str, wanted: &[String], context: &Context, variables: bool) -> Tri {
        let known = context.get(key);
        match (&self.base, known) {
            (Base::Unknown(written), _) => Tri::Unknown(format!("xeks does not know the operator {written}")),
            (Base::Null | Base::Comparison { .. }, Known::Unknown) => Tri::Unknown(format!("{key} of the request is not known")),
            (Base::Null, known) => {
                let absent = if known == Known::Absent { "true" } else { "false" };
                wanted.iter().any(|w| w.eq_ignore_ascii_case(absent)).into()
            }
            (Base::Comparison { negated, .. }, Known::Absent) => match self.set {
                _ if self.if_exists => Tri::Yes,
                Set::One => (*negated).into(),
                Set::ForAll => Tri::Yes,
                Set::ForAny => Tri::No,
            },
            (Base::Comparison { comparison, negated }, Known::Values(values)) => {
                let one = |found: &String| {
                    let any = Tri::any(wanted.iter().map(|w| comparison.compare(found, w, variables.then_some(context))));
                    if *negated { !any } else { any }
                };
                self.over(key, values.iter().map(one).collect())
            }
        }
    }

    fn over(&self, key: &str, each: Vec<Tri>) -> Tri {
        match self.set {
            Set::ForAll => Tri::all(each),
            Set::ForAny => Tri::any(each),
            Set::One if each.iter().all(|tri| *tri == each[0]) => each[0].clone(),
            Set::One => Tri::Unknown(format!("{key} has several values, and its operator has neither ForAllValues nor ForAnyValue")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context() -> Context {
        Context::default()
            .with("sts:ExternalId", ["x"])
            .with("aws:TagKeys", ["a", "b"])
            .without("aws:SourceArn")
            .with("aws:PrincipalAccount", ["185863138492"])
    }

    fn is(operator: &str, key: &str, wanted: Value) -> Tri {
        holds(&json!({operator: {key: wanted}}), &context(), true).0
    }

    #[test]
    fn one_value_of_a_key_is_enough_and_all_keys_must_hold() {
        assert_eq!(is("StringEquals", "sts:externalid", json!(["y", "x"])), Tri::Yes);
        let both = json!({"StringEquals": {"sts:ExternalId": "x", "aws:PrincipalAccount": "1"}});
        let (tri, miss) = holds(&both, &context(), true);
        assert_eq!(tri, Tri::No);
        let Some(Miss::Condition { key, found, .. }) = miss else { panic!() };
        assert_eq!((key.as_str(), found), ("aws:PrincipalAccount", Known::Values(vec!["185863138492".into()])));
    }

    #[test]
    fn a_negated_operator_needs_every_value_to_differ() {
        assert_eq!(is("StringNotEquals", "sts:ExternalId", json!(["y", "z"])), Tri::Yes);
        assert_eq!(is("StringNotEquals", "sts:ExternalId", json!(["y", "x"])), Tri::No);
    }

    #[test]
    fn an_absent_key_fails_an_operator_and_satisfies_negated_ones_and_if_exists() {
        assert_eq!(is("StringEquals", "aws:SourceArn", json!("x")), Tri::No);
        assert_eq!(is("StringNotEquals", "aws:SourceArn", json!("x")), Tri::Yes);
        assert_eq!(is("ArnLikeIfExists", "aws:SourceArn", json!("x")), Tri::Yes);
        assert_eq!(is("ForAllValues:StringEquals", "aws:SourceArn", json!("x")), Tri::Yes);
        assert_eq!(is("ForAnyValue:StringEquals", "aws:SourceArn", json!("x")), Tri::No);
        assert_eq!(is("ForAnyValue:StringNotEquals", "aws:SourceArn", json!("x")), Tri::No);
        assert_eq!(is("Null", "aws:SourceArn", json!(true)), Tri::Yes);
        assert_eq!(is("Null", "sts:ExternalId", json!("true")), Tri::No);
        assert_eq!(is("Null", "sts:ExternalId", json!("false")), Tri::Yes);
    }

    #[test]
    fn sets_are_compared_value_by_value() {
        assert_eq!(is("ForAllValues:StringEquals", "aws:TagKeys", json!(["a", "b", "c"])), Tri::Yes);
        assert_eq!(is("ForAllValues:StringEquals", "aws:TagKeys", json!(["a"])), Tri::No);
        assert_eq!(is("ForAnyValue:StringEquals", "aws:TagKeys", json!(["a"])), Tri::Yes);
        assert_eq!(is("ForAnyValue:StringNotEquals", "aws:TagKeys", json!(["a"])), Tri::Yes);
        assert_eq!(is("ForAllValues:StringNotEquals", "aws:TagKeys", json!(["a"])), Tri::No);
        assert!(matches!(is("StringEquals", "aws:TagKeys", json!(["a"])), Tri::Unknown(_)));
    }

    #[test]
    fn an_unknown_key_is_unknown_unless_another_condition_fails() {
        assert!(matches!(is("IpAddress", "aws:SourceIp", json!("10.0.0.0/8")), Tri::Unknown(_)));
        let both = json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "StringEquals": {"sts:ExternalId": "y"}});
        assert_eq!(holds(&both, &context(), true).0, Tri::No);
    }

    #[test]
    fn variables_are_replaced_only_where_the_version_has_them() {
        let element = json!({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}});
        assert_eq!(holds(&element, &context(), true).0, Tri::Yes);
        assert_eq!(holds(&element, &context(), false).0, Tri::No);
    }

    #[test]
    fn an_unsupported_operator_is_unknown() {
        assert!(matches!(is("StringMatches", "sts:ExternalId", json!("x")), Tri::Unknown(_)));
    }
}
