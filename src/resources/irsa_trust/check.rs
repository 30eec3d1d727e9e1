//! Checks at plan time that only this resource has: the size of the trust policy, and how far its patterns reach.

use super::model::Model;
use super::objects;
use crate::aws::policy;
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::Env;
use crate::resources::lifecycle::Change;

pub fn check(model: &Model, change: Change<'_>, env: &Env) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let size = policy::size(&policy::document(objects::web_identity_trust(model, env)));
    if size > policy::TRUST_LIMIT {
        diagnostics.error(
            Path::of("service_accounts"),
            "The role's trust policy is too long",
            format!(
                "It would have {size} characters for {} service accounts and {} issuers; AWS allows {} unless the account's quota was \
                 raised. Use a wildcard in a namespace of your own, fewer service accounts, or several roles.",
                model.service_accounts.len(),
                model.issuers.len(),
                policy::TRUST_LIMIT
            ),
        );
    }
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
