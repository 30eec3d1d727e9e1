//! Checks at plan time that only this resource has: the size of the trust policy, and how far its patterns reach.

use super::model::Model;
use super::objects;
use crate::aws::arn;
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::{Context, Env};
use crate::resources::lifecycle::Change;
use crate::resources::role::check::Wanted;
use crate::resources::role::{self, RoleModel};
use crate::resources::values::users_document;

pub async fn check(model: &Model, cx: &Context, change: Change<'_>, env: &Env) -> Diagnostics {
    let mut diagnostics = role::check::check(cx, env, &roles(model, cx, env)).await;
    let wide: Vec<String> =
        model.service_accounts.iter().filter(|account| account.has_wildcard()).map(|account| account.subject()).collect();
    if !wide.is_empty() && change.changes("service_accounts") {
        diagnostics.warning(
            Path::of("service_accounts"),
            "Wildcards in service_accounts",
            format!(
                "Users who can create a service account that matches {} can use role {} of account {}.",
                wide.join(", "),
                model.role.name,
                env.workload.account_id
            ),
        );
    }
    other_partition(model, change, env, &mut diagnostics);
    diagnostics
}

/// STS knows the roles of its own partition only, and SDKs ask that of the pods' region (AWS SDKs and Tools Reference Guide, "AWS STS Regional
/// endpoints").
fn other_partition(model: &Model, change: Change<'_>, env: &Env, diagnostics: &mut Diagnostics) {
    let partition = env.workload.partition.as_str();
    let region_of = |issuer: &str| issuer.strip_prefix("oidc.eks.").and_then(|rest| rest.split('.').next()).map(str::to_owned);
    let regions = model.issuers.iter().filter_map(|issuer| region_of(issuer));
    let Some(region) = regions.into_iter().find(|region| arn::partition_of(region) != partition) else { return };
    if model.pod_role.is_none() && change.changes("issuers") {
        diagnostics.warning(
            Path::of("issuers"),
            "The pods and their role are in two partitions",
            format!(
                "The pods run in region {region}, in partition {}, and role {} is in partition {partition}. STS of the pods' own partition does \
                 not know the role. Set AWS_REGION of the pods to a region of the role's partition, such as {}, or AWS_ENDPOINT_URL_STS to a \
                 regional STS endpoint there.",
                arn::partition_of(&region),
                model.role.name,
                env.workload_region
            ),
        );
    }
}

fn roles<'a>(model: &'a Model, cx: &Context, env: &Env) -> Vec<Wanted<'a>> {
    let trusting_pods = |role: &'a RoleModel, inline_policies, inline_path| Wanted {
        role,
        trust: objects::web_identity_trust(model, env),
        trust_path: Path::of("service_accounts"),
        shorten: "Use a wildcard in a namespace of your own, fewer service accounts, or several roles",
        inline_policies,
        inline_path,
    };
    let inline_policies = model.inline_policies.iter().map(|(name, text)| (name.clone(), users_document(text))).collect();
    let inline_path = Path::of("role.inline_policies");
    let Some(pod_role) = &model.pod_role else { return vec![trusting_pods(&model.role, inline_policies, inline_path)] };
    let assume = objects::assume_policy(model, env, &cx.ownership);
    let target = Wanted {
        role: &model.role,
        trust: objects::target_trust(pod_role, env),
        trust_path: model.role.name_path(),
        shorten: "Remove statements from its trust policy, or use another role",
        inline_policies,
        inline_path,
    };
    vec![trusting_pods(pod_role, [assume].into(), pod_role.name_path()), target]
}
