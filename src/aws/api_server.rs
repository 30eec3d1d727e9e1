//! A cluster's API server, asked three things: who the bearer of a token is, whether it is allowed to do something, and which resource
//! has a name.
//!
//! Kubernetes API: SelfSubjectReview of authentication.k8s.io/v1, SelfSubjectAccessReview of authorization.k8s.io/v1, and discovery. Every
//! authenticated user may ask all of them (ClusterRoles system:basic-user and system:discovery). Trusts the cluster's own authority and no
//! other, over https only; follows no redirect.
//!
//! A server may be hostile all the same: an answer has a largest size and a longest time, and its texts pass through `words`.

mod words;

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine;
use serde_json::{Value as Json, json};

use self::words::Words;
use super::token::Token;
use super::{Account, transport};

/// An answer that takes longer does not come.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A larger answer is not read to its end. Reviews have some hundred bytes; the list of all resources, some hundred for each.
const LARGEST: usize = 4 * 1024 * 1024;
/// Asks for all groups with their resources at once (Kubernetes, "Aggregated discovery").
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// One cluster's API server.
#[derive(Debug)]
pub struct ApiServer {
    endpoint: String,
    connector: Connector,
}

/// Whom the cluster takes the bearer for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    /// Sorted.
    pub groups: Vec<String>,
}

/// Something to do in the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// With its subresource, if any, after a slash.
    pub resource: &'a str,
    /// `None`: in all namespaces.
    pub namespace: Option<&'a str>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The endpoint that EKS returns is not one of https, its certificate authority is no certificate, or a proxy can't be used.
    Settings(String),
    /// Who answers is not who the cluster's authority vouches for.
    Certificate(String),
    /// No answer.
    Unreachable(String),
    /// 401: it does not know the token's bearer.
    Unauthorized,
    /// 403.
    Forbidden(String),
    /// Anything that an API server does not say.
    Other(String),
}

impl ApiServer {
    /// `authority` is base64 of PEM, as EKS returns it. The proxies are the account's.
    pub fn new(account: &Account, endpoint: &str, authority: &str) -> Result<Self, Silence> {
        let endpoint = endpoint.trim_end_matches('/');
        if !is_https(endpoint) {
            return Err(Silence::Settings(format!(
                "the cluster's endpoint is not https://HOST, and a token is sent to no other: {}",
                words::plain(endpoint)
            )));
        }
        let pem = base64::engine::general_purpose::STANDARD.decode(authority.trim());
        let pem = pem.map_err(|e| Silence::Settings(format!("the cluster's certificate authority is not valid base64: {e}")))?;
        transport::checked(&pem, "the cluster's certificate authority").map_err(Silence::Settings)?;
        let connector = transport::connector(account.transport(), pem).map_err(Silence::Settings)?;
        Ok(ApiServer { endpoint: endpoint.to_owned(), connector })
    }

    pub async fn who_am_i(&self, token: &Token) -> Result<User, Silence> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = self.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", token, &review).await?;
        let (info, words) = (&answer["status"]["userInfo"], Words::without(token.text.reveal()));
        let name = info["username"].as_str().map(|name| words.text(name)).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Silence::Other("the SelfSubjectReview response contains no user name".into()))?;
        let groups = info["groups"].as_array().into_iter().flatten().filter_map(Json::as_str).map(|group| words.text(group));
        let mut user = User { name, groups: groups.collect() };
        user.groups.sort();
        Ok(user)
    }

    pub async fn may(&self, token: &Token, attempt: Attempt<'_>) -> Result<bool, Silence> {
        let (resource, subresource) = attempt.resource.split_once('/').unwrap_or((attempt.resource, ""));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": attempt.verb,
                "group": attempt.group,
                "resource": resource,
                "subresource": subresource,
                "namespace": attempt.namespace.unwrap_or_default(),
            }},
        });
        let answer = self.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", token, &review).await?;
        answer["status"]["allowed"]
            .as_bool()
            .ok_or_else(|| Silence::Other("the SelfSubjectAccessReview response contains no decision".into()))
    }

    /// Group and plural of the resource that kubectl takes a name for: its plural, singular, short name or kind, in the order in which the
    /// server lists its groups. `None` where it has no such resource.
    pub async fn find_resource(&self, token: &Token, name: &str) -> Result<Option<(String, String)>, Silence> {
        let discovered = self.request("GET", "/apis", token, None).await?;
        if discovered["kind"] != "APIGroupDiscoveryList" {
            return Err(Silence::Other("the API server does not list its resources in one response (Kubernetes 1.30 and later do)".into()));
        }
        Ok(named_in(&discovered, name))
    }

    async fn post(&self, path: &str, token: &Token, body: &Json) -> Result<Json, Silence> {
        self.request("POST", path, token, Some(body)).await
    }

    async fn request(&self, method: &str, path: &str, token: &Token, body: Option<&Json>) -> Result<Json, Silence> {
        let answer = tokio::time::timeout(TIMEOUT, self.exchange(method, path, token, body)).await;
        let (status, answer) = answer.map_err(|_| Silence::Unreachable(format!("no response within {} s", TIMEOUT.as_secs())))??;
        // The server, or a proxy in between, may repeat the request, with its token.
        let message = || Words::without(token.text.reveal()).text(answer["message"].as_str().unwrap_or_default());
        match status {
            200 | 201 => Ok(answer),
            401 => Err(Silence::Unauthorized),
            403 => Err(Silence::Forbidden(message())),
            status => Err(Silence::Other(format!("HTTP status {status} {}", message()).trim_end().to_owned())),
        }
    }

    async fn exchange(&self, method: &str, path: &str, token: &Token, body: Option<&Json>) -> Result<(u16, Json), Silence> {
        let broken = |error: &dyn StdError| Silence::Other(format!("the request can't be built: {error}"));
        let mut request = HttpRequest::new(body.map_or_else(SdkBody::empty, |body| SdkBody::from(body.to_string())));
        request.set_method(method).map_err(|e| broken(&e))?;
        request.set_uri(format!("{}{path}", self.endpoint)).map_err(|e| broken(&e))?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", token.text.reveal()));
        headers.insert("content-type", "application/json");
        headers.insert("accept", if body.is_some() { "application/json" } else { DISCOVERY });
        headers.insert("user-agent", concat!("xeks/", env!("CARGO_PKG_VERSION")));
        let response = self.connector.call(request).await.map_err(|error| silence(&error))?;
        let status = response.status().as_u16();
        let body = bounded(response.into_body()).await?;
        // A page of a proxy is no JSON: the status says enough.
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// The first resource of that name, in the preferred version of its group, which is the first one.
fn named_in(discovered: &Json, name: &str) -> Option<(String, String)> {
    let is_it = |resource: &&Json| {
        let is = |text: &Json| text.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name));
        let short = resource["shortNames"].as_array().is_some_and(|all| all.iter().any(is));
        short || is(&resource["resource"]) || is(&resource["singularResource"]) || is(&resource["responseKind"]["kind"])
    };
    discovered["items"].as_array()?.iter().find_map(|group| {
        let found = group["versions"][0]["resources"].as_array()?.iter().find(is_it)?;
        Some((group["metadata"]["name"].as_str()?.to_owned(), found["resource"].as_str()?.to_owned()))
    })
}

/// Whether an endpoint is `https://` and a host, with a port or without, and nothing else.
fn is_https(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("https://").unwrap_or_default();
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
}

async fn bounded(body: SdkBody) -> Result<Vec<u8>, Silence> {
    let (mut stream, mut bytes) = (ByteStream::new(body), Vec::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Silence::Unreachable(words::plain(&error.to_string())))?;
        if bytes.len() + chunk.len() > LARGEST {
            return Err(Silence::Other("the response is larger than 4 MiB".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Distinguishes a wrong certificate from a connection that does not come about.
fn silence(error: &(dyn StdError + 'static)) -> Silence {
    let (mut next, mut last) = (Some(error), String::new());
    while let Some(cause) = next {
        if let Some(tls @ rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            // It names the hosts that the certificate is for.
            return Silence::Certificate(words::plain(&tls.to_string()));
        }
        last = cause.to_string();
        next = beneath(cause);
    }
    Silence::Unreachable(words::plain(&last))
}

/// What an error is made of. An error of input and output passes over what it holds when asked for its source.
fn beneath<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(held) => Some(held),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests;
