//! Import: from the id to the configuration that would make what is there.

use serde_json::Value as Json;

use super::model::{Model, default_service};
use crate::aws::{Side, arn, policy};
use crate::engine::Refreshed;
use crate::objects::{Context, iam};
use crate::resources::common;
use crate::resources::env::Env;
use crate::resources::lifecycle::Located;
use crate::resources::roles::{self, strings};
use crate::schema::{Schema, Value};

const FORM: &str = "CLUSTER/ACCESS_ROLE/WORKLOAD_ROLE[/ACCOUNT_KEY[/REGION]], with an empty ACCESS_ROLE for mode direct, such as \
                    prac-eks-abhi/EKS-CrossAccount-Access-Role/EC2-EKS-CrossAccount-Role";

/// The configuration as far as the id tells.
pub fn parse(schema: &Schema, id: &str) -> Result<Value, String> {
    let parts: Vec<&str> = id.split('/').collect();
    let (cluster, access, workload) = match parts.as_slice() {
        [cluster, access, workload, ..] if !cluster.is_empty() && !workload.is_empty() && parts.len() <= 5 => {
            (*cluster, *access, *workload)
        }
        _ => return Err(FORM.to_owned()),
    };
    let optional = |at: usize| Value::optional_string(parts.get(at).copied().filter(|text| !text.is_empty()));
    let mut value = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
    value.insert("cluster_name", Value::string(cluster));
    value.insert("workload_account", optional(3));
    value.insert("cluster_region", optional(4));
    value.insert("mode", Value::string(if access.is_empty() { "direct" } else { "assume_role" }));
    value.insert("workload_role", named(workload));
    value.insert("kubernetes", Value::object([("username", Value::Null), ("groups", Value::Null), ("policies", Value::Null)]));
    if !access.is_empty() {
        value.insert("access_role", named(access));
    }
    let mut value = schema.with_defaults(&value);
    value.insert("cluster", Value::Unknown);
    Ok(value)
}

fn named(name: &str) -> Value {
    Value::object([("name", Value::string(name))])
}

/// Fills in what the first look saw: the roles' own attributes, trust, policies, the instance profile, the access entry.
pub async fn discovered(model: &Model, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
    let tags = env.tags_all(value);
    if let Some(access) = &model.access
        && let Some(observed) = seen.observed.get(&access.key(Side::Cluster))
    {
        let mut role = roles::discovered_role(value.get("access_role"), observed, cx, seen, &tags);
        let trust = roles::discovered_trust(&role, &observed.facts["trusted"], cx);
        discovered_trust(&mut role, &trust, &env.role_arn(Side::Workload, &model.workload));
        value.insert("access_role", role);
    }
    if let Some(observed) = seen.observed.get(&model.workload.key(Side::Workload)) {
        let mut role = roles::discovered_role(value.get("workload_role"), observed, cx, seen, &tags);
        let existing = role.get("existing").as_bool() == Some(true);
        if !existing {
            let services = trusted_services(&observed.facts["trusted"]);
            role.insert(
                "trusted_services",
                if services == [default_service(&env.workload.partition)] {
                    Value::Null
                } else {
                    common::set_or_null(services, &Value::Null)
                },
            );
        }
        role.insert("managed_policy_arns", roles::discovered_attachments(&role, &observed.facts));
        let profile =
            iam::instance_profile::to_import(cx, &model.workload.name, existing).await.map_err(Located::at("workload_role.name"))?;
        if let Some(profile) = profile {
            role.insert("instance_profile", Value::Bool(true));
            role.insert("instance_profile_name", Value::optional_string(Some(profile).filter(|p| *p != model.workload.name)));
        }
        value.insert("workload_role", role);
    }
    if let Some(observed) = seen.observed.get(&model.entry_key()) {
        value.insert("kubernetes", discovered_entry(&observed.facts, env));
    }
    Ok(())
}

fn discovered_entry(facts: &Json, env: &Env) -> Value {
    let username = if facts["default_username"].as_bool() == Some(true) { None } else { facts["username"].as_str() };
    let policies = facts["policies"].as_object().into_iter().flatten().map(|(policy_arn, scope)| {
        let short = policy_arn.rsplit('/').next().unwrap_or(policy_arn);
        let name = if arn::access_policy(&env.cluster.partition, short) == *policy_arn { short } else { policy_arn };
        let namespaces = common::set_or_null(strings(&scope["namespaces"]), &Value::Null);
        (name.to_owned(), Value::object([("scope", Value::optional_string(scope["scope"].as_str())), ("namespaces", namespaces)]))
    });
    let policies = Value::map(policies);
    Value::object([
        ("username", Value::optional_string(username)),
        ("groups", common::set_or_null(strings(&facts["groups"]), &Value::Null)),
        ("policies", if policies.entries().is_some_and(|p| p.is_empty()) { Value::Null } else { policies }),
    ])
}

/// External id, kind of trust and further principals of the access role's trust policy.
fn discovered_trust(role: &mut Value, trust: &[&Json], workload_arn: &str) {
    let mut others = Vec::new();
    for statement in trust {
        let condition = &statement["Condition"];
        if let Some(id) = condition["StringEquals"]["sts:ExternalId"].as_str() {
            role.insert("external_id", Value::string(id));
        }
        if !condition["ArnEquals"]["aws:PrincipalArn"].is_null() {
            role.insert("trust", Value::string("account"));
            continue;
        }
        others.extend(one_or_many(&statement["Principal"]["AWS"]).into_iter().filter(|arn| arn != workload_arn));
    }
    role.insert("trusted_principal_arns", common::set_or_null(others, &Value::Null));
}

fn trusted_services(trust: &Json) -> Vec<String> {
    let mut services: Vec<String> = policy::statements_of(trust).iter().flat_map(|s| one_or_many(&s["Principal"]["Service"])).collect();
    services.sort();
    services.dedup();
    services
}

fn one_or_many(json: &Json) -> Vec<String> {
    json.as_str().map_or_else(|| strings(json), |one| vec![one.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(id: &str) -> Result<Value, String> {
        parse(&super::super::schema::schema(), id)
    }

    #[test]
    fn an_id_names_cluster_roles_account_and_region() {
        let value = parsed("c/a/w/payments/eu-west-1").unwrap();
        assert_eq!(value.at("access_role.name"), &Value::string("a"));
        assert_eq!(value.get("workload_account"), &Value::string("payments"));
        assert_eq!(value.get("cluster_region"), &Value::string("eu-west-1"));
        assert_eq!(parsed("c//w").unwrap().get("mode"), &Value::string("direct"));
    }

    #[test]
    fn an_id_of_another_form_is_refused_with_the_form() {
        for id in ["", "c", "c/a", "/a/w", "c/a/", "c/a/w/k/r/x"] {
            assert!(parsed(id).unwrap_err().contains("CLUSTER/ACCESS_ROLE/WORKLOAD_ROLE"), "{id}");
        }
    }

    #[test]
    fn trust_is_read_back_as_it_would_be_written() {
        let mut role = named("a");
        let trust = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:w", "arn:other"]}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}}]});
        discovered_trust(&mut role, &policy::statements_of(&trust), "arn:w");
        assert_eq!(role.get("external_id"), &Value::string("x1"));
        assert_eq!(role.get("trusted_principal_arns"), &Value::set_of_strings(["arn:other"]));
    }
}
