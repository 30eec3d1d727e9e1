//! The hop `access_policy`: what an entry's policies and groups let its principal do, as far as that can be determined without asking
//! the cluster.
//!
//! What each access policy allows is the EKS user guide's, "Review access policy permissions". Its rules name no custom resources, and
//! unlike the cluster roles of the same kind, they don't grow with those. Policies that are not in the table below, and what groups may
//! do, are for the cluster to say: `external`.

use std::collections::{BTreeMap, BTreeSet};

use super::question::Action;
use crate::data_sources::hops::Hop;
use crate::objects::eks::entries::Reach;
use crate::objects::eks::entries::Scope;

const NAME: &str = "access_policy";

/// What a row of a policy's table allows: API group, resources, verbs.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const READ: &[&str] = &["get", "list", "watch"];
const CHANGE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const ALL: &[Rule] = &[("*", &["*"], &["*"])];
const READ_ALL: &[Rule] = &[("*", &["*"], READ)];
const READ_SECRETS: &[Rule] = &[("", &["secrets"], READ)];
/// What AmazonEKSViewPolicy allows, and AmazonEKSEditPolicy and AmazonEKSAdminPolicy too.
const VIEW: &[Rule] = &[
    (
        "",
        &[
            "bindings",
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "namespaces/status",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "pods/log",
            "pods/status",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
            "serviceaccounts",
            "services",
            "services/status",
        ],
        READ,
    ),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
        READ,
    ),
    ("autoscaling", &["horizontalpodautoscalers", "horizontalpodautoscalers/status"], READ),
    ("batch", &["cronjobs", "cronjobs/status", "jobs", "jobs/status"], READ),
    ("discovery.k8s.io", &["endpointslices"], READ),
    ("networking.k8s.io", &["ingresses", "ingresses/status", "networkpolicies"], READ),
    ("policy", &["poddisruptionbudgets", "poddisruptionbudgets/status"], READ),
];
/// What AmazonEKSEditPolicy and AmazonEKSAdminPolicy allow besides.
const EDIT: &[Rule] = &[
    ("", &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
    (
        "",
        &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "pods",
            "pods/attach",
            "pods/exec",
            "pods/portforward",
            "pods/proxy",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
        CHANGE,
    ),
    ("", &["serviceaccounts"], &["impersonate"]),
    (
        "apps",
        &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
        CHANGE,
    ),
    ("autoscaling", &["horizontalpodautoscalers"], CHANGE),
    ("batch", &["cronjobs", "jobs"], CHANGE),
    ("networking.k8s.io", &["ingresses", "networkpolicies"], CHANGE),
    ("policy", &["poddisruptionbudgets"], CHANGE),
];
/// What AmazonEKSAdminPolicy allows besides.
const ADMIN: &[Rule] = &[
    ("authorization.k8s.io", &["localsubjectaccessreviews"], &["create"]),
    ("rbac.authorization.k8s.io", &["rolebindings", "roles"], READ),
    ("rbac.authorization.k8s.io", &["rolebindings", "roles"], CHANGE),
];
/// What every authenticated user may do, whatever its policies (Kubernetes, "Default roles": system:basic-user).
const EVERYONE: &[Rule] = &[
    ("authentication.k8s.io", &["selfsubjectreviews"], &["create"]),
    ("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
];
/// Each policy that people are given, and its rules. API groups that Kubernetes no longer serves, such as `extensions`, are left out.
const POLICIES: &[(&str, &[&[Rule]])] = &[
    ("AmazonEKSAdminPolicy", &[VIEW, EDIT, ADMIN]),
    ("AmazonEKSAdminViewPolicy", &[READ_ALL]),
    ("AmazonEKSClusterAdminPolicy", &[ALL]),
    ("AmazonEKSEditPolicy", &[VIEW, EDIT]),
    ("AmazonEKSSecretReaderPolicy", &[READ_SECRETS]),
    ("AmazonEKSViewPolicy", &[VIEW]),
];

/// What the associated policies and groups allow of what is asked. `entry` is the entry as the user knows it.
pub(super) fn hop(entry: &str, policies: &BTreeMap<String, Reach>, groups: &BTreeSet<String>, asked: &[Action], to_do: &str) -> Hop {
    let shown = shown(policies, groups);
    if policies.is_empty() && groups.is_empty() {
        let reason = "The access entry has no access policy and no Kubernetes group: the cluster authenticates its principal but \
                      authorizes nothing.";
        return Hop::broken(NAME, entry, reason, to_do);
    }
    let (mut refused, mut elsewhere) = (Vec::new(), Vec::new());
    for action in asked {
        match decided(policies, action) {
            Some(true) => {}
            Some(false) if groups.is_empty() => refused.push(action.to_string()),
            _ => elsewhere.push(action.to_string()),
        }
    }
    if !refused.is_empty() {
        let reason = format!("{shown} No access policy allows the principal to {}.", refused.join(", nor to "));
        return Hop::broken(NAME, entry, reason, to_do);
    }
    if !elsewhere.is_empty() || asked.is_empty() && policies.is_empty() {
        let what = if elsewhere.is_empty() { "do anything".to_owned() } else { elsewhere.join(" and to ") };
        let reason = format!("{shown} Whether the principal can {what} depends on the cluster's RBAC, which only live = true can check.");
        return Hop::external(NAME, entry, reason);
    }
    let granted: Vec<String> = asked.iter().map(ToString::to_string).collect();
    let granted = if granted.is_empty() { String::new() } else { format!(" That allows the principal to {}.", granted.join(" and to ")) };
    Hop::ok(NAME, entry, format!("{shown}{granted}"))
}

/// Whether the policies allow an action: `None` if their names don't determine it.
fn decided(policies: &BTreeMap<String, Reach>, action: &Action) -> Option<bool> {
    if holds(EVERYONE, action) {
        return Some(true);
    }
    action.group.as_ref()?;
    let holding = policies.iter().filter(|(_, reach)| covers(reach, action.namespace.as_deref()));
    let answers: Vec<Option<bool>> = holding.map(|(arn, _)| allows(name(arn), action)).collect();
    [Some(true), None].into_iter().find(|answer| answers.contains(answer)).unwrap_or(Some(false))
}

/// A scope of namespaces never covers the whole cluster (EKS user guide, "Associate access policies with access entries").
fn covers(reach: &Reach, namespace: Option<&str>) -> bool {
    match (reach.scope, namespace) {
        (Scope::Cluster, _) => true,
        (Scope::Namespace, None) => false,
        (Scope::Namespace, Some(namespace)) => reach.namespaces.iter().any(|written| match written.strip_suffix('*') {
            Some(prefix) => namespace.starts_with(prefix),
            None => written == namespace,
        }),
    }
}

/// Whether a policy allows an action: `None` for a policy that is not in the table.
fn allows(policy: &str, action: &Action) -> Option<bool> {
    let (_, parts) = POLICIES.iter().find(|(name, _)| *name == policy)?;
    Some(parts.iter().any(|rules| holds(rules, action)))
}

/// Whether one of the rules allows an action, as RBAC reads them.
fn holds(rules: &[Rule], action: &Action) -> bool {
    let Some(asked_group) = &action.group else { return false };
    let has = |listed: &[&str], asked: &str| listed.contains(&"*") || listed.contains(&asked);
    rules
        .iter()
        .any(|(group, resources, verbs)| has(&[*group], asked_group) && has(resources, &action.resource) && has(verbs, &action.verb))
}

fn shown(policies: &BTreeMap<String, Reach>, groups: &BTreeSet<String>) -> String {
    let mut parts: Vec<String> = policies
        .iter()
        .map(|(arn, reach)| match reach.scope {
            Scope::Cluster => format!("{} in the whole cluster", name(arn)),
            Scope::Namespace => format!("{} in {}", name(arn), reach.namespaces.iter().cloned().collect::<Vec<_>>().join(", ")),
        })
        .collect();
    if !groups.is_empty() {
        parts.push(format!("the Kubernetes groups {}", groups.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    format!("The access entry has {}.", parts.join("; "))
}

fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_sources::hops::Status;

    fn action(verb: &str, resource: &str, namespace: Option<&str>) -> Action {
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        Action { verb: verb.into(), group: Some(group.into()), resource: resource.into(), namespace: namespace.map(str::to_owned) }
    }

    fn policies(all: &[(&str, &[&str])]) -> BTreeMap<String, Reach> {
        let reach = |namespaces: &[&str]| Reach {
            scope: if namespaces.is_empty() { Scope::Cluster } else { Scope::Namespace },
            namespaces: namespaces.iter().map(|n| (*n).to_owned()).collect(),
        };
        all.iter().map(|(name, spaces)| (format!("arn:aws:eks::aws:cluster-access-policy/{name}"), reach(spaces))).collect()
    }

    fn status(all: &[(&str, &[&str])], groups: &[&str], asked: &[Action]) -> Status {
        hop("entry", &policies(all), &groups.iter().map(|g| (*g).to_owned()).collect(), asked, "fix").status
    }

    #[test]
    fn an_entry_without_policies_and_groups_admits_to_nothing() {
        assert_eq!(status(&[], &[], &[]), Status::Broken);
        assert_eq!(status(&[], &["ops"], &[]), Status::External);
        assert_eq!(status(&[("AmazonEKSViewPolicy", &[])], &[], &[]), Status::Ok);
    }

    #[test]
    fn a_scope_is_met_by_its_namespaces_and_their_wildcards_only() {
        let view: &[(&str, &[&str])] = &[("AmazonEKSViewPolicy", &["dev-*", "prod"])];
        let get = |namespace| [action("get", "pods", namespace)];
        assert_eq!(status(view, &[], &get(Some("dev-1"))), Status::Ok);
        assert_eq!(status(view, &[], &get(Some("prod"))), Status::Ok);
        assert_eq!(status(view, &[], &get(Some("prod-2"))), Status::Broken);
        assert_eq!(status(view, &[], &get(None)), Status::Broken);
        assert_eq!(status(view, &["ops"], &get(None)), Status::External);
    }

    #[test]
    fn each_policy_allows_what_its_page_says() {
        let of = |policy: &'static str, verb: &str, resource: &str| status(&[(policy, &[])], &[], &[action(verb, resource, Some("a"))]);
        assert_eq!(of("AmazonEKSClusterAdminPolicy", "delete", "nodes"), Status::Ok);
        assert_eq!(of("AmazonEKSViewPolicy", "create", "pods"), Status::Broken);
        assert_eq!(of("AmazonEKSViewPolicy", "get", "secrets"), Status::Broken);
        assert_eq!(of("AmazonEKSEditPolicy", "create", "deployments.apps"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "create", "deployments"), Status::Broken);
        assert_eq!(of("AmazonEKSEditPolicy", "get", "endpoints"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "update", "endpoints"), Status::Broken);
        assert_eq!(of("AmazonEKSAdminPolicy", "update", "endpoints"), Status::Broken);
        assert_eq!(of("AmazonEKSEditPolicy", "impersonate", "serviceaccounts"), Status::Ok);
        assert_eq!(of("AmazonEKSAdminViewPolicy", "list", "widgets.example.com"), Status::Ok);
        assert_eq!(of("AmazonEKSSecretReaderPolicy", "get", "configmaps"), Status::Broken);
        assert_eq!(of("AmazonEKSEditPolicy", "*", "pods"), Status::Broken);
        assert_eq!(of("AmazonEKSViewPolicy", "get", "*"), Status::Broken);
        assert_eq!(of("AmazonEKSEditPolicy", "create", "events"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "patch", "replicationcontrollers/scale"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "create", "rolebindings.rbac.authorization.k8s.io"), Status::Broken);
        assert_eq!(of("AmazonEKSAdminPolicy", "create", "rolebindings.rbac.authorization.k8s.io"), Status::Ok);
        assert_eq!(of("AmazonEKSViewPolicy", "get", "rolebindings.rbac.authorization.k8s.io"), Status::Broken);
        assert_eq!(of("AmazonEKSViewPolicy", "get", "widgets.example.com"), Status::Broken);
        assert_eq!(of("AmazonEKSAdminPolicy", "get", "nodes"), Status::Broken);
        assert_eq!(of("AmazonEKSNetworkingPolicy", "get", "pods"), Status::External);
        assert_eq!(of("AmazonEKSViewPolicy", "create", "selfsubjectaccessreviews.authorization.k8s.io"), Status::Ok);
    }

    #[test]
    fn one_policy_that_allows_is_enough() {
        let both: &[(&str, &[&str])] = &[("AmazonEKSNetworkingPolicy", &[]), ("AmazonEKSViewPolicy", &[])];
        assert_eq!(status(both, &[], &[action("get", "pods", None)]), Status::Ok);
        assert_eq!(status(both, &[], &[action("create", "pods", None)]), Status::External);
    }

    #[test]
    fn a_resource_whose_group_only_the_cluster_knows_is_for_the_cluster_to_decide() {
        let asked = Action { group: None, ..action("get", "certificates", None) };
        assert_eq!(status(&[("AmazonEKSViewPolicy", &[])], &[], &[asked]), Status::External);
    }
}
