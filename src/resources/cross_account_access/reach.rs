//! Warnings of a plan about access that reaches far: on create and when the attribute changes, not for ever.

use super::model::Model;
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::Env;
use crate::objects::eks::access_entry::policy_name;
use crate::objects::eks::entries::Scope;
use crate::resources::lifecycle::Change;
use crate::resources::trusted_principals::{self, Trusting};

const PRINCIPALS: &str = "access_role.trusted_principal_arns";

/// What more an access policy that reads secrets gives.
const POD_CREATOR: &str = ", and create pods that use any of their service accounts";
/// Access policies that read secrets, and what more they give (EKS user guide, "Review access policy permissions").
const SECRET_READERS: [(&str, &str); 4] = [
    ("AmazonEKSAdminPolicy", POD_CREATOR),
    ("AmazonEKSEditPolicy", POD_CREATOR),
    ("AmazonEKSAdminViewPolicy", ""),
    ("AmazonEKSSecretReaderPolicy", ""),
];

pub fn warnings(model: &Model, change: Change<'_>, env: &Env) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    cluster_wide_policies(model, change, &mut diagnostics);
    trusted_role_name(model, change, &mut diagnostics);
    diagnostics.extend(trusted(model, change, env));
    diagnostics
}

fn cluster_wide_policies(model: &Model, change: Change<'_>, diagnostics: &mut Diagnostics) {
    let (cluster, role) = (&model.cluster, &model.workload.name);
    let is_changed = |name: &str| change.prior.at("kubernetes.policies").get(name) != change.value.at("kubernetes.policies").get(name);
    for name in model.policies.iter().filter(|(name, reach)| reach.scope == Scope::Cluster && is_changed(name)).map(|(name, _)| name) {
        let (path, policy) = (Path::of("kubernetes.policies").key(name), policy_name(name));
        if policy == "AmazonEKSClusterAdminPolicy" {
            diagnostics.warning(
                path,
                "Cluster-wide administrator access",
                format!(
                    "Principals that can assume role {role} of the workload account get cluster-admin on cluster {cluster}. Use a narrower \
                     policy or scope = \"namespace\" to limit this."
                ),
            );
        } else if let Some((_, more)) = SECRET_READERS.iter().find(|(reader, _)| *reader == policy) {
            diagnostics.warning(
                path,
                "Access to the secrets of all namespaces",
                format!(
                    "With {policy} and scope = \"cluster\", principals that can assume role {role} of the workload account can read the \
                     secrets of all namespaces of cluster {cluster}, including kube-system{more}. Use scope = \"namespace\" to limit this, \
                     or AmazonEKSViewPolicy, which does not allow reading secrets."
                ),
            );
        }
    }
}

fn trusted_role_name(model: &Model, change: Change<'_>, diagnostics: &mut Diagnostics) {
    let path = "access_role.trust";
    if model.trust_account && change.changes(path) {
        diagnostics.warning(
            Path::of(path),
            "The access role trusts a role name, not one role",
            format!(
                "Principals in the workload account that can create a role named {} can use it to get this access. Set trust = \
                     \"role\" to trust only the current role.",
                model.workload.name
            ),
        );
    }
}

fn trusted(model: &Model, change: Change<'_>, env: &Env) -> Diagnostics {
    let Some(access) = model.access.as_ref().filter(|_| change.changes(PRINCIPALS) || change.changes("access_role.external_id")) else {
        return Diagnostics::new();
    };
    let trusting = Trusting {
        path: PRINCIPALS,
        what: "The access role",
        role: &access.name,
        gets: format!("this access to cluster {}", model.cluster),
        third_account: model.external_id.is_none().then_some("Set access_role.external_id if the account belongs to a third party."),
    };
    trusted_principals::warnings(&model.trusted_principals, &trusting, env)
}
