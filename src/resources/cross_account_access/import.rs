//! Import: from the id to the configuration that would create what exists.

use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::model::{Model, PERMISSION_SET, ROLE_OF_SET, default_service};
use super::objects::assume_policy_name;
use crate::aws::{Side, arn, identity_center, policy, principal_patterns};
use crate::engine::{Refreshed, Tags};
use crate::objects::eks::entries::EntryFacts;
use crate::objects::iam::{inline_policy, instance_profile};
use crate::objects::{Context, Env};
use crate::resources::lifecycle::{ImportId, Located, NotAnId};
use crate::resources::role::Discovered;
use crate::resources::trusted_principals;
use crate::resources::values::{Location, set_or_null};
use crate::schema::{Schema, Value};
use crate::terminal::visible;

/// `CLUSTER/ACCESS_ROLE/WORKLOAD_ROLE[/ACCOUNT_KEY[/REGION]]`, with an empty access role for mode `direct`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessId {
    pub cluster: String,
    pub access_role: String,
    pub workload_role: String,
    pub location: Location,
}

impl fmt::Display for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}{}", self.cluster, self.access_role, self.workload_role, self.location)
    }
}

impl FromStr for AccessId {
    type Err = NotAnId;

    fn from_str(id: &str) -> Result<Self, NotAnId> {
        let parts: Vec<&str> = id.split('/').collect();
        match parts.as_slice() {
            [cluster, access_role, workload_role, location @ ..]
                if !cluster.is_empty() && !workload_role.is_empty() && location.len() <= 2 =>
            {
                let [cluster, access_role, workload_role] = [cluster, access_role, workload_role].map(|part| (*part).to_owned());
                Ok(AccessId { cluster, access_role, workload_role, location: Location::parse(location) })
            }
            _ => Err(NotAnId),
        }
    }
}

impl ImportId for AccessId {
    const FORM: &'static str = "CLUSTER/ACCESS_ROLE/WORKLOAD_ROLE[/ACCOUNT_KEY[/REGION]], with an empty ACCESS_ROLE for mode direct, such as \
                                prac-eks-abhi/EKS-CrossAccount-Access-Role/EC2-EKS-CrossAccount-Role";

    fn config(&self, schema: &Schema) -> Value {
        let direct = self.access_role.is_empty();
        let mut value = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        value.insert("cluster_name", Value::string(&self.cluster));
        self.location.configure(&mut value);
        value.insert("mode", Value::string(if direct { "direct" } else { "assume_role" }));
        match identity_center::permission_set_of(&self.workload_role).filter(|_| direct) {
            Some(set) => {
                value.insert("workload_role", Value::object([(PERMISSION_SET, Value::string(set))]));
                value.insert(ROLE_OF_SET, Value::string(&self.workload_role));
            }
            None => value.insert("workload_role", named(&self.workload_role)),
        }
        value.insert("kubernetes", Value::object([("username", Value::Null), ("groups", Value::Null), ("policies", Value::Null)]));
        if !direct {
            value.insert("access_role", named(&self.access_role));
        }
        let mut value = schema.with_defaults(&value);
        value.insert("cluster", Value::Unknown);
        value
    }
}

fn named(name: &str) -> Value {
    Value::object([("name", Value::string(name))])
}

/// Fills in what the first read found: the roles' own attributes, trust, policies, the instance profile, the access entry.
pub async fn discover(model: &Model, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
    let tags = env.tags_all(value);
    if let Some(access) = &model.access
        && let Some(mut found) = Discovered::of(access, value, cx, seen, &tags)
    {
        let trust = found.trust(cx);
        discover_trust(&mut found.value, &trust, &model.workload.arn(env));
        value.insert("access_role", found.value);
    }
    discover_workload_role(model, cx, value, env, seen, &tags).await?;
    if let Some(facts) = seen.observed.get(&model.entry_key()).and_then(|observed| observed.facts.get()) {
        value.insert("kubernetes", discovered_entry(facts, env));
    }
    Ok(())
}

async fn discover_workload_role(
    model: &Model,
    cx: &Context,
    value: &mut Value,
    env: &Env,
    seen: &Refreshed,
    tags: &Tags,
) -> Result<(), Located> {
    if model.permission_set.is_some() {
        return Ok(());
    }
    let Some(found) = Discovered::of(&model.workload, value, cx, seen, tags) else { return Ok(()) };
    let (existing, attachments) = (found.is_existing(), found.attachments());
    let mut role = found.value;
    if !existing {
        let services = trusted_services(&found.facts.trusted);
        let default = services == [default_service(&env.workload.partition)];
        role.insert("trusted_services", if default { Value::Null } else { set_or_null(services, &Value::Null) });
    }
    role.insert("managed_policy_arns", attachments);
    role.insert("manage_policy", Value::Bool(!existing || assumes(model, cx, seen)));
    let profile = instance_profile::to_import(cx, &model.workload.name, existing).await.map_err(Located::at("workload_role.name"))?;
    if let Some(profile) = profile {
        role.insert("instance_profile", Value::Bool(true));
        role.insert("instance_profile_name", Value::optional_string(Some(profile).filter(|name| *name != model.workload.name)));
    }
    value.insert("workload_role", role);
    Ok(())
}

/// Whether the workload role has the policy that lets it assume the access role. An existing role without it is one that can't be edited.
fn assumes(model: &Model, cx: &Context, seen: &Refreshed) -> bool {
    let Some(access) = &model.access else { return true };
    let name = assume_policy_name(access, &cx.ownership);
    seen.observed.contains_key(&inline_policy::key(model.workload.side, &model.workload.name, &name))
}

fn discovered_entry(facts: &EntryFacts, env: &Env) -> Value {
    let policies = facts.policies.iter().map(|(policy_arn, reach)| {
        let short = policy_arn.rsplit('/').next().unwrap_or(policy_arn);
        let name = if arn::access_policy(&env.identity(Side::Cluster).partition, short) == *policy_arn { short } else { policy_arn };
        let namespaces = set_or_null(reach.namespaces.iter().cloned().collect(), &Value::Null);
        (name.to_owned(), Value::object([("scope", Value::string(reach.scope.as_str())), ("namespaces", namespaces)]))
    });
    Value::object([
        ("username", Value::optional_string((!facts.default_username).then(|| facts.shown_username()))),
        ("groups", set_or_null(facts.shown_groups(), &Value::Null)),
        ("policies", if facts.policies.is_empty() { Value::Null } else { Value::map(policies) }),
    ])
}

/// External id, kind of trust and further principals of the access role's trust policy.
fn discover_trust(role: &mut Value, trust: &[&Json], workload_arn: &str) {
    for statement in trust {
        let condition = &statement["Condition"];
        if let Some(id) = condition["StringEquals"]["sts:ExternalId"].as_str() {
            role.insert("external_id", Value::string(visible(id)));
        }
        if trusted_principals::compared(statement).iter().any(|arn| !principal_patterns::is_pattern(arn)) {
            role.insert("trust", Value::string("account"));
        }
    }
    let others = trusted_principals::discovered(trust, Some(workload_arn)).into_iter().collect();
    role.insert(trusted_principals::NAME, set_or_null(others, &Value::Null));
}

fn trusted_services(trust: &Json) -> Vec<String> {
    let mut services: Vec<String> =
        policy::statements_of(trust).iter().flat_map(|statement| policy::values_of(&statement["Principal"]["Service"])).collect();
    services.sort();
    services.dedup();
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(id: &str) -> Result<Value, NotAnId> {
        let id: AccessId = id.parse()?;
        assert_eq!(id.to_string().parse(), Ok(id.clone()), "it reads back");
        Ok(id.config(&super::super::schema::schema()))
    }

    #[test]
    fn an_id_names_cluster_roles_account_and_region() {
        let value = parsed("c/a/w/payments/eu-west-1").unwrap();
        assert_eq!(value.at("access_role.name"), &Value::string("a"));
        assert_eq!(value.get("workload_account"), &Value::string("payments"));
        assert_eq!(value.get("cluster_region"), &Value::string("eu-west-1"));
        assert_eq!(parsed("c//w").unwrap().get("mode"), &Value::string("direct"));
        let value = parsed("c//AWSReservedSSO_PowerUser_0123456789abcdef").unwrap();
        assert_eq!(value.at("workload_role.permission_set"), &Value::string("PowerUser"));
        assert!(value.at("workload_role.name").is_null());
    }

    #[test]
    fn an_id_of_another_form_is_refused() {
        for id in ["", "c", "c/a", "/a/w", "c/a/", "c/a/w/k/r/x"] {
            assert_eq!(parsed(id), Err(NotAnId), "{id}");
        }
    }

    #[test]
    fn trust_is_read_back_as_it_would_be_written() {
        let mut role = named("a");
        let (workload, other) = ("arn:aws:iam::185863138492:role/w", "arn:aws:iam::185863138492:role/other");
        let trust = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": [workload, other]}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}}]});
        discover_trust(&mut role, &policy::statements_of(&trust), workload);
        assert_eq!(role.get("external_id"), &Value::string("x1"));
        assert_eq!(role.get("trusted_principal_arns"), &Value::set_of_strings([other]));
        assert!(role.get("trust").is_null());
    }

    #[test]
    fn a_condition_on_the_workload_role_is_trust_in_the_account_and_one_on_a_pattern_is_a_principal() {
        let (root, workload, pattern) =
            ("arn:aws:iam::185863138492:root", "arn:aws:iam::185863138492:role/w", "arn:aws:iam::185863138492:role/team-*");
        let compared = |operator: &str, arn: &str| json!({"Principal": {"AWS": root}, "Condition": {operator: {"aws:PrincipalArn": arn}}});
        let mut role = named("a");
        discover_trust(&mut role, &[&compared("ArnLike", pattern)], workload);
        assert!(role.get("trust").is_null());
        discover_trust(&mut role, &[&compared("ArnEquals", workload), &compared("ArnLike", pattern)], workload);
        assert_eq!(role.get("trust"), &Value::string("account"));
        assert_eq!(role.get("trusted_principal_arns"), &Value::set_of_strings([pattern]));
    }
}
