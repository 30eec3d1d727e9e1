//! Checks at plan time that only this resource has: the size of the trust policy, and how far its patterns reach.

use super::model::Model;
use super::objects;
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
    diagnostics
}

fn roles<'a>(model: &'a Model, cx: &Context, env: &Env) -> Vec<Wanted<'a>> {
    let wanted = |role: &'a RoleModel, trust, inline_policies| Wanted {
        role,
        trust,
        trust_path: Path::of("service_accounts"),
        shorten: "Use a wildcard in a namespace of your own, fewer service accounts, or several roles",
        inline_policies,
        inline_path: Path::of(role.attribute.name).attribute("inline_policies"),
    };
    let inline_policies = model.inline_policies.iter().map(|(name, text)| (name.clone(), users_document(text))).collect();
    let web_identity = objects::web_identity_trust(model, env);
    match &model.pod_role {
        None => vec![wanted(&model.role, web_identity, inline_policies)],
        Some(pod_role) => {
            let assume = objects::assume_policy(model, env, &cx.ownership);
            vec![
                wanted(pod_role, web_identity, [assume].into()),
                wanted(&model.role, objects::target_trust(pod_role, env), inline_policies),
            ]
        }
    }
}
