//! The hop `oidc_provider`: whether the role's account takes the issuer's tokens.
//!
//! STS looks for the issuer's provider in the account of the role that is asked for, and for the token's audience among its client ids
//! (STS, AssumeRoleWithWebIdentity: InvalidIdentityToken).

use serde_json::Value as Json;

use super::question::Question;
use crate::aws::oidc_providers::{self, OidcProvider};
use crate::aws::policy::{self, values_of};
use crate::aws::{Account, Error, arn};
use crate::data_sources::hops::Hop;
use crate::data_sources::steps::{Accounts, Found, Step};

const OIDC_PROVIDER: &str = "oidc_provider";

/// What there is of the issuer's providers.
#[derive(Debug)]
pub(super) enum Providers {
    /// The issuer is not known.
    NoIssuer,
    /// The role's account is none of the provider's.
    Outside { issuer: String, arn: String },
    Looked {
        /// Without `https://`.
        issuer: String,
        /// What the provider is called in the role's account, whether or not it is there.
        arn: String,
        found: Result<Option<OidcProvider>, Error>,
        /// The ID of another configured account that has a provider for this issuer, if the role's account has none.
        elsewhere: Option<String>,
    },
}

impl Providers {
    /// The issuer, and the ARN of its provider in the role's account.
    pub fn names(&self) -> Option<(&str, &str)> {
        match self {
            Providers::NoIssuer => None,
            Providers::Outside { issuer, arn } | Providers::Looked { issuer, arn, .. } => Some((issuer, arn)),
        }
    }
}

pub(super) async fn look(accounts: &Accounts, taker: &Step, issuer: Option<&str>) -> Providers {
    let Some(issuer) = issuer.map(str::to_owned) else { return Providers::NoIssuer };
    let arn_in = |account: &str| arn::oidc_provider(&taker.arn.partition, account, &issuer);
    let arn = arn_in(&taker.arn.account);
    let Some(account) = accounts.of(&taker.arn.account) else { return Providers::Outside { issuer, arn } };
    let found = oidc_providers::find(account, &arn).await;
    let elsewhere = match &found {
        Ok(None) => elsewhere(accounts, account, arn_in).await,
        _ => None,
    };
    Providers::Looked { issuer, arn, found, elsewhere }
}

/// Only to say more of what is broken: what can't be read is left out.
async fn elsewhere(accounts: &Accounts, account: &Account, arn_in: impl Fn(&str) -> String) -> Option<String> {
    for other in accounts.all() {
        let id = &other.identity().account_id;
        if *id != account.identity().account_id && matches!(oidc_providers::find(other, &arn_in(id)).await, Ok(Some(_))) {
            return Some(id.clone());
        }
    }
    None
}

pub(super) fn hop(providers: &Providers, taker: &Step, question: &Question) -> Hop {
    let account = &taker.arn.account;
    let hop = match providers {
        Providers::NoIssuer => Hop::unknown(OIDC_PROVIDER, account, "Not checked: the cluster's issuer is not known."),
        Providers::Outside { arn, .. } => {
            let reason = format!(
                "Account {account} is neither the provider's cluster_account nor the selected workload account, so it can't be read."
            );
            Hop::external(OIDC_PROVIDER, arn, reason)
        }
        Providers::Looked { arn, found: Err(error), .. } => Hop::unreadable(OIDC_PROVIDER, arn, error),
        Providers::Looked { issuer, arn, found: Ok(None), elsewhere } => absent(issuer, arn, elsewhere.as_deref(), taker),
        Providers::Looked { arn, found: Ok(Some(provider)), .. } => present(arn, provider, question),
    };
    hop.in_account(account)
}

fn absent(issuer: &str, arn: &str, elsewhere: Option<&str>, taker: &Step) -> Hop {
    let account = &taker.arn.account;
    let mut reason =
        format!("Account {account} has no OIDC provider for https://{issuer}, and STS requires one in the role's own account.");
    if let Some(other) = elsewhere {
        reason.push_str(&format!(" Account {other} has one, which STS does not use for this role."));
    }
    for old in other_issuers(taker, issuer) {
        reason.push_str(&format!(" The role trusts {old}: the issuer of another cluster, or of this cluster before it was recreated."));
    }
    let fix = format!("Apply xeks_irsa_trust, which creates it, or create an OIDC provider for https://{issuer} in account {account}.");
    Hop::broken(OIDC_PROVIDER, arn, reason, fix)
}

fn present(arn: &str, provider: &OidcProvider, question: &Question) -> Hop {
    let audience = &question.audience;
    if provider.client_ids.contains(audience) {
        return Hop::ok(OIDC_PROVIDER, arn, format!("It accepts the issuer's tokens with the audience {audience}."));
    }
    let ids = match provider.client_ids.as_slice() {
        [] => "empty (no client ID)".to_owned(),
        ids => ids.join(", "),
    };
    let reason =
        format!("The audience {audience} is not among its client IDs, which are {ids}: STS rejects the tokens (InvalidIdentityToken).");
    let fix = format!(
        "Add the client ID {audience} (set audiences of xeks_irsa_trust, or run aws iam add-client-id-to-open-id-connect-provider), or \
         use another audience in the pods' tokens (annotation eks.amazonaws.com/audience)."
    );
    Hop::broken(OIDC_PROVIDER, arn, reason, fix)
}

/// ARNs of the OIDC providers that a trust policy names.
pub(super) fn federated(trust: &Json) -> Vec<String> {
    let of = |statement: &&Json| values_of(&statement["Principal"]["Federated"]);
    policy::statements_of(trust).iter().filter(|s| s["Effect"] == "Allow").flat_map(of).collect()
}

/// Issuers of EKS clusters that the role trusts instead.
fn other_issuers(taker: &Step, issuer: &str) -> Vec<String> {
    let Found::Here(role, _) = &taker.found else { return Vec::new() };
    federated(&role.trust)
        .iter()
        .filter_map(|arn| arn.split_once(":oidc-provider/").map(|(_, host)| arn::issuer_host(host).to_owned()))
        .filter(|host| host != issuer && host.starts_with("oidc.eks."))
        .collect()
}
