//! The host's environment, as any program may set it (`crate::fuzzing`).

use super::listener::Address;
use super::{handshake, listener, log, mtls};

const VARIABLES: [&str; 8] = [
    "TF_PLUGIN_MAGIC_COOKIE",
    "PLUGIN_PROTOCOL_VERSIONS",
    "PLUGIN_CLIENT_CERT",
    "PLUGIN_MULTIPLEX_GRPC",
    "PLUGIN_UNIX_SOCKET_DIR",
    "PLUGIN_MIN_PORT",
    "PLUGIN_MAX_PORT",
    "TF_LOG_PROVIDER",
];

/// The variables' values, with a byte 0 between them, which no variable holds. The cookie is right where it is left out.
pub fn handshake(data: &[u8]) {
    let values: Vec<String> = data.split(|byte| *byte == 0).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
    let variable = |name: &str| {
        let value = VARIABLES.iter().position(|known| *known == name).and_then(|at| values.get(at)).cloned();
        match name {
            "TF_PLUGIN_MAGIC_COOKIE" => value.filter(|cookie| !cookie.is_empty()).or_else(|| Some(handshake::COOKIE.1.to_owned())),
            _ => value,
        }
    };
    let _ = log::levels(variable);
    let _ = listener::ports(variable);
    let terms = match handshake::terms(&[5, 6], variable) {
        Ok(terms) => terms,
        Err(refusal) => {
            let text = refusal.explain(&ABOUT);
            assert!(text.contains(ABOUT.name) && text.len() < 2000, "{} characters", text.len());
            return;
        }
    };
    assert!([5, 6].contains(&terms.version));
    let _ = mtls::certificate(&terms.client_certificate);
    let Ok(location) = listener::location(variable("PLUGIN_UNIX_SOCKET_DIR").unwrap_or_default().as_ref()) else { return };
    let line = terms.line(&Address { network: "unix", location }, "CERT");
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "one line: {line:?}");
    assert_eq!(line.matches('|').count(), if variable("PLUGIN_MULTIPLEX_GRPC").is_some_and(|v| !v.is_empty()) { 6 } else { 5 });
}

const ABOUT: super::About = super::About {
    name: "terraform-provider-xeks",
    version: "0",
    description: "d",
    homepage: "https://example.com",
    addresses: &[],
    protocol_versions: &[5, 6],
};
