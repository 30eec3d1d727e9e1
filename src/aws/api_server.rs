//! A cluster's API server, asked two things: who the bearer of a token is, and whether it is allowed to do something.
//!
//! Kubernetes API: SelfSubjectReview of authentication.k8s.io/v1, SelfSubjectAccessReview of authorization.k8s.io/v1. Every
//! authenticated user may ask both (ClusterRole system:basic-user). Trusts the cluster's own authority and no other.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine;
use serde_json::{Value as Json, json};

use super::token::Token;
use super::{Account, transport};
use crate::secrets;

/// An answer that takes longer does not come.
const TIMEOUT: Duration = Duration::from_secs(15);

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
    /// The certificate authority that EKS returns is no certificate, or a proxy can't be used.
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
        let pem = base64::engine::general_purpose::STANDARD.decode(authority.trim());
        let pem = pem.map_err(|e| Silence::Settings(format!("the cluster's certificate authority is not valid base64: {e}")))?;
        transport::checked(&pem, "the cluster's certificate authority").map_err(Silence::Settings)?;
        let connector = transport::connector(account.transport(), pem).map_err(Silence::Settings)?;
        Ok(ApiServer { endpoint: endpoint.trim_end_matches('/').to_owned(), connector })
    }

    pub async fn who_am_i(&self, token: &Token) -> Result<User, Silence> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = self.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", token, &review).await?;
        let info = &answer["status"]["userInfo"];
        let name =
            info["username"].as_str().ok_or_else(|| Silence::Other("the SelfSubjectReview response contains no user name".into()))?;
        let groups = info["groups"].as_array().into_iter().flatten().filter_map(|g| g.as_str().map(str::to_owned));
        let mut user = User { name: name.to_owned(), groups: groups.collect() };
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

    async fn post(&self, path: &str, token: &Token, body: &Json) -> Result<Json, Silence> {
        let answer = tokio::time::timeout(TIMEOUT, self.exchange(path, token, body)).await;
        let (status, answer) = answer.map_err(|_| Silence::Unreachable(format!("no response within {} s", TIMEOUT.as_secs())))??;
        // A proxy in between may repeat the request, with its token.
        let message = || secrets::hidden(answer["message"].as_str().unwrap_or_default()).into_owned();
        match status {
            200 | 201 => Ok(answer),
            401 => Err(Silence::Unauthorized),
            403 => Err(Silence::Forbidden(message())),
            status => Err(Silence::Other(format!("HTTP status {status} {}", message()).trim_end().to_owned())),
        }
    }

    async fn exchange(&self, path: &str, token: &Token, body: &Json) -> Result<(u16, Json), Silence> {
        let broken = |error: &dyn StdError| Silence::Other(format!("the request can't be built: {error}"));
        let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
        request.set_method("POST").map_err(|e| broken(&e))?;
        request.set_uri(format!("{}{path}", self.endpoint)).map_err(|e| broken(&e))?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", token.text.reveal()));
        headers.insert("content-type", "application/json");
        headers.insert("accept", "application/json");
        headers.insert("user-agent", concat!("xeks/", env!("CARGO_PKG_VERSION")));
        let response = self.connector.call(request).await.map_err(|error| silence(&error))?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| Silence::Unreachable(error.to_string()))?;
        // A page of a proxy is no JSON: the status says enough.
        Ok((status, serde_json::from_slice(&body.into_bytes()).unwrap_or_default()))
    }
}

/// Distinguishes a wrong certificate from a connection that does not come about.
fn silence(error: &(dyn StdError + 'static)) -> Silence {
    let (mut next, mut last) = (Some(error), String::new());
    while let Some(cause) = next {
        if let Some(tls @ rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return Silence::Certificate(tls.to_string());
        }
        last = cause.to_string();
        next = beneath(cause);
    }
    Silence::Unreachable(last)
}

/// What an error is made of. An error of input and output passes over what it holds when asked for its source.
fn beneath<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(held) => Some(held),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_certificate_is_told_from_a_missing_answer() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = std::io::Error::other(std::io::Error::new(std::io::ErrorKind::InvalidData, tls));
        assert!(matches!(silence(&wrapped), Silence::Certificate(why) if why.contains("UnknownIssuer")));
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(silence(&refused), Silence::Unreachable("connection refused".into()));
    }

    fn account() -> Account {
        let http = aws_smithy_runtime_api::client::http::http_client_fn(|_, _| unreachable!("nothing is called"));
        Account::fixture(crate::aws::Side::Cluster, "183295435445", "ap-south-1", http)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_given_up() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://{}", silent.local_addr().unwrap());
        let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert;
        let der = base64::engine::general_purpose::STANDARD.encode(certificate.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        let authority = base64::engine::general_purpose::STANDARD.encode(pem);
        let server = ApiServer::new(&account(), &endpoint, &authority).unwrap();
        let token = Token { text: super::super::settings::Secret::new("k8s-aws-v1.x"), expires_at: std::time::SystemTime::UNIX_EPOCH };
        assert_eq!(server.who_am_i(&token).await, Err(Silence::Unreachable("no response within 15 s".into())));
    }

    #[test]
    fn an_authority_that_is_none_is_refused() {
        let account = account();
        for authority in ["!", "bm8gY2VydGlmaWNhdGU="] {
            let refused = ApiServer::new(&account, "https://127.0.0.1", authority).unwrap_err();
            assert!(matches!(&refused, Silence::Settings(why) if why.contains("the cluster's certificate authority")), "{refused:?}");
        }
    }
}
