//! The SDK's parts put together to a client: credentials, signature, retries, timeouts, user agent and endpoint, as in its generated
//! clients.
//!
//! Knows neither actions nor answers.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_runtime::auth::sigv4::{self, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{DisableClockSkewCorrection, ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
use aws_smithy_runtime::client::stalled_stream_protection::StalledStreamProtectionInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::endpoint::EndpointResolverParams;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};

use super::endpoint::Address;
use super::refusal::Refusal;
use super::request::Request;
use super::xml::Element;

/// Any call of the Query API.
pub(super) type QueryOperation = Operation<Request, Element, Refusal>;

/// The client for one region. `endpoint` is the provider's own setting.
pub(super) fn operation(config: &SdkConfig, region: &str, endpoint: Option<&str>) -> QueryOperation {
    let plugin = StaticRuntimePlugin::new()
        .with_config(settings(config, region).freeze())
        .with_runtime_components(components(config, Address::of(config, region, endpoint)));
    let mut builder = Operation::builder().service_name("ec2").operation_name("Query").runtime_plugin(plugin);
    if let Some(version) = config.behavior_version() {
        builder = builder.behavior_version(version);
    }
    builder.serializer(form).deserializer(answer).build()
}

fn settings(config: &SdkConfig, region: &str) -> Layer {
    let mut layer = Layer::new("ec2");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(EndpointResolverParams::new(()));
    let region = Region::new(region.to_owned());
    layer.store_put(RetryPartition::new(format!("ec2-{region}")));
    layer.store_put(SigningName::from_static("ec2"));
    layer.store_put(SigningRegion::from(region.clone()));
    layer.store_put(region);
    layer.store_put(SigV4OperationSigningConfig { signing_options: SigningOptions::default(), ..Default::default() });
    layer.store_put(ApiMetadata::new("ec2", env!("CARGO_PKG_VERSION")));
    layer.store_put(config.retry_config().cloned().unwrap_or_else(RetryConfig::standard));
    if let Some(timeouts) = config.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    if let Some(name) = config.app_name() {
        layer.store_put(name.clone());
    }
    for framework in config.framework_metadata() {
        layer.store_append(framework.clone());
    }
    if let Some(disabled) = config.disable_clock_skew_correction() {
        layer.store_put(DisableClockSkewCorrection::from(disabled));
    }
    layer
}

fn components(config: &SdkConfig, address: Address) -> RuntimeComponentsBuilder {
    let signed = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new("ec2")
        .with_http_client(config.http_client())
        .with_endpoint_resolver(Some(address))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(signed)))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_retry_strategy(Some(StandardRetryStrategy::new()))
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<Refusal>::new())
        .with_interceptor(ConnectionPoisoningInterceptor::new())
        .with_interceptor(StalledStreamProtectionInterceptor::default())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RecursionDetectionInterceptor::new());
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(sigv4::SCHEME_ID, credentials);
    }
    if let Some(cache) = config.identity_cache() {
        components.set_identity_cache(Some(cache));
    }
    if let Some(sleep) = config.sleep_impl() {
        components.set_sleep_impl(Some(sleep));
    }
    if let Some(clock) = config.time_source() {
        components.set_time_source(Some(clock));
    }
    components
}

fn form(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.form()));
    http.set_method("POST")?;
    http.set_uri("/")?;
    http.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    Ok(http)
}

/// A document is an answer or a refusal; what is neither comes from something else than EC2.
fn answer(response: &HttpResponse) -> Result<Element, OrchestratorError<Refusal>> {
    let document = Element::parse(response.body().bytes().unwrap_or_default());
    if response.status().is_success() {
        return document.map_err(OrchestratorError::other);
    }
    match document.ok().as_ref().and_then(Refusal::read) {
        Some(refusal) => Err(OrchestratorError::operation(refusal)),
        None => Err(OrchestratorError::other(format!("HTTP status {} without an EC2 error", response.status()))),
    }
}
