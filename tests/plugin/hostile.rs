//! A host that does what no host should, and others who reach the socket: the process stays up, answers the next honest call, keeps
//! its memory, and ends when it is asked to.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tonic::Code;
use tonic::transport::Channel;
use xeks::protocol::wire::provider_client::ProviderClient;
use xeks::protocol::wire::*;

use crate::host::{Host, Plugin};
use crate::wire::plugin::Empty;
use crate::wire::plugin::grpc_controller_client::GrpcControllerClient;

/// More than any of these may cost, in MiB: a message is read whole before it is refused.
const MEMORY: u64 = 500;

fn client(channel: &Channel) -> ProviderClient<Channel> {
    ProviderClient::new(channel.clone()).max_encoding_message_size(usize::MAX).max_decoding_message_size(usize::MAX)
}

fn msgpack(bytes: impl Into<Vec<u8>>) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: bytes.into(), json: Vec::new() })
}

fn json(text: impl Into<Vec<u8>>) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: Vec::new(), json: text.into() })
}

/// What validation of a configuration of `xeks_irsa_trust` says.
async fn validated(channel: &Channel, config: Option<DynamicValue>) -> Vec<Diagnostic> {
    let request = validate_resource_config::Request { type_name: "xeks_irsa_trust".into(), config, client_capabilities: None };
    client(channel).validate_resource_config(request).await.unwrap().into_inner().diagnostics
}

async fn answers(plugin: &Plugin, host: &Host) {
    let channel = tokio::time::timeout(Duration::from_secs(20), plugin.connect(Some(&host.identity))).await;
    let channel = channel.expect("the host is let in").unwrap();
    assert!(client(&channel).get_metadata(get_metadata::Request {}).await.is_ok());
}

/// The most memory that the process had, in MiB; 0 where the system does not tell.
fn peak(plugin: &Plugin) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", plugin.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

async fn ends(plugin: Plugin, host: &Host) {
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    let ended = plugin.ended_within(Duration::from_secs(3));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panic"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_anything_to_the_socket_delay_no_other() {
    // Nobody reads the log while this runs.
    let host = Host::new().with("TF_LOG", Some("error"));
    let plugin = host.start();
    let mut open = Vec::new();
    for n in 0..300_u32 {
        let mut stream = UnixStream::connect(plugin.socket()).await.unwrap();
        // Silent ones, half a TLS record, garbage, plain HTTP/2: some stay, some go.
        let said: &[u8] = [&b""[..], b"\x16\x03\x01\x02\x00\x01", &[0xff; 200], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"][n as usize % 4];
        let _ = stream.write_all(said).await;
        if n % 3 != 0 {
            open.push(stream);
        }
    }
    answers(&plugin, &host).await;
    let mut slow = UnixStream::connect(plugin.socket()).await.unwrap();
    for byte in [0x16, 0x03, 0x01] {
        slow.write_all(&[byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        answers(&plugin, &host).await;
    }
    assert!(peak(&plugin) < MEMORY, "{} MiB", peak(&plugin));
    ends(plugin, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_speaks_no_http_is_cut_off_and_no_other() {
    let host = Host::new();
    let plugin = host.start();
    for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 4096], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        let mut stream = plugin.secured(&host.identity).await;
        stream.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "the connection is closed: {said:?}");
        answers(&plugin, &host).await;
    }
    ends(plugin, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_and_no_value_is_an_error_of_that_call() {
    let host = Host::new();
    let plugin = host.start();
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();

    // A method that there is none of, and one whose message is none.
    for (path, body, code) in [
        ("/tfplugin6.Provider/Nothing", "\0\0\0\0\0", Code::Unimplemented),
        ("/tfplugin5.Provider/ReadResource", "\0\0\0\0\0", Code::Unimplemented),
        ("/tfplugin6.Provider/ReadResource", "\0\0\0\0\x04abcd", Code::Internal),
        // Compressed, where nothing was agreed; and of two gigabytes.
        ("/tfplugin6.Provider/ReadResource", "\x01\0\0\0\0", Code::Internal),
        ("/tfplugin6.Provider/ReadResource", "\0\x7f\x7f\x7f\x7f", Code::OutOfRange),
    ] {
        assert_eq!(raw(&channel, path, body).await, Some(code), "{path} {body:?}");
    }

    let nested = b"[".repeat(1_000_000);
    let lies = [&[0x81, 0xb0][..], b"service_accounts", &[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0]].concat();
    for config in [
        msgpack([0xc1_u8]),
        msgpack(lies),
        msgpack(vec![0x91; 1_000_000]),
        json("{"),
        json(nested),
        json("{\"no\":1}"),
        json("1e999999999"),
    ] {
        let said = validated(&channel, config).await;
        assert!(said.len() == 1 && said[0].summary.starts_with("Can't read the configuration"), "{said:?}");
        assert!(said[0].detail.len() < 500, "{}", said[0].detail.len());
    }
    // Neither, or both: MessagePack counts, as in Terraform's own providers.
    let both = DynamicValue { msgpack: vec![0xc0], json: b"{".to_vec() };
    for config in [None, Some(DynamicValue::default()), Some(both)] {
        assert!(validated(&channel, config).await.iter().all(|said| !said.summary.contains("Can't read")));
    }

    let early = plan_resource_change::Request { type_name: "xeks_irsa_trust".into(), ..Default::default() };
    let said = client(&channel).plan_resource_change(early).await.unwrap().into_inner().diagnostics;
    assert!(said.iter().any(|said| said.summary == "The provider is not configured"), "{said:?}");
    let strange = read_resource::Request { type_name: "aws_instance".into(), ..Default::default() };
    let said = client(&channel).read_resource(strange).await.unwrap().into_inner().diagnostics;
    assert_eq!(said[0].summary, "Unknown resource type aws_instance");
    answers(&plugin, &host).await;
    ends(plugin, &host).await;
}

/// Values that would take fifty times as much as they are sent in.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_any_size_takes_little_more_memory_than_itself() {
    const SIZE: usize = 64 << 20;
    let host = Host::new();
    let plugin = host.start();
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    let length = u32::try_from(SIZE).unwrap().to_be_bytes();
    let nulls = [&[0x81, 0xb0][..], b"service_accounts", &[0xdd], &length, &vec![0xc0; SIZE]].concat();
    for config in [msgpack(nulls), json(format!("[{}0]", "0,".repeat(SIZE / 2)))] {
        let said = validated(&channel, config).await;
        assert!(said.len() == 1 && said[0].detail.contains("more than 1000000 values"), "{said:?}");
    }
    answers(&plugin, &host).await;
    assert!(peak(&plugin) < MEMORY, "{} MiB", peak(&plugin));
    ends(plugin, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_and_a_shutdown_among_calls_leave_nothing_hanging() {
    let host = Host::new();
    let plugin = host.start();
    let channel = plugin.connect(Some(&host.identity)).await.unwrap();
    for _ in 0..200 {
        let mut client = client(&channel);
        // Dropped at once or half way: the stream is reset.
        let call = client.get_provider_schema(get_provider_schema::Request {});
        let _ = tokio::time::timeout(Duration::from_micros(300), call).await;
    }
    answers(&plugin, &host).await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let mut client = client(&channel);
            tokio::spawn(async move { client.get_provider_schema(get_provider_schema::Request {}).await.is_ok() })
        })
        .collect();
    ends(plugin, &host).await;
    for call in calls {
        call.await.unwrap();
    }
}

/// The status of a call that no generated client would make.
async fn raw(channel: &Channel, path: &'static str, body: &str) -> Option<Code> {
    use tonic::codegen::http;
    use tower::{Service, ServiceExt};
    let request =
        http::Request::post(format!("http://localhost{path}")).header("content-type", "application/grpc").header("te", "trailers");
    let mut channel = channel.clone();
    let answer = channel.ready().await.unwrap().call(request.body(tonic::body::Body::new(body.to_owned())).unwrap()).await.unwrap();
    tonic::Status::from_header_map(answer.headers()).map(|status| status.code())
}
