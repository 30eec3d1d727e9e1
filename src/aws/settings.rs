//! How one account is reached, as the user wrote it. Plain data: what is left out comes from the environment and the shared files.
//!
//! Knows neither Terraform's values (`provider::configuration` decodes them) nor the SDK.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::secrets::Secret;

/// One account, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub region: Option<String>,
    /// Beats keys in the environment.
    pub profile: Option<String>,
    pub keys: Option<Keys>,
    pub shared_config_files: Vec<PathBuf>,
    pub shared_credentials_files: Vec<PathBuf>,
    /// Before the first hop of `assume_role`.
    pub web_identity: Option<WebIdentity>,
    /// Hops, each assumed with the credentials of the one before.
    pub assume_role: Vec<AssumeRole>,
    /// Empty: any account.
    pub allowed_account_ids: Vec<String>,
    pub forbidden_account_ids: Vec<String>,
    /// `allowed_account_ids` of the provider, for all accounts. Empty: any account.
    pub allowed_by_provider: Vec<String>,
    pub endpoints: Endpoints,
    /// Where STS is asked; else the account's region.
    pub sts_region: Option<String>,
    pub max_retries: Option<u32>,
    pub retry_mode: Option<RetryMode>,
    pub transport: TransportSettings,
    pub use_fips_endpoint: Option<bool>,
    pub use_dualstack_endpoint: Option<bool>,
}

/// Static keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub access_key: Secret,
    pub secret_key: Secret,
    pub token: Option<Secret>,
}

/// A role to assume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssumeRole {
    pub role_arn: String,
    pub session_name: Option<String>,
    pub external_id: Option<Secret>,
    pub duration: Option<Duration>,
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub transitive_tag_keys: Vec<String>,
    pub source_identity: Option<String>,
}

/// A role to assume with the token of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    pub role_arn: String,
    pub session_name: Option<String>,
    pub token: Token,
    pub duration: Option<Duration>,
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
}

/// Where a web identity token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Inline(Secret),
    /// Read again on each renewal.
    File(PathBuf),
    /// The file that AWS_WEB_IDENTITY_TOKEN_FILE names.
    Environment,
}

/// URLs that replace a service's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    pub eks: Option<String>,
    pub iam: Option<String>,
    pub sts: Option<String>,
    pub ec2: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryMode {
    Standard,
    Adaptive,
}

/// How connections are made. Accounts with the same settings share theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransportSettings {
    /// May hold a password.
    pub http_proxy: Option<Secret>,
    pub https_proxy: Option<Secret>,
    pub no_proxy: Option<String>,
    /// PEM file with the authorities to trust, in place of the system's.
    pub custom_ca_bundle: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_can_be_printed_without_a_secret() {
        let secret = || Secret::new("hush");
        let settings = Settings {
            keys: Some(Keys { access_key: secret(), secret_key: secret(), token: Some(secret()) }),
            assume_role: vec![AssumeRole { external_id: Some(secret()), ..AssumeRole::default() }],
            transport: TransportSettings { http_proxy: Some(secret()), ..TransportSettings::default() },
            ..Settings::default()
        };
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
