//! Mutual TLS with a single client: the host, known by the very certificate that it put into the environment.
//!
//! Owns certificates and their check. It must not know what travels over the connection.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

pub struct Mtls {
    pub config: Arc<ServerConfig>,
    /// This process's certificate for the handshake line: DER in base64 without padding.
    pub certificate: String,
}

impl Mtls {
    /// Makes a certificate for this process, valid for the life of the process, and accepts only the holder of the given one.
    ///
    /// # Errors
    /// The host's certificate is not PEM.
    pub fn pinned_to(client_pem: &str) -> Result<Mtls, String> {
        let host = certificate(client_pem)?;
        Mtls::make(host).map_err(|e| format!("can't set up TLS: {e}"))
    }

    fn make(host: CertificateDer<'static>) -> Result<Mtls, Box<dyn std::error::Error>> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        // Hosts expect this name, whatever the address is.
        let mut parameters = CertificateParams::new(["localhost".to_owned()])?;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = parameters.self_signed(&key)?.der().clone();
        let printed = STANDARD_NO_PAD.encode(&certificate);

        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Pinned { host, algorithms: provider.signature_verification_algorithms });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Every connection performs a full handshake.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Mtls { config: Arc::new(config), certificate: printed })
    }
}

/// The host's certificate. One that no connection could ever prove is refused here rather than leaving the host to wait.
pub(super) fn certificate(pem: &str) -> Result<CertificateDer<'static>, String> {
    let refused = |why: String| format!("PLUGIN_CLIENT_CERT, which identifies the host, is not a PEM certificate: {why}");
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| refused(format!("{e:?}")))?;
    ParsedCertificate::try_from(&certificate).map_err(|e| refused(e.to_string()))?;
    Ok(certificate)
}

/// Hosts present a self-signed certificate that claims to be an authority, which ordinary verification refuses as a
/// client's. Equality is stricter than any chain, and the signature proves that the peer holds the key.
#[derive(Debug)]
struct Pinned {
    host: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        presented: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if presented.as_ref() == self.host.as_ref() {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
