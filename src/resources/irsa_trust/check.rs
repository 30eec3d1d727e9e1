//! Checks at plan time that only this resource has: the size of the trust policy, and how far its patterns reach.

use super::model::Model;
use super::objects;
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::{Context, Env};
use crate::resources::lifecycle::Change;
use crate::resources::preflight;
use crate::resources::role::check::Wanted;
use crate::resources::role::{self, RoleModel};
use crate::resources::trusted_principals::{self, Trusting};
use crate::resources::values::users_document;

const PRINCIPALS: &str = "role.trusted_principal_arns";

pub async fn check(model: &Model, cx: &Context, change: Change<'_>, env: &Env) -> Diagnostics {
    let mut diagnostics = role::check::check(cx, env, &roles(model, cx, env)).await;
    diagnostics.extend(trusted(model, cx, change, env).await);
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

/// Principals that do not exist, and those that reach far.
async fn trusted(model: &Model, cx: &Context, change: Change<'_>, env: &Env) -> Diagnostics {
    if !change.changes(PRINCIPALS) {
        return Diagnostics::new();
    }
    let trusting = Trusting {
        path: PRINCIPALS,
        what: "The role",
        role: &model.role.name,
        gets: format!("its permissions in account {}", env.workload.account_id),
        third_account: None,
    };
    let mut diagnostics = trusted_principals::warnings(&model.trusted_principals, &trusting, env);
    diagnostics.extend(preflight::principals_exist(cx, env, &model.trusted_principals, &Path::of(PRINCIPALS)).await);
    diagnostics
}

fn roles<'a>(model: &'a Model, cx: &Context, env: &Env) -> Vec<Wanted<'a>> {
    let trusting_pods = |role: &'a RoleModel, trust, inline_policies, inline_path| Wanted {
        role,
        trust,
        trust_path: Path::of("service_accounts"),
        shorten: "Use a wildcard in a namespace of your own, fewer service accounts, or several roles",
        inline_policies,
        inline_path,
    };
    let inline_policies = model.inline_policies.iter().map(|(name, text)| (name.clone(), users_document(text))).collect();
    let inline_path = Path::of("role.inline_policies");
    let Some(pod_role) = &model.pod_role else {
        return vec![trusting_pods(&model.role, objects::role_trust(model, env), inline_policies, inline_path)];
    };
    let assume = objects::assume_policy(model, env, &cx.ownership);
    let target = Wanted {
        role: &model.role,
        trust: objects::role_trust(model, env),
        trust_path: if model.trusted_principals.is_empty() { model.role.name_path() } else { Path::of(PRINCIPALS) },
        shorten: "Trust fewer principals, remove statements from its trust policy, or use another role",
        inline_policies,
        inline_path,
    };
    vec![trusting_pods(pod_role, objects::web_identity_trust(model, env), [assume].into(), pod_role.name_path()), target]
}
