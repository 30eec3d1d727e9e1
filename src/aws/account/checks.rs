//! What is refused of an account: an environment or a profile that the SDK would stumble over, and an account that is not allowed.

use aws_types::os_shim_internal::{Env, Fs};

use super::{AccountError, Identity};
use crate::aws::credentials;
use crate::aws::error::chain;
use crate::aws::settings::Settings;
use crate::secrets;

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

/// A profile that the configuration names must exist: the SDK would go on to an instance's credentials.
pub(super) async fn profile(settings: &Settings) -> Result<(), String> {
    let Some(name) = &settings.profile else { return Ok(()) };
    let files = credentials::profile_files(settings).unwrap_or_default();
    let profiles = aws_config::profile::load(&Fs::real(), &Env::real(), &files, Some(name.clone().into()))
        .await
        .map_err(|e| format!("the shared configuration files can't be read: {}", chain(&e)))?;
    for profile in profiles.profiles().filter_map(|name| profiles.get_profile(name)) {
        // The SDK does not show what it signs with on the way to a profile's role.
        ["aws_secret_access_key", "aws_session_token"].iter().filter_map(|key| profile.get(key)).for_each(secrets::remember);
    }
    if profiles.get_profile(name).is_some() {
        return Ok(());
    }
    let mut known: Vec<&str> = profiles.profiles().collect();
    known.sort_unstable();
    let known = if known.is_empty() { "no profiles".to_owned() } else { known.join(", ") };
    Err(format!("profile {name:?} is not in the shared configuration files, which define {known}"))
}

/// The account must be one that the configuration lets in.
pub(super) fn allowed(settings: &Settings, identity: &Identity, name: &str) -> Result<(), AccountError> {
    let listed = |ids: &[String]| ids.contains(&identity.account_id);
    let allowed = settings.allowed_account_ids.is_empty() || listed(&settings.allowed_account_ids);
    if allowed && !listed(&settings.forbidden_account_ids) {
        return Ok(());
    }
    Err(AccountError::NotAllowed { account: name.to_owned(), identity: identity.clone(), allowed: settings.allowed_account_ids.clone() })
}
