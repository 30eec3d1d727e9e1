//! Checks at plan time that only this resource has: the cluster's mode, its policies and its principals. How far its rights reach is in `reach`.

use super::model::Model;
use super::{objects, permission_set, reach};
use crate::aws::{Side, arn};
use crate::diagnostics::{Diagnostics, Path, did_you_mean};
use crate::objects::eks::cluster;
use crate::objects::{Context, Env};
use crate::resources::lifecycle::{Change, Run};
use crate::resources::role::check::Wanted;
use crate::resources::{preflight, role};

pub async fn check(model: &Model, cx: &Context, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    mode(model, env, &mut diagnostics);
    diagnostics.extend(reach::warnings(model, change, env));
    diagnostics.extend(permission_set::warn_of_another_role(model, env));
    let principals = "access_role.trusted_principal_arns";
    let roles = roles(model, cx, env);
    let (roles, policies, principals) = futures::join!(
        role::check::check(cx, env, run, &roles),
        async { if change.changes("kubernetes.policies") { policies(model, cx, env).await } else { Diagnostics::new() } },
        async {
            if change.changes(principals) {
                preflight::principals_exist(cx, env, &model.trusted_principals, &Path::of(principals)).await
            } else {
                Diagnostics::new()
            }
        },
    );
    diagnostics.extend(roles);
    diagnostics.extend(policies);
    diagnostics.extend(principals);
    diagnostics
}

fn roles<'a>(model: &'a Model, cx: &Context, env: &Env) -> Vec<Wanted<'a>> {
    let access = model.access.as_ref().map(|role| Wanted {
        role,
        trust: objects::access_trust(model, env),
        trust_path: Path::of("access_role.trusted_principal_arns"),
        shorten: "Trust fewer principals, or a role that they all assume",
        inline_policies: [objects::describe_policy(model, env, &cx.ownership)].into(),
        inline_path: role.name_path(),
    });
    let workload = Wanted {
        role: &model.workload,
        trust: objects::workload_trust(model),
        trust_path: Path::of("workload_role.trusted_services"),
        shorten: "Trust fewer services",
        inline_policies: objects::assume_policy(model, env, &cx.ownership).into_iter().collect(),
        inline_path: model.workload.name_path(),
    };
    access.into_iter().chain([workload]).collect()
}

/// Access entries need an authentication mode with API in it (EKS user guide, "Grant IAM users access to Kubernetes with EKS access entries").
fn mode(model: &Model, env: &Env, diagnostics: &mut Diagnostics) {
    let Some(cluster) = env.clusters.get(&model.cluster) else { return };
    if cluster.authentication_mode.as_deref() != Some("CONFIG_MAP") {
        return;
    }
    if model.upgrade {
        diagnostics.warning(
            Path::of("on_config_map"),
            "The cluster's authentication mode will change, and can't be changed back",
            format!(
                "The apply changes cluster {} from CONFIG_MAP to API_AND_CONFIG_MAP. The aws-auth ConfigMap keeps working; if both \
                     contain a principal, the access entry takes precedence.",
                model.cluster
            ),
        );
    } else {
        diagnostics.error(
            Path::of("on_config_map"),
            "The cluster does not support access entries",
            format!(
                "The authentication mode of cluster {} in account {} is CONFIG_MAP. Nothing was created. Set on_config_map = \"upgrade\" \
                 to have xeks change it, or run `aws eks update-cluster-config --name {} --region {} --access-config \
                 authenticationMode=API_AND_CONFIG_MAP`. The change can't be undone; the aws-auth ConfigMap keeps working.",
                model.cluster,
                env.identity(Side::Cluster).account_id,
                model.cluster,
                env.region
            ),
        );
    }
}

/// The access policies that EKS has had in every region since it has access entries (EKS user guide, "Review access policy permissions").
const EVERYWHERE: [&str; 4] = ["AmazonEKSAdminPolicy", "AmazonEKSClusterAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy"];

/// Asks ListAccessPolicies about any other policy: no list of our own refuses one.
async fn policies(model: &Model, cx: &Context, env: &Env) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if model.policies.keys().all(|name| EVERYWHERE.contains(&name.as_str())) {
        return diagnostics;
    }
    let known = match cluster::access_policies(cx, &env.region).await {
        Ok(known) => known,
        Err(error) => return preflight::skipped(&error),
    };
    for name in model.policies.keys() {
        let policy_arn = arn::access_policy(&env.identity(Side::Cluster).partition, name);
        if !known.contains(&policy_arn) {
            let names: Vec<&str> = known.iter().filter_map(|arn| arn.rsplit('/').next()).collect();
            diagnostics.error(
                Path::of("kubernetes.policies").key(name),
                format!("EKS has no access policy {name}"),
                format!(
                    "{}Access policies in account {}: {}.",
                    did_you_mean(name, &names),
                    env.identity(Side::Cluster).account_id,
                    names.join(", ")
                ),
            );
        }
    }
    diagnostics
}
