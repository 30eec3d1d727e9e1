//! The hop `access_policy`: what an entry's policies and groups let its principal do, as far as that can be determined without asking
//! the cluster.
//!
//! What each access policy allows is the EKS user guide's, "Review access policy permissions". Policies that are not in the table
//! below, and what groups may do, are for the cluster to say: `external`.

use std::collections::{BTreeMap, BTreeSet};

use super::question::Action;
use crate::data_sources::hops::Hop;
use crate::objects::eks::entries::Reach;
use crate::objects::eks::entries::Scope;

const NAME: &str = "access_policy";

/// Resources by API group.
type Resources = &'static [(&'static str, &'static [&'static str])];

const READ: &[&str] = &["get", "list", "watch"];
const CHANGES: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
/// What to view, to edit and to administer all read, and the latter two change.
const WORKLOADS: Resources = &[
    (
        "",
        &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
        ],
    ),
    ("apps", &["daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
    ("policy", &["poddisruptionbudgets"]),
];
/// What all three read, and none of them surely changes.
const READABLE: Resources = &[
    ("", &["bindings", "endpoints", "limitranges", "pods/log", "pods/status", "resourcequotas"]),
    ("apps", &["controllerrevisions"]),
    ("discovery.k8s.io", &["endpointslices"]),
];
/// What only to edit and to administer reach.
const WRITABLE: Resources = &[("", &["secrets", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"])];
/// What only to administer reaches.
const ACCESS: Resources = &[("rbac.authorization.k8s.io", &["roles", "rolebindings"])];

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

fn allows(policy: &str, action: &Action) -> Option<bool> {
    let verb = action.verb.as_str();
    let (reads, changes) = (READ.contains(&verb), CHANGES.contains(&verb));
    let is =
        |resources: Resources| resources.iter().any(|(group, names)| *group == action.group && names.contains(&action.resource.as_str()));
    let (plain, secret) = (is(WORKLOADS) || is(READABLE), action.group.is_empty() && action.resource == "secrets");
    match policy {
        "AmazonEKSClusterAdminPolicy" => Some(true),
        "AmazonEKSAdminViewPolicy" => Some(reads),
        "AmazonEKSSecretReaderPolicy" => Some(reads && secret),
        "AmazonEKSViewPolicy" if reads && plain => Some(true),
        "AmazonEKSViewPolicy" if !reads || is(WRITABLE) || is(ACCESS) => Some(false),
        "AmazonEKSEditPolicy" if is(ACCESS) => Some(false),
        "AmazonEKSAdminPolicy" if is(ACCESS) && (reads || changes) => Some(true),
        "AmazonEKSEditPolicy" | "AmazonEKSAdminPolicy" if reads && (plain || is(WRITABLE)) => Some(true),
        "AmazonEKSEditPolicy" | "AmazonEKSAdminPolicy" if changes && (is(WORKLOADS) || is(WRITABLE)) => Some(true),
        _ => None,
    }
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
        Action { verb: verb.into(), group: group.into(), resource: resource.into(), namespace: namespace.map(str::to_owned) }
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
        assert_eq!(of("AmazonEKSEditPolicy", "create", "deployments"), Status::External);
        assert_eq!(of("AmazonEKSEditPolicy", "get", "endpoints"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "update", "endpoints"), Status::External);
        assert_eq!(of("AmazonEKSAdminPolicy", "update", "endpoints"), Status::External);
        assert_eq!(of("AmazonEKSEditPolicy", "create", "events"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "patch", "replicationcontrollers/scale"), Status::Ok);
        assert_eq!(of("AmazonEKSEditPolicy", "create", "rolebindings.rbac.authorization.k8s.io"), Status::Broken);
        assert_eq!(of("AmazonEKSAdminPolicy", "create", "rolebindings.rbac.authorization.k8s.io"), Status::Ok);
        assert_eq!(of("AmazonEKSViewPolicy", "get", "rolebindings.rbac.authorization.k8s.io"), Status::Broken);
        assert_eq!(of("AmazonEKSViewPolicy", "get", "widgets.example.com"), Status::External);
        assert_eq!(of("AmazonEKSAdminPolicy", "get", "widgets"), Status::External);
        assert_eq!(of("AmazonEKSNetworkingPolicy", "get", "pods"), Status::External);
    }

    #[test]
    fn one_policy_that_allows_is_enough() {
        let both: &[(&str, &[&str])] = &[("AmazonEKSNetworkingPolicy", &[]), ("AmazonEKSViewPolicy", &[])];
        assert_eq!(status(both, &[], &[action("get", "pods", None)]), Status::Ok);
        assert_eq!(status(both, &[], &[action("create", "pods", None)]), Status::External);
    }
}
