//! The plugin process: how a host (Terraform, OpenTofu) starts it, proves itself, talks to it and ends it.
//!
//! Owns go-plugin's rules from the first environment variable to the removed socket. It serves one gRPC service that it is
//! given and must not know what that service does: no resource, no schema, no AWS.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handshake;
mod lifetime;
mod listener;
mod log;
mod mtls;
pub mod panics;
mod services;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use self::handshake::Terms;
use self::lifetime::Lifetime;
use self::listener::{Incoming, Listener};
pub use self::services::GrpcService;

/// The largest message that a host may send or be sent, in bytes: go-plugin's hosts allow 256 MiB.
pub const MESSAGE_LIMIT: usize = 256 << 20;

/// A host that asked for shutdown kills the process two seconds later; calls under way get most of that.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Calls wait for AWS, not for the processor: one thread a core would only slow the start on large machines.
const WORKERS: usize = 4;

/// How the process describes itself.
pub struct About {
    /// The executable's name.
    pub name: &'static str,
    pub version: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Where the documentation is.
    pub homepage: &'static str,
    /// The addresses under which hosts know this provider, for debug mode.
    pub addresses: &'static [&'static str],
    /// Versions of the host's protocol that the service speaks.
    pub protocol_versions: &'static [u32],
}

/// Runs the process from its arguments to its exit code. `service` is made only when there is a host to serve.
pub fn run<S: GrpcService>(about: &About, arguments: impl Iterator<Item = OsString>, service: impl FnOnce() -> S) -> ExitCode {
    let outcome = match Command::parse(arguments) {
        Command::Serve => handshake::terms(about.protocol_versions, |name| std::env::var(name).ok())
            .map_err(|refusal| refusal.explain(about))
            .and_then(|terms| serve(Mode::Hosted(terms), about, service)),
        Command::Debug => serve(Mode::Debug, about, service),
        Command::Version => print(&format!("{} {}\n", about.name, about.version)),
        Command::Help => print(&help(about)),
        Command::Unknown(argument) => Err(format!("{}: unknown argument {argument}\n\n{}", about.name, help(about))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            // Nothing is left to do about a closed stderr.
            let _ = io::stderr().write_all(format!("{}\n", text.trim_end()).as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Who is at the other end.
enum Mode {
    /// The host that started this process.
    Hosted(Terms),
    /// Hosts that a person attaches; no certificate identifies them, only the socket's permissions protect it.
    Debug,
}

fn serve<S: GrpcService>(mode: Mode, about: &About, service: impl FnOnce() -> S) -> Result<(), String> {
    log::start();
    panics::report();
    let listener = Listener::bind(|name| std::env::var(name).ok())?;
    let mtls = match &mode {
        Mode::Hosted(terms) => Some(mtls::Mtls::pinned_to(&terms.client_certificate)?),
        Mode::Debug => None,
    };
    let announcement = match &mode {
        Mode::Hosted(terms) => terms.line(listener.address(), mtls.as_ref().map_or("", |mtls| &mtls.certificate)),
        Mode::Debug => handshake::reattach(about, listener.address()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(|e| format!("can't start threads: {e}"))?;
    let served = runtime.block_on(async {
        let lifetime = Arc::new(Lifetime::default());
        let by_hand = matches!(mode, Mode::Debug);
        lifetime::follow_signals(&lifetime, by_hand).map_err(|e| format!("can't listen for signals: {e}"))?;
        let tls = mtls.map(|mtls| TlsAcceptor::from(mtls.config));
        let (incoming, _socket) = listener.accept(tls, lifetime.clone()).map_err(|e| format!("can't listen: {e}"))?;
        print(&announcement)?;
        tokio::select! {
            served = until_the_end(incoming, service(), &lifetime) => served,
            () = lifetime.abandoned(&lifetime::PATIENCE), if !by_hand => {
                tracing::debug!("the host process ended");
                Ok(())
            }
        }
    });
    runtime.shutdown_background();
    served
}

async fn until_the_end<S: GrpcService>(incoming: Incoming, service: S, lifetime: &Arc<Lifetime>) -> Result<(), String> {
    let services = services::Services::new(service, lifetime.clone());
    let server = tonic::transport::Server::builder().serve_with_incoming_shutdown(services, incoming, lifetime.clone().ended());
    let cut_off = async {
        lifetime.clone().ended().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = server => return served.map_err(|e| format!("the connection to the host failed: {e}")),
        () = cut_off => tracing::debug!("calls in progress were canceled: the host no longer waits for them"),
    }
    Ok(())
}

/// Stdout carries the handshake and nothing else, so that `println!` is denied everywhere.
fn print(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|e| format!("can't write to standard output: {e}"))
}

enum Command {
    Serve,
    Debug,
    Version,
    Help,
    Unknown(String),
}

impl Command {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Command {
        let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        match arguments.first().map(String::as_str) {
            None => Command::Serve,
            Some("--debug" | "-debug") => Command::Debug,
            Some("--version" | "-version" | "-v" | "version") => Command::Version,
            Some("--help" | "-help" | "-h" | "help") => Command::Help,
            Some(other) => Command::Unknown(other.to_owned()),
        }
    }
}

fn help(about: &About) -> String {
    let About { name, version, description, homepage, .. } = about;
    format!(
        "{name} {version}\n{description}\n\n\
         Terraform and OpenTofu start this program for a configuration that requires the provider.\n\
         Options for running it by hand:\n\n  \
         --debug     keep running, and print the TF_REATTACH_PROVIDERS value that a host attaches with\n  \
         --version   print the version\n  \
         --help      print this text\n\n\
         Documentation: {homepage}\n"
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::services::testing;
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_that_never_returns_does_not_hold_up_the_end() {
        let folder = std::env::temp_dir().display().to_string();
        let listener = Listener::bind(|name| (name == "PLUGIN_UNIX_SOCKET_DIR").then(|| folder.clone())).unwrap();
        let socket = listener.address().location.clone();
        let lifetime = Arc::new(Lifetime::default());
        let (incoming, _socket) = listener.accept(None, lifetime.clone()).unwrap();
        let host = testing::call_then_ask_for_shutdown(&socket);
        let begin = std::time::Instant::now();
        let (served, answered) = tokio::join!(until_the_end(incoming, testing::Hangs, &lifetime), host);
        assert_eq!((served, answered), (Ok(()), false));
        // Generous upwards: a busy machine is not a defect.
        assert!(begin.elapsed() >= FAREWELL && begin.elapsed() < FAREWELL * 2);
    }
}
