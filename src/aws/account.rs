//! One side of a connection, ready to be called: its caller's identity and its clients.
//!
//! Loaded on first use: nothing of AWS is touched before.

mod checks;
mod error;
mod profiles;
mod sign_in;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_eks::error::SdkError;
use aws_sdk_eks::operation::describe_cluster::{DescribeClusterError, DescribeClusterOutput};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::region::Region;
use aws_types::sdk_ua_metadata::FrameworkMetadata;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::answers::{Answers, FRESH};
use super::bulk::Bulk;
use super::credentials;
use super::ec2::Ec2;
use super::error::{Error, Kind, Named};
use super::settings::{Endpoints, RetryMode, Settings, TransportSettings};
use super::transport::Transports;
use super::wait::{Limits, retry_while};
use crate::aws::Side;

pub use checks::quoted;
pub use error::{AccountError, Rule};
pub use profiles::{Chain, Start};
pub use sign_in::{KEYS, SignIn, Source};

/// Attempts per call where neither the configuration nor the environment says otherwise. The SDK's own 3 are few for IAM, which
/// throttles per account.
const MAX_ATTEMPTS: u32 = 5;
const SDK_MAX_ATTEMPTS: u32 = 3;
/// A call that has no answer so long after it was sent is given up and tried again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an account is asked who the caller is while AWS throttles.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(60);

/// Who the credentials of an account are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account_id: String,
    pub partition: String,
    /// The caller's ARN.
    pub arn: String,
}

/// The caller of an account, and where its credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub identity: Identity,
    pub sign_in: SignIn,
}

/// A cluster that is described while AWS is asked who the caller is: every plan of a connection needs it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The account's own region where it is `None`.
    pub region: Option<&'a str>,
    pub cluster: &'a str,
}

/// The answer to such a call.
type Description = Result<DescribeClusterOutput, SdkError<DescribeClusterError>>;

#[derive(Debug)]
struct Begun {
    region: String,
    cluster: String,
    at: Instant,
    answer: AbortOnDropHandle<Description>,
}

/// An account whose identity is known and allowed.
pub struct Account {
    name: String,
    label: String,
    side: Side,
    caller: Caller,
    region: String,
    config: SdkConfig,
    endpoints: Endpoints,
    transport: TransportSettings,
    iam: OnceLock<aws_sdk_iam::Client>,
    sts: aws_sdk_sts::Client,
    eks: Mutex<HashMap<String, aws_sdk_eks::Client>>,
    ec2: Mutex<HashMap<String, Ec2>>,
    answers: Answers,
    bulk: Bulk,
    begun: Mutex<Option<Begun>>,
}

impl Account {
    /// Loads credentials, asks who the caller is, and checks that this account is allowed. `key` is the account's in
    /// `workload_accounts`.
    pub async fn open(
        side: Side,
        key: Option<&str>,
        settings: &Settings,
        transports: &Transports,
        wanted: Option<Wanted<'_>>,
    ) -> Result<Self, AccountError> {
        let name = configured_name(side, key);
        let refuse = |message: String| AccountError::Settings { account: name.clone(), message };
        let http = transports.client(&settings.transport).map_err(refuse)?;
        checks::environment().map_err(refuse)?;
        let sign_in = checks::profile(settings, &name).await.map_err(refuse)?;
        let config = load(settings, http.clone()).await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| AccountError::NoRegion { account: name.clone() })?;
        let config = with_credentials(settings, config, &name);
        let sts = credentials::sts_client(settings, &config, config.credentials_provider());
        let signed = Arc::new(Notify::new());
        let begun = wanted.map(|wanted| Begun::describe(&config, settings.endpoints.eks.as_deref(), &region, wanted, signed.clone()));
        let identity = match identity(&sts, &name, &signed).await {
            Ok(identity) => identity,
            Err(error) => return Err(AccountError::Aws { error: Box::new(error), sign_in: Box::new(sign_in) }),
        };
        let label = match key {
            Some(key) => format!("{} ({side} {key:?})", identity.account_id),
            None => format!("{} ({side})", identity.account_id),
        };
        tracing::debug!(account = %label, caller = %identity.arn, region, "account ready");
        let caller = Caller { identity, sign_in };
        checks::allowed(settings, caller.clone(), &name)?;
        let config = config.into_builder().http_client(transports.paced(http, &caller.identity.account_id)).build();
        let endpoints = settings.endpoints.clone();
        Ok(Account {
            name,
            label,
            side,
            caller,
            region,
            config,
            endpoints,
            transport: settings.transport.clone(),
            iam: OnceLock::new(),
            sts,
            eks: Mutex::default(),
            ec2: Mutex::default(),
            answers: Answers::default(),
            bulk: Bulk::default(),
            begun: Mutex::new(begun),
        })
    }

    /// The description of a cluster that was asked for when the account was opened, if that was a moment ago; handed out once.
    pub async fn begun_description(&self, region: &str, cluster: &str) -> Option<Description> {
        let begun = self.begun.lock().take_if(|begun| begun.region == region && begun.cluster == cluster)?;
        // It has failed only where the task has.
        if begun.at.elapsed() < FRESH { begun.answer.await.ok() } else { None }
    }

    /// How the configuration names the account, such as `cluster_account` or `workload_accounts["payments"]`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account's ID and side, such as `185863138492 (workload)` or `185863138492 (workload "payments")`.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn side(&self) -> Side {
        self.side
    }

    pub fn identity(&self) -> &Identity {
        &self.caller.identity
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// What all clients of this account are made from.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// What AWS said a moment ago.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Whether its roles are read one by one or all at once.
    pub fn bulk(&self) -> &Bulk {
        &self.bulk
    }

    /// The proxies of this account.
    pub(super) fn transport(&self) -> &TransportSettings {
        &self.transport
    }

    pub fn iam(&self) -> &aws_sdk_iam::Client {
        self.iam.get_or_init(|| {
            let mut builder = aws_sdk_iam::config::Builder::from(&self.config);
            if let Some(url) = &self.endpoints.iam {
                builder = builder.endpoint_url(url);
            }
            aws_sdk_iam::Client::from_conf(builder.build())
        })
    }

    pub fn sts(&self) -> &aws_sdk_sts::Client {
        &self.sts
    }

    /// The client for one region; for the account's own where none is given.
    pub fn eks(&self, region: Option<&str>) -> aws_sdk_eks::Client {
        let region = region.unwrap_or(&self.region);
        let mut clients = self.eks.lock();
        let make = || eks_client(&self.config, self.endpoints.eks.as_deref(), region);
        clients.entry(region.to_owned()).or_insert_with(make).clone()
    }

    /// EC2 in one region; in the account's own where none is given.
    pub fn ec2(&self, region: Option<&str>) -> Ec2 {
        let region = region.unwrap_or(&self.region);
        let mut clients = self.ec2.lock();
        let make = || Ec2::new(&self.label, region, &self.config, self.endpoints.ec2.as_deref());
        clients.entry(region.to_owned()).or_insert_with(make).clone()
    }

    /// An account that answers from a given HTTP client, for tests of what calls AWS.
    #[cfg(any(test, fuzzing))]
    pub fn fixture(
        side: Side,
        account_id: &str,
        region: &str,
        http: impl aws_smithy_runtime_api::client::http::HttpClient + 'static,
    ) -> Self {
        let keys = aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(keys))
            .http_client(http)
            .retry_config(RetryConfig::disabled())
            .build();
        Account {
            name: configured_name(side, None),
            label: format!("{account_id} ({side})"),
            side,
            caller: Caller {
                identity: Identity {
                    account_id: account_id.to_owned(),
                    partition: super::arn::partition_of(region).to_owned(),
                    arn: format!("arn:aws:iam::{account_id}:user/test"),
                },
                sign_in: SignIn { source: Source::Keys, roles: Vec::new() },
            },
            region: region.to_owned(),
            sts: aws_sdk_sts::Client::new(&config),
            config,
            endpoints: Endpoints::default(),
            transport: TransportSettings::default(),
            iam: OnceLock::new(),
            eks: Mutex::default(),
            ec2: Mutex::default(),
            answers: Answers::default(),
            bulk: Bulk::default(),
            begun: Mutex::default(),
        }
    }
}

impl Begun {
    /// Begins once another call is `signed`: credentials that can't be had are asked for only once.
    fn describe(config: &SdkConfig, endpoint: Option<&str>, region: &str, wanted: Wanted<'_>, signed: Arc<Notify>) -> Self {
        let region = wanted.region.unwrap_or(region).to_owned();
        let request = eks_client(config, endpoint, &region).describe_cluster().name(wanted.cluster);
        let answer = tokio::spawn(async move {
            signed.notified().await;
            request.send().await
        });
        Begun { region, cluster: wanted.cluster.to_owned(), at: Instant::now(), answer: AbortOnDropHandle::new(answer) }
    }
}

fn eks_client(config: &SdkConfig, endpoint: Option<&str>, region: &str) -> aws_sdk_eks::Client {
    let mut builder = aws_sdk_eks::config::Builder::from(config).region(Region::new(region.to_owned()));
    if let Some(url) = endpoint {
        builder = builder.endpoint_url(url);
    }
    aws_sdk_eks::Client::from_conf(builder.build())
}

/// An HTTP client for tests of what must not call AWS.
#[cfg(any(test, fuzzing))]
#[derive(Clone, Debug)]
pub struct NoCalls;

#[cfg(any(test, fuzzing))]
impl aws_smithy_runtime_api::client::http::HttpClient for NoCalls {
    fn http_connector(
        &self,
        _: &aws_smithy_runtime_api::client::http::HttpConnectorSettings,
        _: &aws_smithy_runtime_api::client::runtime_components::RuntimeComponents,
    ) -> aws_smithy_runtime_api::client::http::SharedHttpConnector {
        panic!("AWS is called where nothing should call it")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.label)
    }
}

/// How the configuration names the account, before AWS has returned its ID.
pub(super) fn configured_name(side: Side, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("workload_accounts[{key:?}]"),
        None => format!("{side}_account"),
    }
}

/// The SDK's configuration, with the default chain of credentials or where the settings start it.
async fn load(settings: &Settings, http: SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(TimeoutConfig::builder().read_timeout(ANSWER_TIMEOUT).build())
        .region(region(settings));
    // Both are within the allowed characters: the crate's name and version.
    if let Ok(product) = FrameworkMetadata::new("xeks", Some(env!("CARGO_PKG_VERSION"))) {
        loader = loader.framework_metadata(product);
    }
    if let Some(files) = credentials::profile_files(settings) {
        loader = loader.profile_files(files);
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(fips) = settings.use_fips_endpoint {
        loader = loader.use_fips(fips);
    }
    if let Some(dualstack) = settings.use_dualstack_endpoint {
        loader = loader.use_dual_stack(dualstack);
    }
    let conf = ProviderConfig::without_region()
        .with_http_client(http)
        .with_region(region(settings).region().await)
        .with_use_fips(settings.use_fips_endpoint)
        .with_use_dual_stack(settings.use_dualstack_endpoint);
    if let Some(base) = credentials::base(settings, &conf) {
        loader = loader.credentials_provider(base);
    }
    let config = loader.load().await;
    let retry = retry(settings, config.retry_config());
    config.into_builder().retry_config(retry).build()
}

/// The configured region, else the environment's, else the profile's, as in the AWS CLI. An instance's own is not asked for.
fn region(settings: &Settings) -> RegionProviderChain {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    if let Some(files) = credentials::profile_files(settings) {
        profile = profile.profile_files(files);
    }
    // A variable set to nothing counts as not set; the SDK's own reader takes it for a region.
    let environment = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok().filter(|r| !r.is_empty()));
    let configured = settings.region.clone().or(environment);
    RegionProviderChain::first_try(configured.map(Region::new)).or_else(profile.build())
}

fn retry(settings: &Settings, loaded: Option<&RetryConfig>) -> RetryConfig {
    let loaded = loaded.cloned().unwrap_or_else(RetryConfig::standard);
    let attempts = match settings.max_retries {
        Some(retries) => retries.saturating_add(1),
        None if loaded.max_attempts() == SDK_MAX_ATTEMPTS => MAX_ATTEMPTS,
        None => loaded.max_attempts(),
    };
    let config = match settings.retry_mode {
        Some(RetryMode::Standard) => RetryConfig::standard(),
        Some(RetryMode::Adaptive) => RetryConfig::adaptive(),
        None => loaded,
    };
    config.with_max_attempts(attempts)
}

fn with_credentials(settings: &Settings, config: SdkConfig, account: &str) -> SdkConfig {
    let provider = credentials::assumed(settings, &config, account);
    let mut builder = config.into_builder();
    builder.set_credentials_provider(provider);
    builder.identity_cache(credentials::cache()).build()
}

/// Notifies when a call has been signed.
#[derive(Debug)]
struct Signed(Arc<Notify>);

impl Intercept for Signed {
    fn name(&self) -> &'static str {
        "Signed"
    }

    fn read_after_signing(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.notify_one();
        Ok(())
    }
}

async fn identity(sts: &aws_sdk_sts::Client, account: &str, signed: &Arc<Notify>) -> Result<Identity, Error> {
    const CALL: &str = "sts:GetCallerIdentity";
    // No operation has begun yet whose `timeouts` would bound the wait, and nothing can stop it but the end of the process.
    let limits = Limits::within(IDENTITY_TIMEOUT, &CancellationToken::new());
    let ask = || async { sts.get_caller_identity().customize().interceptor(Signed(signed.clone())).send().await.named(CALL, account) };
    // In a box: the compiler follows futures within futures only so far.
    let answer = Box::pin(retry_while(&limits, "AWS to accept more calls", |e| e.is(Kind::Throttled), ask)).await?;
    let arn = answer.arn().unwrap_or_default();
    match (super::Arn::parse(arn), answer.account()) {
        (Ok(parsed), Some(id)) => Ok(Identity { account_id: id.to_owned(), partition: parsed.partition, arn: arn.to_owned() }),
        _ => Err(Error::of_kind(
            Kind::Other,
            CALL,
            account,
            "the response identifies no caller; check that the sts endpoint is an AWS STS \
                                                             endpoint",
        )),
    }
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryMode as SdkMode;

    use super::*;

    fn settings(max_retries: Option<u32>, retry_mode: Option<RetryMode>) -> Settings {
        Settings { max_retries, retry_mode, ..Settings::default() }
    }

    #[test]
    fn retries_are_those_configured_else_the_environments_else_more_than_the_sdks() {
        let attempts =
            |own, loaded: u32| retry(&settings(own, None), Some(&RetryConfig::standard().with_max_attempts(loaded))).max_attempts();
        assert_eq!(attempts(Some(0), 9), 1);
        assert_eq!(attempts(Some(7), 3), 8);
        assert_eq!(attempts(None, 9), 9);
        assert_eq!(attempts(None, 3), 5);
    }

    #[test]
    fn the_retry_mode_is_the_one_configured_else_the_environments() {
        let mode = |own, loaded: RetryConfig| retry(&settings(None, own), Some(&loaded)).mode();
        assert_eq!(mode(Some(RetryMode::Adaptive), RetryConfig::standard()), SdkMode::Adaptive);
        assert_eq!(mode(Some(RetryMode::Standard), RetryConfig::adaptive()), SdkMode::Standard);
        assert_eq!(mode(None, RetryConfig::adaptive()), SdkMode::Adaptive);
    }

    #[test]
    fn clients_are_made_once_per_region() {
        let http = aws_smithy_runtime_api::client::http::http_client_fn(|_, _| unreachable!("nothing is called"));
        let account = Account::fixture(Side::Cluster, "183295435445", "ap-south-1", http);
        let region = |client: &aws_sdk_eks::Client| client.config().region().map(ToString::to_string);
        assert_eq!(region(&account.eks(None)).as_deref(), Some("ap-south-1"));
        assert_eq!(region(&account.eks(Some("eu-west-1"))).as_deref(), Some("eu-west-1"));
        account.eks(Some("eu-west-1"));
        assert_eq!(account.eks.lock().len(), 2);
        assert!(std::ptr::eq(account.iam(), account.iam()));
    }
}
