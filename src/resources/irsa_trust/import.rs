//! Import: from the id to the configuration that would make what is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::model::{Model, STS_AUDIENCE};
use super::objects::assume_policy_name;
use crate::aws::Side;
use crate::engine::Refreshed;
use crate::objects::{Context, iam};
use crate::resources::common;
use crate::resources::env::Env;
use crate::resources::lifecycle::Located;
use crate::resources::roles::{self, strings};
use crate::schema::{Schema, Value};

const FORM: &str = "CLUSTER/ROLE[/ACCOUNT_KEY[/REGION]] or https://ISSUER/ROLE, and for mode chained CLUSTER/POD_ROLE>ROLE, such as \
                    prac-eks-abhi/nodejs-app; several clusters or issuers are joined by commas, and a set of one cluster ends in one";

/// The configuration as far as the id tells.
pub fn parse(schema: &Schema, id: &str) -> Result<Value, String> {
    let wrong = || FORM.to_owned();
    let mut value = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
    let roles = if id.starts_with("https://") {
        // An issuer's URL has slashes itself: the role follows the last one.
        let (urls, roles) = id.rsplit_once('/').ok_or_else(wrong)?;
        value.insert("issuer_urls", Value::set_of_strings(urls.split(',')));
        value.insert("issuers", Value::set_of_strings(urls.split(',')));
        roles
    } else {
        let parts: Vec<&str> = id.split('/').collect();
        let (clusters, roles) = match parts.as_slice() {
            [clusters, roles, ..] if parts.len() <= 4 => (*clusters, *roles),
            _ => return Err(wrong()),
        };
        let optional = |at: usize| Value::optional_string(parts.get(at).copied().filter(|text| !text.is_empty()));
        value.insert("workload_account", optional(2));
        value.insert("cluster_region", optional(3));
        if clusters.contains(',') {
            value.insert("cluster_names", Value::set_of_strings(clusters.split(',').filter(|name| !name.is_empty())));
        } else {
            value.insert("cluster_name", Value::optional_string(Some(clusters).filter(|name| !name.is_empty())));
            if clusters.is_empty() {
                return Err(wrong());
            }
        }
        value.insert("issuers", Value::Unknown);
        roles
    };
    let (pod_role, role) = roles.split_once('>').map_or((None, roles), |(pod, role)| (Some(pod), role));
    if role.is_empty() || pod_role == Some("") {
        return Err(wrong());
    }
    let named = |name: &str| Value::object([("name", Value::string(name))]);
    value.insert("role", named(role));
    value.insert("service_accounts", Value::set([]));
    value.insert("mode", Value::string(if pod_role.is_some() { "chained" } else { "federated" }));
    value.insert("pod_role", pod_role.map_or(Value::Null, named));
    Ok(schema.with_defaults(&value))
}

/// Fills in what the first look saw: the roles' own attributes and policies, and whom they trust.
pub async fn discovered(model: &Model, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
    let tags = env.tags_all(value);
    let trusting = match &model.pod_role {
        Some(pod_role) => seen.observed.get(&pod_role.key(Side::Cluster)),
        None => seen.observed.get(&model.role.key(Side::Workload)),
    };
    if let Some(pod_role) = &model.pod_role
        && let Some(observed) = seen.observed.get(&pod_role.key(Side::Cluster))
    {
        value.insert("pod_role", roles::discovered_role(value.get("pod_role"), observed, cx, seen, &tags));
    }
    if let Some(observed) = seen.observed.get(&model.role.key(Side::Workload)) {
        let mut role = roles::discovered_role(value.get("role"), observed, cx, seen, &tags);
        let existing = role.get("existing").as_bool() == Some(true);
        let mut policies = BTreeMap::new();
        // Those of an existing role carry no mark of ours: they are left to whoever wrote them.
        for name in strings(&observed.facts["inline_policies"]).into_iter().filter(|_| !existing) {
            let document = iam::inline_policy::document(cx, Side::Workload, &model.role.name, &name)
                .await
                .map_err(Located::at("role.inline_policies"))?;
            policies.extend(document.map(|document| (name, Value::string(document))));
        }
        role.insert("inline_policies", if policies.is_empty() { Value::Null } else { Value::Map(policies) });
        role.insert("managed_policy_arns", roles::discovered_attachments(&role, &observed.facts));
        value.insert("role", role);
    }
    if let Some(observed) = trusting {
        let role = value.get(if model.pod_role.is_some() { "pod_role" } else { "role" });
        let trust = roles::discovered_trust(role, &observed.facts["trusted"], cx);
        discovered_subjects(value, &trust);
    }
    Ok(())
}

/// Service accounts and audiences from the conditions of web identity trusts.
fn discovered_subjects(value: &mut Value, trust: &[&Json]) {
    let (mut subjects, mut audiences) = (BTreeSet::new(), BTreeSet::new());
    for statement in trust {
        for condition in statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values()) {
            for (key, expected) in condition.as_object().into_iter().flatten() {
                let texts = expected.as_str().map_or_else(|| strings(expected), |one| vec![one.to_owned()]);
                if key.ends_with(":sub") {
                    subjects.extend(texts);
                } else if key.ends_with(":aud") {
                    audiences.extend(texts);
                }
            }
        }
    }
    let accounts = subjects.iter().filter_map(|subject| {
        let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some(Value::object([("namespace", Value::string(namespace)), ("name", Value::string(name))]))
    });
    value.insert("service_accounts", Value::set(accounts));
    let default = audiences.len() == 1 && audiences.contains(STS_AUDIENCE);
    value.insert("audiences", if default { Value::Null } else { common::set_or_null(audiences.into_iter().collect(), &Value::Null) });
}

/// Names of inline policies that are this resource's own on the pod role.
pub fn own_policies(model: &Model) -> [String; 1] {
    [assume_policy_name(&model.role.name)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::policy;
    use serde_json::json;

    fn parsed(id: &str) -> Result<Value, String> {
        parse(&super::super::schema::schema(), id)
    }

    #[test]
    fn an_id_names_clusters_or_issuers_and_roles() {
        let value = parsed("c/nodejs-app/payments").unwrap();
        assert_eq!((value.get("cluster_name"), value.at("role.name")), (&Value::string("c"), &Value::string("nodejs-app")));
        assert_eq!(value.get("workload_account"), &Value::string("payments"));
        let value = parsed("https://oidc.eks.ap-south-1.amazonaws.com/id/AB12/nodejs-app").unwrap();
        assert_eq!(value.get("issuer_urls").strings(), ["https://oidc.eks.ap-south-1.amazonaws.com/id/AB12"]);
        let value = parsed("blue,green/pod>app").unwrap();
        assert_eq!((value.get("mode"), value.at("pod_role.name")), (&Value::string("chained"), &Value::string("pod")));
        assert_eq!(value.get("cluster_names").strings(), ["blue", "green"]);
        assert_eq!(parsed("blue,/app").unwrap().get("cluster_names").strings(), ["blue"]);
    }

    #[test]
    fn an_id_of_another_form_is_refused_with_the_form() {
        for id in ["", "c", "c/", "/r", "c/>r", "c/p>", "c/r/k/r/x"] {
            assert!(parsed(id).unwrap_err().contains("CLUSTER/ROLE"), "{id}");
        }
    }

    #[test]
    fn subjects_and_audiences_are_read_back_from_the_trust() {
        let mut value = parsed("c/r").unwrap();
        let trust = json!({"Statement": [{"Condition": {"StringEquals": {"iss:aud": "sts.amazonaws.com", "iss:sub": "system:serviceaccount:a:b"}}}]});
        discovered_subjects(&mut value, &policy::statements_of(&trust));
        assert_eq!(value.get("service_accounts").members().len(), 1);
        assert!(value.get("audiences").is_null());
    }
}
