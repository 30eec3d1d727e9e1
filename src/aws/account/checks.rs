//! What is refused of an account: an environment or a profile that the SDK would stumble over, and an account that is not allowed.

use std::time::Duration;

use super::error::Rule;
use super::profiles::{Chain, Problem, Profiles, Start};
use super::sign_in::{self, Choice};
use super::{AccountError, Caller, SignIn};
use crate::aws::duration;
use crate::aws::settings::Settings;

/// The longest session that follows another one.
const CHAINED: Duration = Duration::from_secs(3600);

/// The SDK panics on an endpoint that is set to nothing.
pub(super) fn environment() -> Result<(), String> {
    const NAMES: [&str; 7] = [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_STS",
        "AWS_ENDPOINT_URL_IAM",
        "AWS_ENDPOINT_URL_EKS",
        "AWS_ENDPOINT_URL_EC2",
        "AWS_ENDPOINT_URL_SSO",
        "AWS_ENDPOINT_URL_SSO_OIDC",
    ];
    match NAMES.iter().find(|name| std::env::var(name).is_ok_and(|url| url.is_empty())) {
        Some(name) => Err(format!("environment variable {name} is set but empty; unset it or set it to a URL")),
        None => Ok(()),
    }
}

/// The chosen profile must be one that the SDK can use by itself: it would pass over what it can't.
pub(super) async fn profile(settings: &Settings, account: &str) -> Result<SignIn, String> {
    let (environment, at_a_profile) = (sign_in::environments_profile(), sign_in::starts_at_a_profile(settings));
    let choice = sign_in::choice(settings, environment.as_deref());
    let profiles = match Profiles::load(settings).await {
        // Nothing that is in the files is used.
        Err(_) if !at_a_profile && settings.profile.is_none() => Profiles::none(settings),
        loaded => loaded?,
    };
    let must_exist = match choice {
        Choice::Configuration(_) => true,
        Choice::Environment(_) => at_a_profile,
        Choice::Default => false,
    };
    if must_exist && !profiles.has(choice.name()) {
        return Err(unknown(choice, &profiles));
    }
    let chain = match (at_a_profile && profiles.has(choice.name())).then(|| profiles.chain(choice.name())) {
        Some(Err(problem)) => return Err(advice(choice, account, problem, &profiles)),
        Some(Ok(chain)) => Some(chain),
        None => None,
    };
    if let Some(chain) = &chain {
        session_is_short(settings, chain, account)?;
    }
    Ok(sign_in::sign_in(settings, choice, chain, &profiles))
}

/// A role that is assumed with the session of another one (IAM user guide, "Roles terms and concepts": role chaining).
fn session_is_short(settings: &Settings, chain: &Chain, account: &str) -> Result<(), String> {
    let asked = settings.assume_role.first().and_then(|role| role.duration).filter(|duration| *duration > CHAINED);
    let session = match (chain.roles.first(), &chain.start) {
        (Some(role), _) => format!("a session of {role}"),
        (None, Start::Sso { .. }) => "a session of IAM Identity Center".to_owned(),
        (None, _) => return Ok(()),
    };
    let Some(asked) = asked else { return Ok(()) };
    Err(format!(
        "assume_role[0] of {account} has duration = {:?}, and begins with {session} (profile {:?} in {}). AWS limits a session that follows \
         another one (role chaining) to one hour. Set duration = \"1h\" or less, or remove it: the provider renews the session by itself",
        duration::format(asked),
        chain.name,
        chain.file
    ))
}

/// The chosen profile does not exist.
fn unknown(choice: Choice<'_>, profiles: &Profiles) -> String {
    let name = match choice {
        Choice::Configuration(name) => format!("profile {name:?}"),
        Choice::Environment(name) => format!("the environment variable AWS_PROFILE names profile {name:?}, which"),
        Choice::Default => "profile \"default\"".to_owned(),
    };
    let known = match profiles.names() {
        names if names.is_empty() => "no profiles".to_owned(),
        names => names.join(", "),
    };
    format!("{name} is not in the shared configuration files {}, which define {known}", profiles.searched())
}

/// What is wrong with a profile, and what to do before Terraform is run.
fn advice(choice: Choice<'_>, account: &str, problem: Problem, profiles: &Profiles) -> String {
    let chosen = choice.name();
    match problem {
        Problem::Unknown { name, by: Some((by, file)) } => format!(
            "profile {by:?} in {file} has source_profile = {name}, and profile {name:?} is not in the shared configuration files {}, which \
             define {}. Correct source_profile, or add the profile",
            profiles.searched(),
            profiles.names().join(", ")
        ),
        Problem::Unknown { .. } => unknown(choice, profiles),
        Problem::UnknownSession { profile: (name, file), session } => format!(
            "profile {name:?} in {file} has sso_session = {session}, and {} have no section [sso-session {session}]. Add it with `aws \
             configure sso-session`, or correct sso_session",
            profiles.searched()
        ),
        Problem::Code { profile: (name, file), serial } => {
            let through = if name == chosen { String::new() } else { format!(", which profile {chosen:?} uses,") };
            let quoted = quoted(chosen);
            let instead = match choice {
                Choice::Configuration(_) => format!(" Remove profile from {account}: it takes precedence over these keys."),
                _ => String::new(),
            };
            format!(
                "profile {name:?} in {file}{through} has mfa_serial = {serial}: its role requires the code of a device, which a provider can't \
                 ask for. Sign in before you run Terraform, in one of these ways:\n\
                 - Run `eval \"$(aws configure export-credentials --profile {quoted} --format env)\"`, which asks for the code and exports the \
                 session's keys.{instead}\n\
                 - Run Terraform with `aws-vault exec {quoted} -- terraform plan`.{instead}\n\
                 - Run `aws sts get-caller-identity --profile {quoted}`, which asks for the code and caches the session, and use another profile \
                 in {account} that has only `credential_process = aws configure export-credentials --profile {quoted}`"
            )
        }
    }
}

/// A profile's name as a shell takes it.
pub fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.@/:+-".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

/// The account must be one that the configuration lets in.
pub(super) fn allowed(settings: &Settings, caller: Caller, name: &str) -> Result<(), AccountError> {
    let id = &caller.identity.account_id;
    let admits = |ids: &[String]| ids.is_empty() || ids.contains(id);
    let rule = if !admits(&settings.allowed_account_ids) {
        Rule::Account(settings.allowed_account_ids.clone())
    } else if settings.forbidden_account_ids.contains(id) {
        Rule::Forbidden
    } else if !admits(&settings.allowed_by_provider) {
        Rule::Provider(settings.allowed_by_provider.clone())
    } else {
        return Ok(());
    };
    Err(AccountError::NotAllowed { account: name.to_owned(), caller: Box::new(caller), rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_or_quotes_is_quoted_for_the_shell() {
        assert_eq!(["platform", "a.b@c", "my profile", "it's"].map(quoted), ["platform", "a.b@c", "'my profile'", r"'it'\''s'"]);
    }
}
