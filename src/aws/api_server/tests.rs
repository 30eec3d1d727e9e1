use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::settings::Secret;
use super::*;
use crate::secrets;

const TOKEN: &str = "k8s-aws-v1.aHR0cHM6Ly9zdHMuYXAtc291dGgtMS5hbWF6b25hd3MuY29tLz9BY3Rpb249R2V0Q2FsbGVySWRlbnRpdHk_WC1BbXotU2lnbmF0dXJl-x";

fn account() -> Account {
    let http = aws_smithy_runtime_api::client::http::http_client_fn(|_, _| unreachable!("nothing is called"));
    Account::fixture(crate::aws::Side::Cluster, "183295435445", "ap-south-1", http)
}

fn token() -> Token {
    Token { text: Secret::new(TOKEN), expires_at: std::time::SystemTime::UNIX_EPOCH }
}

/// A certificate for this machine, its key, and its authority as EKS writes it.
fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(made.cert.der()));
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    (made.cert.der().clone(), key, STANDARD.encode(pem))
}

/// A listener of this machine that counts the connections to it and answers none.
async fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (address, count)
}

/// An API server with a certificate of its own authority that does this with each request.
async fn serving<F, Fut>(answer: F) -> ApiServer
where
    F: Fn(TlsStream<TcpStream>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (certificate, key, authority) = certificate();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut request = [0; 16 * 1024];
            let length = stream.read(&mut request).await.unwrap();
            assert!(String::from_utf8_lossy(&request[..length]).contains(TOKEN));
            answer(stream).await;
        }
    });
    ApiServer::new(&account(), &endpoint, &authority).unwrap()
}

/// An API server that gives this answer.
async fn answering(status: u16, headers: &str, body: String) -> ApiServer {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    serving(move |mut stream| {
        let answer = format!("{head}{body}");
        async move {
            stream.write_all(answer.as_bytes()).await.unwrap();
            // The client may be gone.
            let _ = stream.shutdown().await;
        }
    })
    .await
}

async fn refusal(message: &str) -> Silence {
    answering(403, "", json!({"message": message}).to_string()).await.who_am_i(&token()).await.unwrap_err()
}

#[test]
fn a_wrong_certificate_is_told_from_a_missing_answer() {
    let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let wrapped = std::io::Error::other(std::io::Error::new(std::io::ErrorKind::InvalidData, tls));
    assert!(matches!(silence(&wrapped), Silence::Certificate(why) if why.contains("UnknownIssuer")));
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(silence(&refused), Silence::Unreachable("connection refused".into()));
}

#[tokio::test]
async fn an_answer_says_who_the_bearer_is() {
    let review = json!({"status": {"userInfo": {"username": "arn:aws:sts::1:assumed-role/app/i-1", "groups": ["b", "a"]}}});
    let user = answering(201, "", review.to_string()).await.who_am_i(&token()).await.unwrap();
    assert_eq!(user, User { name: "arn:aws:sts::1:assumed-role/app/i-1".into(), groups: vec!["a".into(), "b".into()] });
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", silent.local_addr().unwrap());
    let server = ApiServer::new(&account(), &endpoint, &certificate().2).unwrap();
    assert_eq!(server.who_am_i(&token()).await, Err(Silence::Unreachable("no response within 15 s".into())));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_is_given_up() {
    let server = serving(|mut stream| async move {
        let mut alive = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.is_ok();
        while alive {
            tokio::time::sleep(Duration::from_secs(1)).await;
            alive = stream.write_all(b" ").await.is_ok();
        }
    });
    assert_eq!(server.await.who_am_i(&token()).await, Err(Silence::Unreachable("no response within 15 s".into())));
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_one_mebibyte() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let server = serving(move |mut stream| {
        let sent = count.clone();
        async move {
            let mut alive = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok();
            while alive && sent.load(Ordering::SeqCst) < 64 * LARGEST {
                alive = stream.write_all(&[b' '; 64 * 1024]).await.is_ok();
                sent.fetch_add(64 * 1024, Ordering::SeqCst);
            }
        }
    });
    assert_eq!(server.await.who_am_i(&token()).await, Err(Silence::Other("the response is larger than 4 MiB".into())));
    // What fits into the buffers of both sides may be under way.
    assert!(sent.load(Ordering::SeqCst) < 32 * LARGEST, "{} bytes", sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_token_is_sent_to_https_alone() {
    let (address, connections) = counting().await;
    let (_, _, authority) = certificate();
    for endpoint in [format!("http://{address}"), format!("HTTP://{address}"), address, "https://".into(), "https://user@host".into()] {
        match ApiServer::new(&account(), &endpoint, &authority) {
            Ok(server) => panic!("{endpoint}: {:?}", server.who_am_i(&token()).await),
            Err(refused) => assert!(matches!(&refused, Silence::Settings(why) if why.contains("not https://HOST")), "{refused:?}"),
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for scheme in ["http", "https"] {
        let (address, connections) = counting().await;
        let headers = format!("location: {scheme}://{address}/apis\r\n");
        let server = answering(307, &headers, String::new()).await;
        assert_eq!(server.who_am_i(&token()).await, Err(Silence::Other("HTTP status 307".into())));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(connections.load(Ordering::SeqCst), 0, "{scheme}");
    }
}

/// Ways in which a server may write the token that it was given.
fn echoes() -> Vec<(&'static str, String)> {
    let split = |between: &str, every: usize| {
        TOKEN.chars().enumerate().map(|(i, c)| if i % every == every - 1 { format!("{c}{between}") } else { c.to_string() }).collect()
    };
    vec![
        ("plain", TOKEN.to_owned()),
        ("header", format!("Authorization: Bearer {TOKEN}")),
        ("base64", STANDARD.encode(TOKEN)),
        ("base64 of the header", STANDARD.encode(format!("Authorization: Bearer {TOKEN}"))),
        ("base64url", URL_SAFE_NO_PAD.encode(format!("Bearer {TOKEN}"))),
        ("URL-encoded", utf8_percent_encode(TOKEN, NON_ALPHANUMERIC).to_string()),
        ("every byte URL-encoded", TOKEN.bytes().map(|b| format!("%{b:02X}")).collect()),
        ("escapes of JSON within JSON", TOKEN.bytes().map(|b| format!("\\u{b:04x}")).collect()),
        ("line breaks of JSON within JSON", split("\\n", 3)),
        ("control characters", split("\u{0}\u{8}\n", 3)),
        ("escape sequences", split("\u{1b}[31m\u{1b}]0;x\u{7}", 3)),
        ("invisible characters", split("\u{200b}\u{e0061}", 3)),
        ("spaces", split(" ", 5)),
        ("a half", TOKEN[20..80].to_owned()),
        ("a half at the end", format!("{}{}", "x".repeat(980), &TOKEN[11..])),
    ]
}

/// Whether eight characters of the token in a row are left, as it is, URL-encoded or in base64.
fn has_token(text: &str) -> bool {
    let forms = secrets::forms(TOKEN);
    let windows = forms.iter().flat_map(|form| form.as_bytes().windows(8));
    windows.into_iter().any(|part| text.as_bytes().windows(8).any(|window| window == part))
}

#[tokio::test]
async fn a_message_does_not_repeat_the_token() {
    for (what, echo) in echoes() {
        let Silence::Forbidden(message) = refusal(&format!("you are {echo}")).await else { panic!("{what}") };
        assert!(!has_token(&message) && message.contains(secrets::HIDDEN), "{what}: {message}");
    }
}

#[tokio::test]
async fn the_names_of_a_user_and_of_its_groups_do_not_repeat_the_token() {
    for (what, echo) in echoes() {
        let review = json!({"status": {"userInfo": {"username": echo, "groups": [echo, "system:authenticated"]}}});
        let user = answering(201, "", review.to_string()).await.who_am_i(&token()).await.unwrap();
        assert!(!has_token(&user.name) && user.groups.iter().all(|group| !has_token(group)), "{what}: {user:?}");
        assert!(user.groups.contains(&"system:authenticated".to_owned()), "{what}: {user:?}");
    }
}

#[tokio::test]
async fn a_message_and_names_are_one_line_of_what_shows() {
    let said = "no\u{1b}[2J\u{1b}[1;31m\u{1b}]8;;http://evil\u{1b}\\ access\u{202e}\u{200b}\r\n\u{9b}\u{0}✔ Apply complete!\u{7}";
    let shown = "no access  ✔ Apply complete!";
    assert_eq!(refusal(said).await, Silence::Forbidden(shown.into()));
    let review = json!({"status": {"userInfo": {"username": said, "groups": [said]}}});
    let user = answering(201, "", review.to_string()).await.who_am_i(&token()).await.unwrap();
    assert_eq!(user, User { name: shown.into(), groups: vec![shown.into()] });
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let Silence::Forbidden(message) = refusal(&"a b ".repeat(10_000)).await else { panic!() };
    assert_eq!(message.chars().count(), 1025);
}

#[test]
fn an_authority_that_is_none_is_refused() {
    let account = account();
    for authority in ["!", "bm8gY2VydGlmaWNhdGU="] {
        let refused = ApiServer::new(&account, "https://127.0.0.1", authority).unwrap_err();
        assert!(matches!(&refused, Silence::Settings(why) if why.contains("the cluster's certificate authority")), "{refused:?}");
    }
}

#[test]
fn a_resource_is_found_by_every_name_that_kubectl_takes() {
    let resource = |plural: &str, kind: &str, short: &[&str]| json!({"resource": plural, "singularResource": kind.to_lowercase(), "responseKind": {"kind": kind}, "shortNames": short});
    let group = |name: &str, resources: &[Json]| json!({"metadata": {"name": name}, "versions": [{"version": "v1", "resources": resources}, {"version": "v1alpha1", "resources": [resource("olds", "Old", &[])]}]});
    let first = group("cert-manager.io", &[resource("certificates", "Certificate", &["cert"])]);
    let second = group("example.com", &[resource("certificates", "Certificate", &[])]);
    let discovered = json!({"kind": "APIGroupDiscoveryList", "items": [first, second]});
    for name in ["certificates", "certificate", "Certificate", "cert"] {
        assert_eq!(named_in(&discovered, name), Some(("cert-manager.io".into(), "certificates".into())), "{name}");
    }
    assert_eq!(named_in(&discovered, "olds"), None);
    assert_eq!(named_in(&json!({"items": "x"}), "certs"), None);
}
