//! Credentials of one account: where they start, and the roles assumed from there. All renew themselves.
//!
//! Errors carry the STS call that failed. Whatever is obtained here is remembered as a secret, so that it is hidden wherever it may turn up.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
#[allow(deprecated)] // The new name of the type is in a crate that aws-config does not export.
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_sdk_sts::types::{Credentials as SessionCredentials, PolicyDescriptorType, Tag};
use tokio_util::sync::CancellationToken;

use super::error::{Error, Kind, Named};
use super::settings::{AssumeRole, Keys, Settings, Token, WebIdentity};
use super::wait::{Limits, Pauses, retry_while};
use crate::secrets;

/// How long obtaining credentials may take: single sign-on, an external process, several hops.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Credentials are renewed when they have less than this left, so that a call with its retries does not outlive them.
const RENEW_BEFORE: Duration = Duration::from_secs(120);
/// How long to try again while STS can't get an issuer's keys. It caches them, and misses them only for a moment.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(10);
/// What AWS's logs show of a session, unless the user names it.
const SESSION_NAME: &str = "xeks";

/// A cache that renews credentials in time.
pub(super) fn cache() -> aws_sdk_sts::config::SharedIdentityCache {
    IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).buffer_time(RENEW_BEFORE).build()
}

/// The files that profiles are read from; `None` for the SDK's own choice.
#[allow(deprecated)]
pub(super) fn profile_files(settings: &Settings) -> Option<ProfileFiles> {
    if settings.shared_config_files.is_empty() && settings.shared_credentials_files.is_empty() {
        return None;
    }
    let (config, credentials) = (&settings.shared_config_files, &settings.shared_credentials_files);
    let mut files = ProfileFiles::builder().include_default_config_file(config.is_empty());
    for path in config {
        files = files.with_file(ProfileFileKind::Config, home(path));
    }
    files = files.include_default_credentials_file(credentials.is_empty());
    for path in credentials {
        files = files.with_file(ProfileFileKind::Credentials, home(path));
    }
    Some(files.build())
}

/// Where credentials start, if the settings say so; `None` for the SDK's default chain.
pub(super) fn base(settings: &Settings, conf: &ProviderConfig) -> Option<SharedCredentialsProvider> {
    if let Some(Keys { access_key, secret_key, token }) = &settings.keys {
        let token = token.as_ref().map(|t| t.reveal().to_owned());
        let keys = Credentials::new(access_key.reveal(), secret_key.reveal(), token, None, "provider configuration");
        return Some(SharedCredentialsProvider::new(keys));
    }
    // The default chain would look at keys in the environment first. The rest is its order, as with `--profile` of the AWS CLI.
    let name = settings.profile.as_ref()?;
    let mut profile = ProfileFileCredentialsProvider::builder().configure(conf).profile_name(name);
    if let Some(files) = profile_files(settings) {
        profile = profile.profile_files(files);
    }
    let chain = CredentialsProviderChain::first_try("Profile", profile.build())
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(conf).build())
        .or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().configure(conf).build());
    Some(SharedCredentialsProvider::new(chain))
}

/// The roles of the settings, assumed one after the other from where `config` starts.
pub(super) fn assumed(settings: &Settings, config: &SdkConfig, account: &str) -> Option<SharedCredentialsProvider> {
    let mut provider = config.credentials_provider().map(|base| SharedCredentialsProvider::new(Remembered(base)));
    if let Some(web) = &settings.web_identity {
        let sts = sts_client(settings, config, None);
        provider = Some(SharedCredentialsProvider::new(WebIdentityHop { sts, account: account.to_owned(), web: web.clone() }));
    }
    for (index, role) in settings.assume_role.iter().enumerate() {
        let sts = sts_client(settings, config, provider.take());
        let place =
            if settings.assume_role.len() > 1 { format!(", hop {} of {}", index + 1, settings.assume_role.len()) } else { String::new() };
        let hop = Hop { sts, account: account.to_owned(), role: role.clone(), place };
        provider = Some(SharedCredentialsProvider::new(hop));
    }
    provider
}

/// The STS client with these credentials, in the region and at the endpoint that the settings name.
pub(super) fn sts_client(settings: &Settings, config: &SdkConfig, credentials: Option<SharedCredentialsProvider>) -> aws_sdk_sts::Client {
    let mut builder = config.to_builder();
    builder.set_identity_cache(Some(cache()));
    builder.set_credentials_provider(credentials);
    let mut sts = aws_sdk_sts::config::Builder::from(&builder.build());
    if let Some(region) = &settings.sts_region {
        sts = sts.region(aws_sdk_sts::config::Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoints.sts {
        sts = sts.endpoint_url(url);
    }
    aws_sdk_sts::Client::from_conf(sts.build())
}

/// Hides from now on what these credentials keep secret.
pub(super) fn remember(credentials: &Credentials) {
    secrets::remember(credentials.secret_access_key());
    credentials.session_token().into_iter().for_each(secrets::remember);
}

/// Where credentials start: the SDK's chain, which shows no one else what it found.
#[derive(Debug)]
struct Remembered(SharedCredentialsProvider);

impl ProvideCredentials for Remembered {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }
}

impl Remembered {
    /// A profile or the environment may name a web identity: the SDK does not try again where STS can't get the issuer's keys.
    async fn provide(&self) -> provider::Result {
        let limits = Limits::within(ISSUER_TIMEOUT, &CancellationToken::new());
        let mut pauses = Pauses::new(&limits, "STS to get the keys of the token's issuer");
        loop {
            let provided = self.0.provide_credentials().await.inspect(remember);
            let Some(error) = provided.as_ref().err().and_then(issuer_unreachable) else { return provided };
            if pauses.next(&error).await.is_err() {
                return provided;
            }
        }
    }
}

/// The failure of credentials, where the reason is that STS could not get the keys of a token's issuer.
fn issuer_unreachable(error: &CredentialsError) -> Option<Error> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<AssumeRoleWithWebIdentityError>() {
            let error = Error::from_code("sts:AssumeRoleWithWebIdentity", "", error.code()?, error.message()?, None);
            return Some(error).filter(|error| error.is(Kind::IssuerUnreachable));
        }
        cause = error.source();
    }
    None
}

/// One role, assumed with the credentials of its STS client.
#[derive(Debug)]
struct Hop {
    sts: aws_sdk_sts::Client,
    account: String,
    role: AssumeRole,
    place: String,
}

impl Hop {
    async fn session(&self) -> provider::Result {
        let role = &self.role;
        let tags = role.tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect::<Result<Vec<_>, _>>();
        let tags = tags.map_err(CredentialsError::invalid_configuration)?;
        let answer = self
            .sts
            .assume_role()
            .role_arn(&role.role_arn)
            .role_session_name(session_name(role.session_name.as_deref()))
            .set_external_id(role.external_id.as_ref().map(|id| id.reveal().to_owned()))
            .set_duration_seconds(seconds(role.duration))
            .set_policy(role.policy.clone())
            .set_policy_arns(descriptors(&role.policy_arns))
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_transitive_tag_keys((!role.transitive_tag_keys.is_empty()).then(|| role.transitive_tag_keys.clone()))
            .set_source_identity(role.source_identity.clone())
            .send()
            .await
            .named(&format!("sts:AssumeRole of {}{}", role.role_arn, self.place), &self.account)
            .map_err(CredentialsError::provider_error)?;
        session_credentials(answer.credentials, "AssumeRole", &role.role_arn, &self.account)
    }
}

impl ProvideCredentials for Hop {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.session())
    }
}

/// A role assumed with a token, which needs no credentials.
#[derive(Debug)]
struct WebIdentityHop {
    sts: aws_sdk_sts::Client,
    account: String,
    web: WebIdentity,
}

impl WebIdentityHop {
    async fn session(&self) -> provider::Result {
        let web = &self.web;
        let call = format!("sts:AssumeRoleWithWebIdentity of {}", web.role_arn);
        let token = self
            .token()
            .await
            .map_err(|why| CredentialsError::provider_error(Error::of_kind(Kind::Credentials, &call, &self.account, why)))?;
        let request = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&web.role_arn)
            .role_session_name(session_name(web.session_name.as_deref()))
            .web_identity_token(token)
            .set_duration_seconds(seconds(web.duration))
            .set_policy(web.policy.clone())
            .set_policy_arns(descriptors(&web.policy_arns));
        let limits = Limits::within(ISSUER_TIMEOUT, &CancellationToken::new());
        let send = || async { request.clone().send().await.named(&call, &self.account) };
        let answer = retry_while(&limits, "STS to get the keys of the token's issuer", |e| e.is(Kind::IssuerUnreachable), send).await;
        let answer = answer.map_err(CredentialsError::provider_error)?;
        session_credentials(answer.credentials, "AssumeRoleWithWebIdentity", &web.role_arn, &self.account)
    }

    async fn token(&self) -> Result<String, String> {
        let path = match &self.web.token {
            Token::Inline(token) => return Ok(token.reveal().to_owned()),
            Token::File(path) => home(path),
            Token::Environment => std::env::var_os("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from).ok_or(
                "no web identity token: set web_identity_token_file or web_identity_token, or the environment variable \
                 AWS_WEB_IDENTITY_TOKEN_FILE",
            )?,
        };
        let text = tokio::fs::read_to_string(&path).await.map_err(|e| format!("the token file {} can't be read: {e}", path.display()))?;
        secrets::remember(&text);
        Ok(text.trim().to_owned())
    }
}

impl ProvideCredentials for WebIdentityHop {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.session())
    }
}

fn session_name(own: Option<&str>) -> String {
    own.map(str::to_owned).or_else(|| std::env::var("AWS_ROLE_SESSION_NAME").ok()).unwrap_or_else(|| SESSION_NAME.to_owned())
}

/// STS takes whole seconds, at most 43,200.
fn seconds(duration: Option<Duration>) -> Option<i32> {
    duration.map(|d| i32::try_from(d.as_secs()).unwrap_or(i32::MAX))
}

fn descriptors(arns: &[String]) -> Option<Vec<PolicyDescriptorType>> {
    (!arns.is_empty()).then(|| arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect())
}

fn session_credentials(answer: Option<SessionCredentials>, call: &'static str, role_arn: &str, account: &str) -> provider::Result {
    let missing = || {
        CredentialsError::provider_error(Error::of_kind(
            Kind::Other,
            &format!("sts:{call} of {role_arn}"),
            account,
            "the response contains no credentials",
        ))
    };
    let session = answer.ok_or_else(missing)?;
    let expiry = SystemTime::try_from(session.expiration).map_err(|_| missing())?;
    let credentials = Credentials::new(session.access_key_id, session.secret_access_key, Some(session.session_token), Some(expiry), call);
    remember(&credentials);
    Ok(credentials)
}

/// `~/x` in the home folder, as the AWS CLI reads it.
pub(super) fn home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
