//! Connections to AWS: proxies, certificate authorities, and one pool for all accounts with the same settings.
//!
//! Knows no credentials and no service.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::pace::Paces;
use super::settings::{Secret, TransportSettings};
use crate::secrets;

/// Addresses that hand out an instance's or a task's credentials: no proxy can reach them.
const LINK_LOCAL: &str = "169.254.169.254,169.254.170.2,169.254.170.23";

/// The pools made so far, and the pace of each account.
#[derive(Debug, Default)]
pub struct Transports {
    pools: Mutex<HashMap<TransportSettings, SharedHttpClient>>,
    paces: Mutex<HashMap<String, Paces>>,
}

impl Transports {
    /// The client for these settings: made on first use, shared afterwards. `Err` says which setting is at fault.
    pub fn client(&self, settings: &TransportSettings) -> Result<SharedHttpClient, String> {
        let mut pools = self.pools.lock();
        if let Some(client) = pools.get(settings) {
            return Ok(client.clone());
        }
        let client = client(settings)?;
        pools.insert(settings.clone(), client.clone());
        Ok(client)
    }

    /// The same client, for calls of one account: they are made as fast as AWS accepts them.
    pub fn paced(&self, client: SharedHttpClient, account_id: &str) -> SharedHttpClient {
        self.paces.lock().entry(account_id.to_owned()).or_default().of(client)
    }
}

/// A connection to something else than AWS, through the same proxies, that trusts these authorities alone. `pem` holds good certificates.
pub(super) fn connector(settings: &TransportSettings, pem: Vec<u8>) -> Result<Connector, String> {
    let proxies = Proxies::of(settings)?;
    Ok(connection(&proxies.secure, Some(&pem), None, None))
}

fn client(settings: &TransportSettings) -> Result<SharedHttpClient, String> {
    let bundle = match settings.custom_ca_bundle.clone().or_else(|| environment(&["AWS_CA_BUNDLE"]).map(PathBuf::from)) {
        Some(path) => Some(authorities(&path)?),
        None => None,
    };
    let Proxies { plain, secure, same } = Proxies::of(settings)?;
    if same {
        return Ok(pool(secure, bundle));
    }
    Ok(SharedHttpClient::new(ByScheme { plain: pool(plain, bundle.clone()), secure: pool(secure, bundle) }))
}

/// The proxies for `http://` and `https://`, as configured or in the environment.
struct Proxies {
    plain: ProxyConfig,
    secure: ProxyConfig,
    same: bool,
}

impl Proxies {
    fn of(settings: &TransportSettings) -> Result<Self, String> {
        // Without a scheme it is that of an HTTP proxy, as for the AWS CLI and kubectl.
        let with_scheme = |url: String| if url.contains("://") { url } else { format!("http://{url}") };
        let configured = |own: &Option<Secret>, names: &[&str]| {
            own.as_ref().map(|s| s.reveal().to_owned()).or_else(|| environment(names)).map(with_scheme)
        };
        let plain = configured(&settings.http_proxy, &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]);
        let secure = configured(&settings.https_proxy, &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
        let none = settings.no_proxy.clone().or_else(|| environment(&["no_proxy", "NO_PROXY"]));
        let none = none.map_or_else(|| LINK_LOCAL.to_owned(), |rules| format!("{rules},{LINK_LOCAL}"));
        let proxy = |url: Option<String>| match url {
            Some(url) => ProxyConfig::all(url.as_str())
                .map(|proxy| proxy.no_proxy(&none))
                .map_err(|_| "the proxy URL is not valid: it must look like http://proxy.example.com:3128".to_owned()),
            None => Ok(ProxyConfig::disabled()),
        };
        plain.iter().chain(&secure).for_each(|url| remember_password(url));
        let same = plain == secure;
        Ok(Proxies { plain: proxy(plain)?, secure: proxy(secure)?, same })
    }
}

/// A proxy's password may come back by itself, or as the header that it was sent in.
fn remember_password(url: &str) {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest.split('/').next().unwrap_or_default());
    let Some((login, _)) = authority.rsplit_once('@') else { return };
    let decoded = percent_encoding::percent_decode_str(login).decode_utf8_lossy();
    if let Some((_, password)) = decoded.split_once(':') {
        secrets::remember(password);
        secrets::remember(&base64::engine::general_purpose::STANDARD.encode(decoded.as_bytes()));
    }
}

fn pool(proxy: ProxyConfig, bundle: Option<Vec<u8>>) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings: Option<&HttpConnectorSettings>, components: Option<&RuntimeComponents>| {
        connection(&proxy, bundle.as_ref(), settings, components)
    })
}

fn connection(
    proxy: &ProxyConfig,
    bundle: Option<&Vec<u8>>,
    settings: Option<&HttpConnectorSettings>,
    components: Option<&RuntimeComponents>,
) -> Connector {
    let mut builder = Connector::builder().proxy_config(proxy.clone());
    if let Some(settings) = settings {
        builder = builder.connector_settings(settings.clone());
    }
    builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
    let mut trust = TrustStore::default();
    if let Some(pem) = bundle {
        trust = TrustStore::empty().with_pem_certificate(pem.clone());
    }
    // Fails only for additional server names, of which there are none.
    let context = TlsContext::builder().with_trust_store(trust).build().unwrap_or_default();
    builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context).build()
}

/// One pool for `http://` and one for `https://`, where they have different proxies.
#[derive(Debug)]
struct ByScheme {
    plain: SharedHttpClient,
    secure: SharedHttpClient,
}

impl HttpClient for ByScheme {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(ConnectorByScheme {
            plain: self.plain.http_connector(settings, components),
            secure: self.secure.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct ConnectorByScheme {
    plain: SharedHttpConnector,
    secure: SharedHttpConnector,
}

impl HttpConnector for ConnectorByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("https:") { self.secure.call(request) } else { self.plain.call(request) }
    }
}

/// The certificates of a PEM file.
fn authorities(path: &Path) -> Result<Vec<u8>, String> {
    let name = format!("custom_ca_bundle {}", path.display());
    let pem = std::fs::read(path).map_err(|e| format!("{name} can't be read: {e}"))?;
    checked(&pem, &name)?;
    Ok(pem)
}

/// Refuses what is no PEM of good certificates, here: the SDK takes nothing else. `name` says what it is.
pub(super) fn checked(pem: &[u8], name: &str) -> Result<(), String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("{name} is not a PEM file of certificates: {e}"))?;
    if certificates.is_empty() {
        return Err(format!("{name} contains no certificate"));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|e| format!("{name} contains a certificate that can't be used: {e}"))?;
    }
    Ok(())
}

fn environment(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_bundle(path: &Path) -> TransportSettings {
        TransportSettings { custom_ca_bundle: Some(path.to_owned()), ..TransportSettings::default() }
    }

    #[test]
    fn a_bundle_that_is_missing_or_empty_is_named() {
        let transports = Transports::default();
        let missing = transports.client(&with_bundle(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert!(missing.contains("/nonexistent/ca.pem can't be read"), "{missing}");
        let path = std::env::temp_dir().join(format!("xeks-ca-{}.pem", std::process::id()));
        std::fs::write(&path, "no certificates").unwrap();
        let empty = transports.client(&with_bundle(&path)).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(empty.contains("contains no certificate"), "{empty}");
    }

    #[test]
    fn a_good_bundle_is_taken() {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert;
        let der = base64::engine::general_purpose::STANDARD.encode(certificate.der());
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        let path = std::env::temp_dir().join(format!("xeks-good-ca-{}.pem", std::process::id()));
        std::fs::write(&path, certificate).unwrap();
        let client = Transports::default().client(&with_bundle(&path));
        std::fs::remove_file(&path).unwrap();
        assert!(client.is_ok());
    }

    #[test]
    fn a_bad_proxy_is_refused_without_repeating_its_password() {
        let settings = TransportSettings { https_proxy: Some(Secret::new("user:pa55@")), ..TransportSettings::default() };
        let error = Transports::default().client(&settings).unwrap_err();
        assert!(error.contains("proxy") && !error.contains("pa55"), "{error}");
    }

    #[test]
    fn a_proxy_without_a_scheme_is_an_http_proxy() {
        let settings = TransportSettings { https_proxy: Some(Secret::new("proxy.example.com:3128")), ..TransportSettings::default() };
        assert!(Transports::default().client(&settings).is_ok());
    }

    #[test]
    fn a_proxys_password_is_hidden_by_itself_and_as_a_header() {
        let settings =
            TransportSettings { http_proxy: Some(Secret::new("http://me:p%40ss-of-proxy@proxy:3128")), ..TransportSettings::default() };
        Transports::default().client(&settings).unwrap();
        assert_eq!(secrets::hidden("sent p@ss-of-proxy, or bWU6cEBzcy1vZi1wcm94eQ=="), "sent (secret), or (secret)");
    }
}
