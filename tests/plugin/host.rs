//! A go-plugin host, as Terraform is one: starts the executable, shows a certificate, connects over mutual TLS.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

/// What a host writes into the environment, and what it has to hold for it.
pub struct Host {
    pub variables: Vec<(&'static str, String)>,
    pub identity: Identity,
    /// The sockets' folder, for this host alone.
    pub folder: PathBuf,
}

/// A certificate of the kind that go-plugin makes: self-signed, P-521, an authority.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    pub fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Identity { certificate: parameters.self_signed(&key).unwrap().der().clone(), key }
    }

    fn pem(&self) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

impl Host {
    pub fn new() -> Self {
        static HOSTS: AtomicUsize = AtomicUsize::new(0);
        let number = HOSTS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("xeks-host-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let identity = Identity::new();
        let variables = vec![
            ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2".into()),
            ("PLUGIN_PROTOCOL_VERSIONS", "5,6".into()),
            ("PLUGIN_CLIENT_CERT", identity.pem()),
            ("PLUGIN_UNIX_SOCKET_DIR", folder.display().to_string()),
        ];
        Host { variables, identity, folder }
    }

    /// A host whose environment differs in one variable; none removes it.
    pub fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.variables.retain(|(key, _)| *key != name);
        self.variables.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-xeks"));
        command.env_clear().envs(self.variables.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the plugin and reads its line.
    pub fn start(&self) -> Plugin {
        Plugin::start(self.command())
    }

    pub fn sockets(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A running plugin. Killed when dropped, so that no failing test leaves one behind.
pub struct Plugin {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    /// The handshake line, by its bars.
    pub line: Vec<String>,
}

/// How a plugin ended, and all that it printed after the handshake line.
pub struct Ended {
    pub status: ExitStatus,
    pub after: Duration,
    pub stdout: String,
    pub stderr: String,
}

impl Plugin {
    fn start(mut command: Command) -> Plugin {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Plugin { child, stdout, line: line.trim_end_matches('\n').split('|').map(str::to_owned).collect() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn socket(&self) -> PathBuf {
        PathBuf::from(&self.line[3])
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap().success());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The bytes inside of mutual TLS, for what is no HTTP/2.
    pub async fn secured(&self, identity: &Identity) -> TlsStream<UnixStream> {
        secured(self.tls(Some(identity)), self.socket()).await.unwrap()
    }

    fn tls(&self, identity: Option<&Identity>) -> TlsConnector {
        let certificate = CertificateDer::from(STANDARD_NO_PAD.decode(&self.line[5]).unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = PrivatePkcs8KeyDer::from(identity.key.serialize_der()).into();
                builder.with_client_auth_cert(vec![identity.certificate.clone()], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// Connects as Terraform does: trusting this plugin's certificate alone, showing the identity's.
    pub async fn connect(&self, identity: Option<&Identity>) -> Result<Channel, tonic::transport::Error> {
        let (tls, socket) = (self.tls(identity), self.socket());
        let connector = tower::service_fn(move |_| {
            let (tls, socket) = (tls.clone(), socket.clone());
            async move { secured(tls, socket).await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://localhost").connect_with_connector(connector).await
    }

    /// Waits for the plugin to end by itself, at most this long.
    pub fn ended_within(mut self, limit: Duration) -> Ended {
        let begin = Instant::now();
        while self.is_running() {
            assert!(begin.elapsed() < limit, "the plugin still runs after {limit:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let after = begin.elapsed();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Ended { status: self.child.wait().unwrap(), after, stdout, stderr }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Fails if it ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn secured(tls: TlsConnector, socket: PathBuf) -> std::io::Result<TlsStream<UnixStream>> {
    tls.connect(ServerName::try_from("localhost").unwrap(), UnixStream::connect(socket).await?).await
}

/// Connects without TLS, as hosts do that attach to a process in debug mode.
pub async fn connect_plainly(socket: PathBuf) -> Result<Channel, tonic::transport::Error> {
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connector).await
}
