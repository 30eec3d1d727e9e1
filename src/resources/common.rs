//! What the composite resources share: the attributes that all have, and rules about values that several of them follow.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::env::Env;
use super::lifecycle::Located;
use crate::aws::error::{Error, Kind};
use crate::aws::{Side, arn, duration, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Tags, entry_attributes};
use crate::objects::Context;
use crate::objects::eks::{self, cluster::ClusterDescription};
use crate::schema::{Attribute, Nesting, Value, placeholder, validators};

/// Beginning of the names of inline policies that are this provider's own, wherever they stand.
pub const OWN_POLICIES: &str = "xeks-";

/// An import id with the account's key, and the region where the provider would not look by itself.
pub fn with_account_and_region(id: String, value: &Value, env: &Env) -> String {
    let key = placeholder::text(value.get("workload_account"));
    match (key, env.region == env.home_region) {
        (None, true) => id,
        (Some(key), true) => format!("{id}/{key}"),
        (key, false) => format!("{id}/{}/{}", key.unwrap_or_default(), env.region),
    }
}

/// A document of ours as canonical text, without Sids: those belong to ownership.
pub fn document_text(document: &Json) -> String {
    let statements = policy::statements_of(document).into_iter().cloned().map(without_sid);
    policy::canonical_text(&policy::document(statements))
}

pub(super) fn without_sid(mut statement: Json) -> Json {
    if let Json::Object(members) = &mut statement {
        members.remove("Sid");
    }
    statement
}

/// The partition of the connection, where the configuration names a region: the cluster's, else the provider block's.
pub fn partition_of<'a>(config: &Value, of_provider: Option<&'a str>) -> Option<&'a str> {
    config.get("cluster_region").as_str().map(arn::partition_of).or(of_provider)
}

/// Refuses the ARNs at these paths that are of another partition than the connection.
pub fn arns_in_partition(of_provider: Option<&str>, config: &Value, paths: &[&str], diagnostics: &mut Diagnostics) {
    for path in paths {
        let value = config.at(path);
        let one = value.as_str().map(str::to_owned);
        for text in value.strings().into_iter().chain(one) {
            arn_in_partition(partition_of(config, of_provider), &text, &Path::of(path), diagnostics);
        }
    }
}

pub fn arn_in_partition(partition: Option<&str>, text: &str, path: &Path, diagnostics: &mut Diagnostics) {
    if let (Some(partition), Ok(arn)) = (partition, arn::Arn::parse(text))
        && arn.partition != partition
    {
        let why = format!(
            "{text} is of partition {}, and the region is of {partition}. Nothing reaches across partitions: use an ARN that begins with arn:{partition}:.",
            arn.partition
        );
        validators::refuse(path, why, diagnostics);
    }
}

/// The cluster, which must be there; the attribute at the path names it.
pub async fn cluster(cx: &Context, region: &str, name: &str, path: &str) -> Result<ClusterDescription, Located> {
    let absent = || {
        let message =
            format!("cluster {name} does not exist in region {region}; check the name, cluster_region and the provider's cluster_account");
        Error::of_kind(Kind::Absent, "eks:DescribeCluster", cx.account(Side::Cluster).label(), message)
    };
    let found = eks::cluster::describe(cx, region, name).await.map_err(Located::at(path))?;
    let cluster = found.ok_or_else(absent).map_err(Located::at(path))?;
    match cluster.status.as_deref() {
        Some("ACTIVE" | "UPDATING") => Ok(cluster),
        status => {
            let message = format!("cluster {name} is {}, not ACTIVE; wait for it, or repair it", status.unwrap_or("of no status"));
            let account = cx.account(Side::Cluster).label();
            Err(Located::at(path)(Error::of_kind(Kind::Absent, "eks:DescribeCluster", account, message)))
        }
    }
}

/// A map of strings; null where it is empty.
pub fn map_or_null(map: &Tags) -> Value {
    if map.is_empty() { Value::Null } else { Value::map_of_strings(map) }
}

/// A set of strings; null where it is empty and was null before.
pub fn set_or_null(members: Vec<String>, before: &Value) -> Value {
    if members.is_empty() && before.is_null() { Value::Null } else { Value::set_of_strings(members) }
}

/// A document that a user wrote, canonical; left as it is where it has a hole.
pub fn users_document(text: &str) -> String {
    match policy::parse(text) {
        Ok(document) if !placeholder::is_in(text) => policy::canonical_text(&document),
        _ => text.to_owned(),
    }
}

/// A new instance: 16 hexadecimal digits, enough that two creates never meet.
pub fn mint_instance() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..16].to_owned()
}

/// The value with null for unknown: what a state may hold of a create that did not get that far.
pub fn without_unknowns(value: &Value) -> Value {
    let all = |members: &BTreeMap<String, Value>| members.iter().map(|(k, v)| (k.clone(), without_unknowns(v))).collect();
    match value {
        Value::Unknown => Value::Null,
        Value::List(members) => Value::List(members.iter().map(without_unknowns).collect()),
        Value::Set(members) => Value::set(members.iter().map(without_unknowns)),
        Value::Map(members) => Value::Map(all(members)),
        Value::Object(members) => Value::Object(all(members)),
        known => known.clone(),
    }
}

/// Says so where an apply met another world than its plan did, with a state that is true. Without this, Terraform would call it a defect.
pub fn report_surprises(name: &str, planned: &Value, made: &Value, diagnostics: &mut Diagnostics) {
    let mut surprises = Vec::new();
    differences(&Path::root(), planned, made, &mut surprises);
    if !surprises.is_empty() {
        let paths: Vec<String> = surprises.iter().map(|p| format!("  {p}")).collect();
        diagnostics.error(
            Path::root(),
            format!("{name} was applied, but not to what the plan saw"),
            format!(
                "Objects changed behind Terraform's back after they were last read (or the plan was made with -refresh=false), so these \
                 values came out otherwise than planned:\n{}\n\nEverything was made and the state is true to it. Plan and apply once more.",
                paths.join("\n")
            ),
        );
    }
}

fn differences(path: &Path, planned: &Value, made: &Value, found: &mut Vec<Path>) {
    match (planned, made) {
        (Value::Unknown, _) => {}
        (planned, made) if planned == made => {}
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().zip(b.values()).for_each(|((name, a), b)| differences(&path.attribute(name), a, b, found));
        }
        (Value::Map(a), Value::Map(b)) if a.keys().eq(b.keys()) => {
            a.iter().zip(b.values()).for_each(|((key, a), b)| differences(&path.key(key), a, b, found));
        }
        _ => found.push(path.clone()),
    }
}

/// Attributes that every composite resource has.
pub fn common_attributes() -> Vec<Attribute> {
    vec![
        Attribute::string("id", "The import id.").computed(),
        Attribute::string("workload_account", "Key of the provider's `workload_accounts`. Default: its `workload_account`.")
            .optional()
            .replaces(),
        Attribute::string(
            "adopt",
            "What to do with an object that already exists: `never` (default: an error that shows it) or `if_exists` (add what is ours, never \
             rewrite what others wrote, leave it at destroy). Two states with the same names can't be told apart: see [Whose an object \
             is](../guides/ownership.md).",
        )
        .default_value(Value::string("never"))
        .check(validators::one_of(&["never", "if_exists"])),
        tags_attribute("Tags of all objects, over the provider's `default_tags`."),
        Attribute::map_of_strings("tags_all", "The provider's `default_tags` and `tags`, as the objects carry them.").computed(),
        Attribute::nested("objects", Nesting::Map, entry_attributes(), "The ledger: every AWS object of this resource by `account/kind/name`.")
            .computed(),
        timeouts(),
    ]
}

/// The region of the cluster, kept once it is known.
pub fn cluster_region() -> Attribute {
    Attribute::string("cluster_region", "Region of the cluster. Default: the region of the provider's `cluster_account`.")
        .optional()
        .computed()
        .replaces()
        .check(validators::text(names::region))
}

pub fn tags_attribute(doc: &'static str) -> Attribute {
    Attribute::map_of_strings("tags", doc).optional().check(validators::count(0, 48)).check(tag_rules)
}

fn tag_rules(value: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    for (key, value) in value.entries().into_iter().flatten() {
        let path = path.key(key);
        let broken = names::user_tag_key(key).err().or_else(|| value.as_str().and_then(|text| names::tag_value(text).err()));
        if let Some(why) = broken {
            validators::refuse(&path, why, diagnostics);
        }
    }
}

fn timeouts() -> Attribute {
    let one = |name: &'static str, doc: &'static str| Attribute::string(name, doc).optional().check(validators::text(duration::is_timeout));
    let all = vec![
        one("create", "Default `10m`."),
        one("read", "Default `10m`; also for the checks of a plan."),
        one("update", "Default `10m`."),
        one("delete", "Default `10m`."),
    ];
    Attribute::nested("timeouts", Nesting::Single, all, "How long operations may take and wait, as Go durations such as `90s` or `1h30m`.")
        .optional()
}

/// Whether any of the values at these paths is unknown.
pub fn any_unknown(value: &Value, paths: &[&str]) -> bool {
    paths.iter().any(|path| value.at(path).is_unknown())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn what_came_out_otherwise_than_planned_is_named_and_what_was_unknown_is_not() {
        let planned = Value::object([
            ("id", Value::string("a")),
            ("objects", Value::map([("k", Value::object([("id", Value::string("1")), ("arn", Value::Unknown)]))])),
        ]);
        let made = Value::object([
            ("id", Value::string("a")),
            ("objects", Value::map([("k", Value::object([("id", Value::string("2")), ("arn", Value::string("x"))]))])),
        ]);
        let mut diagnostics = Diagnostics::new();
        report_surprises("xeks_irsa_trust", &planned, &made, &mut diagnostics);
        assert!(diagnostics.0[0].detail.contains("objects[\"k\"].id"), "{}", diagnostics.0[0].detail);
        assert!(!diagnostics.0[0].detail.contains("arn"));
    }

    #[test]
    fn instances_are_never_the_same() {
        assert_ne!(mint_instance(), mint_instance());
        assert_eq!(mint_instance().len(), 16);
    }
}
