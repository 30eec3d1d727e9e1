//! The token by which a cluster knows an AWS identity: a signed request to STS, which the cluster sends to learn who signed it.
//!
//! aws-iam-authenticator, pkg/token/token.go, and `aws eks get-token`: `k8s-aws-v1.` and, in base64url without padding, the URL of a
//! presigned GetCallerIdentity whose signature covers the header x-k8s-aws-id, the cluster's name.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SignatureLocation, SigningSettings};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::settings::Secret;
use super::{Account, Error, Kind};
use crate::secrets;

const PREFIX: &str = "k8s-aws-v1.";
/// Clusters take no longer ones.
const LARGEST: usize = 4096;
/// What the signature itself says; clusters count from its date.
const SIGNED_FOR: Duration = Duration::from_secs(60);
/// How long a cluster takes a token after it was signed.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// What RFC 3986 leaves unreserved stands for itself in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A bearer token for one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: Secret,
    /// Until when the cluster takes it: 15 minutes, and never longer than the session that signed it lasts.
    pub expires_at: SystemTime,
}

/// The token of the identity that these credentials belong to, for the cluster of that name. `account` determines whether the cluster asks a FIPS endpoint.
pub async fn cluster_token(account: &Account, credentials: &Credentials, region: &str, cluster: &str) -> Result<Token, Error> {
    let failed =
        |why: String| Error::of_kind(Kind::Other, "sts:GetCallerIdentity", account, format!("the cluster token can't be signed: {why}"));
    let endpoint = endpoint(region, account.sdk_config().use_fips().unwrap_or(false)).await.map_err(failed)?;
    let now = account.sdk_config().time_source().unwrap_or_default().now();
    let url = presigned(&endpoint, credentials, region, cluster, now).map_err(failed)?;
    let text = format!("{PREFIX}{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(url));
    if text.len() > LARGEST {
        return Err(failed(format!(
            "it has {} bytes, and EKS accepts at most {LARGEST}; use a session with fewer session tags or session policies",
            text.len()
        )));
    }
    let end = now + LIFETIME;
    let expires_at = credentials.expiry().map_or(end, |session| session.min(end));
    Ok(Token { text: Secret::new(text), expires_at })
}

/// The regional STS of the cluster's region, by the name that every cluster takes (aws-iam-authenticator, pkg/token/token.go): the cluster
/// sends the request, so that neither `endpoints.sts` nor dual stack, which are for calls from here, count.
async fn endpoint(region: &str, use_fips: bool) -> Result<String, String> {
    let params = Params::builder().region(region).use_fips(use_fips).use_dual_stack(false).use_global_endpoint(false);
    let params = params.build().map_err(|e| e.to_string())?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.map_err(|e| e.to_string())?;
    Ok(endpoint.url().to_owned())
}

fn presigned(endpoint: &str, credentials: &Credentials, region: &str, cluster: &str, now: SystemTime) -> Result<String, String> {
    let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", endpoint.trim_end_matches('/'));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(SIGNED_FOR);
    let identity = credentials.clone().into();
    let params = SigningParams::builder().identity(&identity).region(region).name("sts").time(now).settings(settings).build();
    let params = params.map_err(|e| e.to_string())?.into();
    let header = [("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", url.as_str(), header.into_iter(), SignableBody::Bytes(&[])).map_err(|e| e.to_string())?;
    let (instructions, _) = http_request::sign(request, &params).map_err(|e| e.to_string())?.into_parts();
    // The signature alone completes a token for who knows the rest.
    instructions.params().iter().filter(|(name, _)| *name == "X-Amz-Signature").for_each(|(_, signature)| secrets::remember(signature));
    let signed: Vec<String> =
        instructions.params().iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY))).collect();
    Ok(format!("{url}&{}", signed.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;

    fn account() -> Account {
        let http = aws_smithy_runtime_api::client::http::http_client_fn(|_, _| unreachable!("nothing is called"));
        Account::fixture(Side::Cluster, "183295435445", "ap-south-1", http)
    }

    fn credentials(token: &str, expiry: Option<SystemTime>) -> Credentials {
        Credentials::new("AKIDEXAMPLE", "secret", Some(token.to_owned()), expiry, "test")
    }

    fn url(token: &Token) -> String {
        let encoded = token.text.reveal().strip_prefix(PREFIX).unwrap();
        String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_token_is_a_presigned_call_of_the_clusters_regional_sts() {
        let token = cluster_token(&account(), &credentials("to/ken+", None), "eu-west-1", "prod").await.unwrap();
        let url = url(&token);
        assert!(
            url.starts_with("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm="),
            "{url}"
        );
        for part in
            ["X-Amz-Expires=60", "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id", "X-Amz-Security-Token=to%2Fken%2B", "%2Feu-west-1%2Fsts%2F"]
        {
            assert!(url.contains(part), "no {part} in {url}");
        }
    }

    #[tokio::test]
    async fn china_has_its_own_domain() {
        let token = cluster_token(&account(), &credentials("t", None), "cn-north-1", "prod").await.unwrap();
        assert!(url(&token).starts_with("https://sts.cn-north-1.amazonaws.com.cn/?"));
    }

    #[tokio::test]
    async fn a_token_dies_with_its_session() {
        let soon = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let token = cluster_token(&account(), &credentials("t", Some(soon)), "eu-west-1", "prod").await.unwrap();
        assert_eq!(token.expires_at, soon);
        let token = cluster_token(&account(), &credentials("t", None), "eu-west-1", "prod").await.unwrap();
        assert!(token.expires_at > soon + LIFETIME);
    }

    #[tokio::test]
    async fn a_token_that_no_cluster_takes_is_refused_and_never_shown() {
        let error = cluster_token(&account(), &credentials(&"x".repeat(4096), None), "eu-west-1", "prod").await.unwrap_err();
        assert!(error.message.contains("EKS accepts at most 4096"), "{error}");
        let token = cluster_token(&account(), &credentials("hush", None), "eu-west-1", "prod").await.unwrap();
        assert!(!format!("{token:?}").contains(token.text.reveal()));
    }
}
