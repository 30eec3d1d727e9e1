//! Attributes that all composite resources have, and rules that several of them follow.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{arn, duration, names};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::entry_attributes;
use crate::schema::{Attribute, Nesting, Partitions, Value, validators};

/// Attributes that every composite resource has.
pub fn common_attributes() -> Vec<Attribute> {
    vec![
        Attribute::string("id", "Import ID of the resource.").computed(),
        Attribute::string(
            "workload_account",
            "Key of the workload account in the provider's `workload_accounts`. Default: the provider's \
                                               `workload_account`.",
        )
        .optional()
        .replaces(),
        Attribute::string(
            "adopt",
            "What to do when an object already exists: `never` (default: an error that shows the object) or `if_exists` (add what this \
             resource needs, never overwrite what is there, and keep the object at destroy). xeks can't distinguish two states with the \
             same names: see [Object ownership](../guides/ownership.md).",
        )
        .default_value(Value::string("never"))
        .decides_objects()
        .check(validators::one_of(&["never", "if_exists"])),
        tags_attribute("Tags of all objects. They override the provider's `default_tags`."),
        Attribute::map_of_strings("tags_all", "The provider's `default_tags` merged with `tags`, as set on the objects.").computed(),
        Attribute::nested(
            "objects",
            Nesting::Map,
            entry_attributes(),
            "The ledger: every AWS object of this resource, keyed by \
             `account/kind/name`.",
        )
        .computed(),
        Attribute::string(
            "instance",
            "The create operation that created the objects of this resource: the value of their `xeks:instance` tag.",
        )
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
        .decides_objects()
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

/// Refuses tags of a role whose keys differ in case only. IAM ignores the case of keys on roles, and refuses a request that has both (IAM,
/// TagRole). `roles` are the attributes that describe the roles; they get `tags` too.
pub fn role_tag_keys(config: &Value, roles: &[&'static str], diagnostics: &mut Diagnostics) {
    let created = |role: &&&str| {
        let role = config.get(role);
        role.entries().is_some() && role.get("existing").as_bool() != Some(true)
    };
    let mut refused = BTreeSet::new();
    for role in roles.iter().filter(created) {
        let mut seen: BTreeMap<String, (Path, &str)> = BTreeMap::new();
        for (path, tags) in [("tags".to_owned(), config.get("tags")), (format!("{role}.tags"), config.get(role).get("tags"))] {
            for (key, _) in tags.entries().into_iter().flatten() {
                let path = Path::of(&path).key(key);
                let before = seen.insert(key.to_lowercase(), (path.clone(), key));
                let Some((other, _)) = before.filter(|(_, other)| *other != key.as_str()) else { continue };
                if refused.insert(path.to_string()) {
                    let why = format!(
                        "{other} and {path} are the same key to IAM, which ignores the case of tag keys on roles and refuses both. Use one of the \
                         two, in one case."
                    );
                    validators::refuse(&path, why, diagnostics);
                }
            }
        }
    }
}

fn timeouts() -> Attribute {
    let one = |name: &'static str, doc: &'static str| Attribute::string(name, doc).optional().check(validators::text(duration::is_timeout));
    let all = vec![
        one("create", "Default `10m`."),
        one("read", "Default `10m`. Also applies to the checks at plan time."),
        one("update", "Default `10m`."),
        one("delete", "Default `10m`."),
    ];
    Attribute::nested(
        "timeouts",
        Nesting::Single,
        all,
        "How long operations may take, including waits, as Go durations such as `90s` or \
                                                         `1h30m`.",
    )
    .optional()
}

/// The partition of the connection, where the configuration names a region: the cluster's, else the provider block's.
pub fn partition_of(config: &Value, partitions: Partitions) -> Option<&'static str> {
    cluster_partition(config, partitions).or(partitions.workload)
}

fn cluster_partition(config: &Value, partitions: Partitions) -> Option<&'static str> {
    config.get("cluster_region").as_str().map(arn::partition_of).or(partitions.cluster)
}

/// Refuses a connection between accounts of two partitions. `why` says what does not work across them.
pub fn one_partition(config: &Value, partitions: Partitions, path: &Path, why: &str, diagnostics: &mut Diagnostics) {
    if let (Some(cluster), Some(workload)) = (cluster_partition(config, partitions), partitions.workload)
        && cluster != workload
    {
        validators::refuse(path, two_partitions(cluster, workload, why), diagnostics);
    }
}

/// Why two accounts can't be connected.
pub fn two_partitions(cluster: &str, workload: &str, why: &str) -> String {
    format!(
        "The cluster account is in partition {cluster}, and the workload account is in partition {workload}. {why} Use accounts of one \
         partition. Only xeks_irsa_trust in mode federated works across partitions."
    )
}

/// Refuses the ARNs at these paths that are of another partition than the connection.
pub fn arns_in_partition(partition: Option<&str>, config: &Value, paths: &[&str], diagnostics: &mut Diagnostics) {
    for path in paths {
        let value = config.at(path);
        let one = value.as_str().map(str::to_owned);
        for text in value.strings().into_iter().chain(one) {
            arn_in_partition(partition, &text, &Path::of(path), diagnostics);
        }
    }
}

pub fn arn_in_partition(partition: Option<&str>, text: &str, path: &Path, diagnostics: &mut Diagnostics) {
    if let (Some(partition), Ok(arn)) = (partition, arn::Arn::parse(text))
        && arn.partition != partition
    {
        let why = format!(
            "{text} is in partition {}, but the region is in {partition}. Roles and policies don't work across partitions. Use an ARN \
             that begins with arn:{partition}:.",
            arn.partition
        );
        validators::refuse(path, why, diagnostics);
    }
}
