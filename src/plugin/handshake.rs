//! The handshake: what the host says in the environment, and the one line that answers it on stdout.
//!
//! Pure: reads what it is given, returns text. It opens nothing.

use serde_json::json;

use super::About;
use super::listener::Address;

/// By this pair a host shows that it knows it is starting a plugin. It is no secret and protects nothing: it keeps
/// people from running a provider as a program.
pub(super) const COOKIE: (&str, &str) = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The version of go-plugin's own rules, the line's first part.
const CORE_PROTOCOL: u32 = 1;

/// What host and plugin agreed on.
#[derive(Debug, PartialEq)]
pub struct Terms {
    /// The highest protocol version that both speak.
    pub version: u32,
    /// The only certificate that may connect, as PEM.
    pub client_certificate: String,
    /// The host reads a seventh part of the line: whether brokered connections share this socket.
    asks_for_multiplexing: bool,
}

/// Why no host can be served.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// A person started the program.
    ByHand,
    /// The host speaks none of our versions.
    Versions { offered: String },
    /// The host shows no certificate.
    Anonymous,
}

/// Reads the host's side of the handshake. A host that names no protocol versions is an old one and gets the lowest.
///
/// # Errors
/// There is no host, or none that can be served.
pub fn terms(spoken: &[u32], variable: impl Fn(&str) -> Option<String>) -> Result<Terms, Refusal> {
    if variable(COOKIE.0).as_deref() != Some(COOKIE.1) {
        return Err(Refusal::ByHand);
    }
    let offered = variable("PLUGIN_PROTOCOL_VERSIONS").filter(|offered| !offered.is_empty());
    let version = match &offered {
        None => spoken.iter().min().copied(),
        Some(offered) => offered.split(',').filter_map(|v| v.trim().parse().ok()).filter(|v| spoken.contains(v)).max(),
    };
    let Some(version) = version else {
        return Err(Refusal::Versions { offered: offered.unwrap_or_default() });
    };
    let client_certificate = variable("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty()).ok_or(Refusal::Anonymous)?;
    let asks_for_multiplexing = variable("PLUGIN_MULTIPLEX_GRPC").is_some_and(|value| !value.is_empty());
    Ok(Terms { version, client_certificate, asks_for_multiplexing })
}

impl Terms {
    /// The line that tells the host where to connect and by which certificate (DER in base64) to know this process.
    pub fn line(&self, address: &Address, certificate: &str) -> String {
        let Address { network, location } = address;
        let multiplexing = if self.asks_for_multiplexing { "|false" } else { "" };
        format!("{CORE_PROTOCOL}|{}|{network}|{location}|grpc|{certificate}{multiplexing}\n", self.version)
    }
}

impl Refusal {
    /// For a person at a terminal, or in the host's error message.
    pub fn explain(&self, about: &About) -> String {
        let About { name, version, description, homepage, .. } = about;
        match self {
            Refusal::ByHand => format!(
                "{name} {version}: {description}\n\nThis program is a provider plugin: Terraform or OpenTofu starts it for a \
                 configuration that requires it.\nIt does nothing when you run it by hand; --help lists its options.\nDocumentation: \
                 {homepage}"
            ),
            Refusal::Versions { offered } => format!(
                "{name} {version} uses plugin protocol {}, but the program that started it offers only: {offered:.100}.\nProtocol 6 needs \
                 Terraform 1.0 or OpenTofu 1.6, or later: upgrade that program.",
                about.protocol_versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
            ),
            Refusal::Anonymous => format!(
                "{name} {version} handles AWS credentials and serves only a host that identifies itself with a certificate, but \
                 PLUGIN_CLIENT_CERT is not set.\nIf TF_DISABLE_PLUGIN_TLS is set, unset it."
            ),
        }
    }
}

/// What a person exports so that hosts attach to this process. Hosts ignore addresses that a configuration doesn't use.
pub fn reattach(about: &About, address: &Address) -> String {
    let process = json!({
        "Protocol": "grpc",
        "ProtocolVersion": about.protocol_versions.iter().max(),
        "Pid": std::process::id(),
        "Test": true,
        "Addr": { "Network": address.network, "String": address.location },
    });
    let providers: serde_json::Map<_, _> = about.addresses.iter().map(|name| ((*name).to_owned(), process.clone())).collect();
    format!(
        "{} {} is waiting for a connection. Where you run terraform or tofu, set:\n\nexport TF_REATTACH_PROVIDERS='{}'\n\nPress Ctrl-C to \
         stop.\n",
        about.name,
        about.version,
        serde_json::Value::Object(providers)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: [(&str, &str); 3] = [COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5,6"), ("PLUGIN_CLIENT_CERT", "PEM")];

    fn agree(spoken: &[u32], changes: &[(&str, &str)]) -> Result<Terms, Refusal> {
        terms(spoken, |name| {
            let find = |list: &[(&str, &str)]| list.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            find(changes).or_else(|| find(&HOST))
        })
    }

    fn socket() -> Address {
        Address { network: "unix", location: "/tmp/plugin1".into() }
    }

    #[test]
    fn a_wrong_cookie_is_no_host() {
        assert_eq!(agree(&[6], &[(COOKIE.0, "guess")]), Err(Refusal::ByHand));
    }

    #[test]
    fn the_highest_common_version_wins() {
        assert_eq!(agree(&[5, 6], &[("PLUGIN_PROTOCOL_VERSIONS", "7,6,5")]).unwrap().version, 6);
        assert_eq!(agree(&[5, 6], &[("PLUGIN_PROTOCOL_VERSIONS", "5, x")]).unwrap().version, 5);
    }

    #[test]
    fn versions_out_of_range_are_refused_and_named() {
        let refusal = agree(&[6], &[("PLUGIN_PROTOCOL_VERSIONS", "4,5")]).unwrap_err();
        assert_eq!(refusal, Refusal::Versions { offered: "4,5".into() });
    }

    #[test]
    fn a_host_that_names_no_versions_gets_the_lowest() {
        assert_eq!(agree(&[5, 6], &[("PLUGIN_PROTOCOL_VERSIONS", "")]).unwrap().version, 5);
    }

    #[test]
    fn a_host_without_a_certificate_is_refused() {
        assert_eq!(agree(&[6], &[("PLUGIN_CLIENT_CERT", "")]), Err(Refusal::Anonymous));
    }

    #[test]
    fn multiplexing_is_answered_only_to_a_host_that_asks() {
        assert_eq!(agree(&[6], &[]).unwrap().line(&socket(), "CERT"), "1|6|unix|/tmp/plugin1|grpc|CERT\n");
        let asked = agree(&[6], &[("PLUGIN_MULTIPLEX_GRPC", "true")]).unwrap();
        assert_eq!(asked.line(&socket(), "CERT"), "1|6|unix|/tmp/plugin1|grpc|CERT|false\n");
    }
}
