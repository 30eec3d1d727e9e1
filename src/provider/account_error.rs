//! What a user reads where an account can't be used: in the words of the `provider` block.

use crate::aws::accounts::AccountError;
use crate::diagnostics::{Diagnostic, Diagnostics, Path, Severity, sentence};

impl From<AccountError> for Diagnostics {
    fn from(error: AccountError) -> Self {
        Diagnostic::from(&error).into()
    }
}

impl From<&AccountError> for Diagnostic {
    fn from(error: &AccountError) -> Self {
        // Where the resource's own choice is at fault, the path is its attribute.
        let path = match error {
            AccountError::NoWorkload { .. } | AccountError::UnknownKey { .. } => Path::of("workload_account"),
            _ => Path::root(),
        };
        Diagnostic { severity: Severity::Error, summary: summary(error), detail: detail(error), path }
    }
}

fn summary(error: &AccountError) -> String {
    match error {
        AccountError::Unknown => "The provider's configuration is not known yet".into(),
        AccountError::NoWorkload { .. } => "No workload account".into(),
        AccountError::UnknownKey { key, .. } => format!("Unknown workload account {key:?}"),
        AccountError::SameAccount { .. } => "Both sides use the same account".into(),
        AccountError::NotAllowed { account, identity, .. } => format!("Account {} is not allowed as {account}", identity.account_id),
        AccountError::NoRegion { account } => format!("No region for {account}"),
        AccountError::Settings { account, .. } => format!("{account} can't be used"),
        AccountError::Aws(error) => format!("{} is not accessible", error.account),
    }
}

fn detail(error: &AccountError) -> String {
    match error {
        AccountError::Unknown => {
            "The provider configuration depends on values that are known only after apply. Apply the resources that provide them first \
             (-target), then run Terraform again."
                .into()
        }
        AccountError::NoWorkload { keys } => match keys.as_slice() {
            [] => "The provider's configuration has no workload_account. Add one: workload_account = { profile = \"…\", region = \"…\" }."
                .into(),
            keys => format!(
                "The provider's configuration has no workload_account, and the resource selects none of workload_accounts. Set \
                 workload_account on the resource to one of {}.",
                quoted(keys)
            ),
        },
        AccountError::UnknownKey { keys, .. } => match keys.as_slice() {
            [] => "The provider's configuration has no workload_accounts. Add the account there, or remove workload_account to use the \
                   provider's own."
                .into(),
            keys => format!("The provider's workload_accounts are {}. Use one of these keys, or add the account there.", quoted(keys)),
        },
        AccountError::SameAccount { account_id, cluster, workload, name } => format!(
            "cluster_account authenticates as {cluster} and {name} as {workload}: both belong to account {account_id}. Use a different \
             profile or assume_role for one of them, or set allow_same_account = true if this is intended.",
        ),
        AccountError::NotAllowed { account, identity, allowed } => {
            let rule = match allowed.as_slice() {
                [] => "forbidden_account_ids contains that account".to_owned(),
                allowed if allowed.contains(&identity.account_id) => "forbidden_account_ids contains that account".to_owned(),
                allowed => format!("allowed_account_ids contains only {}", allowed.join(", ")),
            };
            format!(
                "The credentials for {account} belong to {}, in account {}; {rule}. Nothing was read or changed there. Correct the \
                 profile or assume_role of {account}, or the list.",
                identity.arn, identity.account_id
            )
        }
        AccountError::NoRegion { account } => {
            format!("Set region in {account}, the environment variable AWS_REGION, or region in the profile, such as ap-south-1.")
        }
        AccountError::Settings { message, .. } => format!("{}.", sentence(message)),
        AccountError::Aws(error) => match error.advice() {
            Some(advice) => format!("{error}. {advice}"),
            None => error.to_string(),
        },
    }
}

fn quoted(keys: &[String]) -> String {
    keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ")
}
