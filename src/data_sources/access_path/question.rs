//! What is asked of `xeks_access_path`, as plain data: the configuration, decoded.

use super::network::Source;
use super::resources::{self, Named};
use crate::aws::settings::Secret;
use crate::aws::{Arn, principals};
use crate::schema::Value;

/// The verb and the resource that are asked about where only the other or a namespace is given.
const VERB: &str = "get";
const RESOURCE: &str = "pods";

/// A chain to be explained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub cluster: String,
    pub region: Option<String>,
    /// The principal and the roles that it assumes one after the other, as they were written.
    pub chain: Vec<String>,
    pub workload_account: Option<String>,
    pub external_id: Option<Secret>,
    /// What it wants to do in the cluster; empty where nothing is asked.
    pub actions: Vec<Action>,
    /// Where requests come from.
    pub source: Option<Source>,
    pub live: bool,
    pub live_as: Option<String>,
}

/// Something to do in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub verb: String,
    /// API group, empty for the core's; `None` for a name that only the cluster may know.
    pub group: Option<String>,
    /// In the plural, such as `pods`; with a subresource, `pods/exec`. As written, where the group is not known.
    pub resource: String,
    /// `None`: in all namespaces, or of no namespace.
    pub namespace: Option<String>,
}

impl Question {
    /// `value` is a configuration that passed validation.
    pub fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).as_str().map(str::to_owned);
        let mut chain = vec![text("principal_arn").unwrap_or_default()];
        chain.extend(value.get("via_role_arns").strings());
        Question {
            cluster: text("cluster_name").unwrap_or_default(),
            region: text("region"),
            chain,
            workload_account: text("workload_account"),
            external_id: text("external_id").map(Secret::unlisted),
            actions: actions(value),
            source: source(value.get("source")),
            live: value.get("live").as_bool().unwrap_or(false),
            live_as: text("live_as"),
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(group) = self.group.as_deref().filter(|group| !group.is_empty()) {
            write!(f, ".{group}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => write!(f, " in the whole cluster"),
        }
    }
}

/// Every verb in every namespace.
fn actions(value: &Value) -> Vec<Action> {
    let (mut namespaces, mut verbs) = (value.get("namespaces").strings(), value.get("verbs").strings());
    let resource = value.get("resource").as_str();
    if namespaces.is_empty() && verbs.is_empty() && resource.is_none() {
        return Vec::new();
    }
    verbs.sort();
    namespaces.sort();
    if verbs.is_empty() {
        verbs.push(VERB.to_owned());
    }
    let places: Vec<Option<String>> = if namespaces.is_empty() { vec![None] } else { namespaces.into_iter().map(Some).collect() };
    let text = resource.unwrap_or(RESOURCE);
    let (resource, group) = match resources::named(text) {
        Ok(Named { resource, group }) => (resource, Some(group)),
        Err(_) => (text.to_owned(), None),
    };
    let action = |verb: &String, namespace: &Option<String>| Action {
        verb: verb.clone(),
        group: group.clone(),
        resource: resource.clone(),
        namespace: namespace.clone(),
    };
    places.iter().flat_map(|namespace| verbs.iter().map(move |verb| action(verb, namespace))).collect()
}

fn source(value: &Value) -> Option<Source> {
    let text = |name: &str| value.get(name).as_str().unwrap_or_default().to_owned();
    value.is_given().then(|| Source {
        vpc_id: text("vpc_id"),
        subnet_id: text("subnet_id"),
        security_group_ids: value.get("security_group_ids").strings(),
    })
}

/// Refuses what can't be the beginning of a chain: EKS takes roles and users, and a session's role.
pub(super) fn is_caller(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text)?;
    match principals::named(&arn) {
        Some((_, name)) if !name.is_empty() && crate::aws::arn::is_account_id(&arn.account) => Ok(()),
        _ => Err(format!(
            "{text:?} is not a principal of an access entry: use the ARN of a role, a user or a session, such as \
             arn:aws:iam::185863138492:role/app."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(namespaces: &[&str], verbs: &[&str], resource: Option<&str>) -> Vec<String> {
        let value = Value::object([
            ("namespaces", Value::set_of_strings(namespaces.iter().copied())),
            ("verbs", Value::set_of_strings(verbs.iter().copied())),
            ("resource", Value::optional_string(resource)),
        ]);
        actions(&value).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_verb_is_asked_about_in_every_namespace() {
        assert!(asked(&[], &[], None).is_empty());
        assert_eq!(asked(&["prod", "dev"], &[], None), ["get pods in namespace dev", "get pods in namespace prod"]);
        assert_eq!(
            asked(&[], &["list", "create"], Some("deploy")),
            ["create deployments.apps in the whole cluster", "list deployments.apps in the whole cluster"]
        );
    }

    #[test]
    fn only_what_a_cluster_can_admit_begins_a_chain() {
        for good in
            ["arn:aws:iam::185863138492:role/a/b", "arn:aws:iam::185863138492:user/ann", "arn:aws:sts::185863138492:assumed-role/app/s"]
        {
            assert_eq!(is_caller(good), Ok(()));
        }
        for bad in ["arn:aws:iam::185863138492:root", "arn:aws:iam::185863138492:group/g", "app", "arn:aws:s3:::b"] {
            assert!(is_caller(bad).is_err(), "{bad}");
        }
    }
}
