//! The executable from outside: go-plugin's rules, spoken to it as Terraform speaks them.
#![cfg(unix)]

mod bench;
mod calls;
mod host;
mod hostile;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use xeks::protocol::wire::provider_client::ProviderClient;
use xeks::protocol::wire::{get_metadata, get_provider_schema};

use self::host::{Host, Identity, connect_plainly};
use self::wire::health::health_client::HealthClient;
use self::wire::health::{HealthCheckRequest, health_check_response::ServingStatus};
use self::wire::plugin::Empty;
use self::wire::plugin::grpc_controller_client::GrpcControllerClient;
use self::wire::plugin::grpc_stdio_client::GrpcStdioClient;

mod wire {
    pub mod plugin {
        tonic::include_proto!("plugin");
    }
    pub mod health {
        tonic::include_proto!("grpc.health.v1");
    }
}

/// A host kills a plugin that takes longer to end.
const FAREWELL: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_served_from_handshake_to_shutdown() {
    let host = Host::new();
    let plugin = host.start();
    assert_eq!([&plugin.line[0], &plugin.line[1], &plugin.line[2], &plugin.line[4]], ["1", "6", "unix", "grpc"]);
    assert_eq!(plugin.line.len(), 6, "a seventh part only for hosts that ask for it");
    assert_eq!(host.sockets(), [plugin.socket()]);
    assert_eq!(std::fs::metadata(plugin.socket()).unwrap().permissions().mode() & 0o777, 0o600);

    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    let health = HealthClient::new(channel.clone()).check(HealthCheckRequest { service: "plugin".into() }).await.unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);

    let mut stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await.unwrap().into_inner();
    let quiet = tokio::time::timeout(Duration::from_millis(100), stdio.message()).await;
    assert!(quiet.is_err(), "the stream is held open");

    let schema = ProviderClient::new(channel.clone()).get_provider_schema(get_provider_schema::Request {}).await.unwrap().into_inner();
    assert!(schema.provider.is_some() && schema.diagnostics.is_empty());
    assert!(schema.server_capabilities.unwrap().get_provider_schema_optional);

    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    assert_eq!(stdio.message().await.ok().flatten(), None, "the stream ends with the plugin");
    let ended = plugin.ended_within(FAREWELL);
    assert!(ended.status.success());
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "stdout holds the line alone");
    assert!(host.sockets().is_empty(), "the socket is removed");
}

#[test]
fn a_person_who_starts_it_by_hand_is_told_what_it_is() {
    let host = Host::new().with("TF_PLUGIN_MAGIC_COOKIE", None);
    let output = host.command().output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    assert!(text.contains("Terraform or OpenTofu starts it") && text.contains("https://"), "{text}");
    assert!(host.sockets().is_empty());
}

#[test]
fn protocol_versions_out_of_range_are_refused() {
    let output = Host::new().with("PLUGIN_PROTOCOL_VERSIONS", Some("4,5")).command().output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    assert!(text.contains("uses plugin protocol 6") && text.contains("4,5"), "{text}");
}

#[test]
fn a_host_without_a_certificate_is_refused() {
    for (certificate, says) in [(None, "TF_DISABLE_PLUGIN_TLS"), (Some("no PEM"), "not a PEM certificate")] {
        let host = Host::new().with("PLUGIN_CLIENT_CERT", certificate);
        let output = host.command().output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
        assert!(text.contains(says), "{text}");
        assert!(host.sockets().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_local_processes_are_served_nothing() {
    let host = Host::new();
    let mut plugin = host.start();
    let call = async |channel: Result<_, tonic::transport::Error>| {
        let channel = channel.map_err(|_| ())?;
        ProviderClient::new(channel).get_provider_schema(get_provider_schema::Request {}).await.map_err(|_| ())
    };
    assert!(call(plugin.connect(None).await).await.is_err(), "no certificate");
    assert!(call(plugin.connect(Some(&Identity::new())).await).await.is_err(), "a certificate of the same name, made by another");
    assert!(call(connect_plainly(plugin.socket()).await).await.is_err(), "no TLS");
    let silent = tokio::net::UnixStream::connect(plugin.socket()).await.unwrap();
    assert!(call(plugin.connect(Some(&host.identity)).await).await.is_ok(), "the host itself, while a silent client waits");
    drop(silent);
    assert!(plugin.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_the_hosts_business() {
    let host = Host::new();
    let plugin = host.start();
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    plugin.signal("INT");
    tokio::time::sleep(Duration::from_millis(100)).await;
    ProviderClient::new(channel).get_provider_schema(get_provider_schema::Request {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_terminate_removes_the_socket() {
    let host = Host::new();
    let plugin = host.start();
    let _channel = plugin.connect(Some(&host.identity)).await.unwrap();
    plugin.signal("TERM");
    assert!(plugin.ended_within(FAREWELL).status.success());
    assert!(host.sockets().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_host_dies_ends_and_removes_the_socket() {
    let host = Host::new();
    let plugin = host.start();
    // The kernel closes a dead process's connections: that is all that the plugin sees of its death.
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    ProviderClient::new(channel).get_metadata(get_metadata::Request {}).await.unwrap();
    let ended = plugin.ended_within(Duration::from_secs(5));
    assert!(ended.status.success() && ended.after >= Duration::from_secs(1), "a host may reconnect for a moment");
    assert!(host.sockets().is_empty());
}

#[test]
fn a_plugin_whose_host_died_before_the_handshake_ends_and_removes_the_socket() {
    let host = Host::new();
    let mut command = host.command();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(Stdio::from(writer)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(host.sockets().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_what_a_host_can_read() {
    let host = Host::new().with("TF_LOG", Some("trace"));
    let plugin = host.start();
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    ProviderClient::new(channel.clone()).get_provider_schema(get_provider_schema::Request {}).await.unwrap();
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    let lines = plugin.ended_within(FAREWELL).stderr;
    assert!(lines.lines().any(|line| line.contains("GetProviderSchema")), "{lines}");
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        for key in ["@level", "@message", "@timestamp", "@module"] {
            assert!(entry[key].is_string(), "{key} in {line}");
        }
        assert!(line.len() < 64 << 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_debug_mode_hosts_attach_by_what_it_prints() {
    let host = Host::new();
    let mut command = host.command();
    command.arg("--debug").stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut printed = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("export TF_REATTACH_PROVIDERS='") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut printed, &mut line).unwrap(), 0, "it says how to attach");
    }
    let json = line.trim_end().trim_start_matches("export TF_REATTACH_PROVIDERS='").trim_end_matches('\'');
    let providers: Value = serde_json::from_str(json).unwrap();
    for address in ["registry.terraform.io/xeks/xeks", "registry.opentofu.org/xeks/xeks"] {
        let provider = &providers[address];
        assert_eq!(provider["Protocol"], "grpc");
        assert_eq!(provider["ProtocolVersion"], 6);
        assert_eq!(provider["Pid"], child.id());
        assert_eq!(provider["Test"], true);
        let socket = provider["Addr"]["String"].as_str().unwrap();
        assert_eq!(std::fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600);
        let channel = connect_plainly(socket.into()).await.unwrap();
        ProviderClient::new(channel).get_provider_schema(get_provider_schema::Request {}).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(child.try_wait().unwrap().is_none(), "between hosts it stays up");
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(host.sockets().is_empty());
}

#[test]
fn it_says_its_version_and_what_it_takes() {
    let run = |argument: &str| {
        let output = Host::new().command().arg(argument).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run("--version"), (Some(0), format!("terraform-provider-xeks {}\n", env!("CARGO_PKG_VERSION")), String::new()));
    let (status, help, _) = run("--help");
    assert!(status == Some(0) && ["--debug", "--version", "--help"].iter().all(|argument| help.contains(argument)), "{help}");
    let (status, stdout, stderr) = run("--serve");
    assert!(status == Some(1) && stdout.is_empty() && stderr.contains("unknown argument --serve"), "{stderr}");
}
