//! What a user reads where an account can't be used: in the words of the `provider` block.

use crate::aws::accounts::{Account, AccountError, Caller, Chain, KEYS, Rule, SignIn, Source, Start, quoted};
use crate::aws::{Error, Kind};
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
        AccountError::NotAllowed { account, caller, .. } => {
            format!("Account {} is not allowed as {account}", caller.identity.account_id)
        }
        AccountError::NoRegion { account } => format!("No region for {account}"),
        AccountError::Settings { account, .. } => format!("{account} can't be used"),
        AccountError::Aws { error, .. } => format!("{} is not accessible", error.account),
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
                keys_of(keys)
            ),
        },
        AccountError::UnknownKey { keys, .. } => match keys.as_slice() {
            [] => "The provider's configuration has no workload_accounts. Add the account there, or remove workload_account to use the \
                   provider's own."
                .into(),
            keys => format!("The provider's workload_accounts are {}. Use one of these keys, or add the account there.", keys_of(keys)),
        },
        AccountError::SameAccount { account_id, cluster, workload, name } => format!(
            "cluster_account authenticates as {} and {name} as {}: both belong to account {account_id}. Use a different profile or \
             assume_role for one of them, or set allow_same_account = true if this is intended.{}{}",
            described(cluster),
            described(workload),
            precedence(&cluster.sign_in, "cluster_account"),
            if cluster.sign_in == workload.sign_in { String::new() } else { precedence(&workload.sign_in, name) }
        ),
        AccountError::NotAllowed { account, caller, rule } => {
            let rule = match rule {
                Rule::Forbidden => "forbidden_account_ids contains that account".to_owned(),
                Rule::Account(allowed) => format!("allowed_account_ids contains only {}", allowed.join(", ")),
                Rule::Provider(allowed) => format!("allowed_account_ids of the provider contains only {}", allowed.join(", ")),
            };
            format!(
                "The credentials for {account} belong to {}, in account {}; {rule}. Nothing was read or changed there. Correct the \
                 profile or assume_role of {account}, or the list.{}",
                described(caller),
                caller.identity.account_id,
                precedence(&caller.sign_in, account)
            )
        }
        AccountError::NoRegion { account } => {
            format!("Set region in {account}, the environment variable AWS_REGION, or region in the profile, such as ap-south-1.")
        }
        AccountError::Settings { message, .. } => format!("{}.", sentence(message)),
        AccountError::Aws { error, sign_in } => {
            let advice = advice(error, sign_in).map_or_else(String::new, |advice| format!("\n\n{advice}"));
            format!("{error}.\n\n{}{}{advice}", came_from(error, sign_in), precedence(sign_in, &error.account))
        }
    }
}

/// A caller, and where the credentials come from.
fn described(caller: &Caller) -> String {
    format!("{} (credentials from {})", caller.identity.arn, caller.sign_in)
}

/// Where the credentials of a failed call come from, or were looked for.
fn came_from(error: &Error, sign_in: &SignIn) -> String {
    match &sign_in.source {
        Source::Host { searched } if is_without_credentials(error) => format!(
            "No credentials were found: neither the environment nor {searched} define any, and no container or instance provides any."
        ),
        _ => format!("The credentials for {} come from {sign_in}.", error.account),
    }
}

fn is_without_credentials(error: &Error) -> bool {
    error.message.starts_with("no credentials") && !is_of_a_role(error)
}

/// Whether a role was asked for: its caller is signed in.
fn is_of_a_role(error: &Error) -> bool {
    error.message.contains("sts:AssumeRole")
}

/// What to say of an account whose denied call may be that of another caller than the user has in mind.
pub fn unexpected_caller(account: &Account) -> Option<String> {
    let Caller { identity, sign_in } = account.caller();
    let why = precedence(sign_in, account.name());
    (!why.is_empty()).then(|| format!("The caller is {}, with credentials from {sign_in}.{why}", identity.arn))
}

/// Keys in the environment come before the shared files: what the user did not mean is said. A sentence, with a space before it.
fn precedence(sign_in: &SignIn, account: &str) -> String {
    match &sign_in.source {
        Source::Environment { over: Some(profile) } => format!(
            " {} and {} take precedence over profile {profile:?}. To use that profile, set profile = {profile:?} in {account}, or unset both.",
            KEYS[0], KEYS[1]
        ),
        _ => String::new(),
    }
}

/// What to do about credentials that AWS does not accept, or that are not there.
fn advice(error: &Error, sign_in: &SignIn) -> Option<String> {
    if !matches!(error.kind, Kind::Credentials | Kind::Expired | Kind::Denied) {
        return error.advice();
    }
    if let Some(advice) = advice_on_duration(error, sign_in) {
        return Some(advice);
    }
    match &sign_in.source {
        _ if is_of_a_role(error) && error.message.contains("AccessDenied") => Some(
            "Check that the role exists, that its trust policy allows this caller with the conditions that it has (such as an external ID or \
             multi-factor authentication), and that the caller's own policies allow the call."
                .into(),
        ),
        Source::Profile(chain) if !is_of_a_role(error) => advice_on_profile(chain, error),
        Source::Host { .. } if is_without_credentials(error) => Some(format!(
            "Set profile, access_key and secret_key, or assume_role_with_web_identity in {}, or sign in to a profile and export AWS_PROFILE.",
            error.account
        )),
        _ => error.advice(),
    }
}

fn advice_on_profile(chain: &Chain, error: &Error) -> Option<String> {
    let (name, file) = &chain.base;
    let asked = quoted(name);
    match &chain.start {
        // IAM Identity Center refuses an account or a permission set that the person is not assigned to.
        Start::Sso { .. } if error.message.contains("ForbiddenException") || error.message.contains("No access") => Some(format!(
            "IAM Identity Center gives this person no access with profile {name:?} in {file}. Check its sso_account_id and sso_role_name, and \
             the assignment in IAM Identity Center."
        )),
        Start::Sso { session } => {
            let (of, or) = match session {
                Some(session) => {
                    (format!(" of sso_session {session:?}"), format!(" (or `aws sso login --sso-session {}`)", quoted(session)))
                }
                None => (String::new(), String::new()),
            };
            Some(format!(
                "The session{of} that profile {name:?} in {file} uses is not signed in, or has expired. Run `aws sso login --profile \
                 {asked}`{or}, then run Terraform again."
            ))
        }
        Start::Login => Some(format!(
            "Profile {name:?} in {file} has login_session, which xeks does not read. Run `aws login --profile {asked}`, and use another \
             profile in {} that has only `credential_process = aws configure export-credentials --profile {asked}`.",
            error.account
        )),
        Start::Other | Start::Nothing => match error.kind {
            Kind::Expired => {
                Some(format!("The credentials of profile {name:?} in {file} have expired. Renew them, then run Terraform again."))
            }
            _ => Some(format!("Check the credentials of profile {name:?} in {file}, or the profile of {}.", error.account)),
        },
    }
}

/// IAM user guide, "Roles terms and concepts" (role chaining), and "Update the maximum session duration for a role".
fn advice_on_duration(error: &Error, sign_in: &SignIn) -> Option<String> {
    if error.message.contains("1 hour session limit") {
        return Some(format!(
            "The credentials that assume_role of {} begins with are a session of a role themselves (role chaining). AWS limits the sessions \
             that follow to one hour. Set duration = \"1h\" or less there, or remove it: the provider renews the session by itself.{}",
            error.account,
            match &sign_in.source {
                Source::Profile(chain) if !chain.roles.is_empty() => {
                    format!(" Profile {:?} in {} assumes {}.", chain.name, chain.file, chain.roles.join(", "))
                }
                _ => String::new(),
            }
        ));
    }
    error.message.contains("MaxSessionDuration").then(|| {
        format!(
            "Set a shorter duration in assume_role of {}, or raise the maximum session duration of the role (aws iam update-role \
             --max-session-duration).",
            error.account
        )
    })
}

fn keys_of(keys: &[String]) -> String {
    keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ")
}
