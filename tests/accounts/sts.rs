//! An STS (and the one call of single sign-on) that takes any key and writes down every call.
//!
//! `AKIA<account>` is a user of that account; an assumed role's session has the key `ASIA<account><role>`. The role `denied` is
//! refused, and sessions of the role `short` are about to end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// One call, as it came in.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub action: String,
    pub parameters: BTreeMap<String, String>,
    /// Empty where the call is not signed.
    pub access_key: String,
    pub user_agent: String,
    /// The request line's target: a whole URL where the call came through a proxy.
    pub target: String,
}

#[derive(Clone)]
pub struct Sts {
    url: String,
    certificate: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    refusals: BTreeMap<String, Refusal>,
}

/// How the next calls of an action are refused.
#[derive(Clone)]
struct Refusal {
    left: usize,
    code: String,
    message: String,
}

impl Sts {
    pub fn start() -> Self {
        Self::serve(None, String::new(), "http")
    }

    /// Behind TLS, with a certificate that no authority of the system has signed.
    pub fn start_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = made.cert.der().to_vec();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(der.clone())], key)
            .unwrap();
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        Self::serve(Some(Arc::new(config)), pem, "https")
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    pub fn all(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    pub fn seen(&self, action: &str) -> Vec<Seen> {
        self.all().into_iter().filter(|call| call.action == action).collect()
    }

    /// Refuses the first calls of an action, so many.
    pub fn refuse_first(&self, action: &str, count: usize) {
        self.refuse_with(action, count, "AccessDenied", "Not you.");
    }

    /// Refuses the first calls of an action, so many, with this code and message.
    pub fn refuse_with(&self, action: &str, count: usize, code: &str, message: &str) {
        let refusal = Refusal { left: count, code: code.to_owned(), message: message.to_owned() };
        self.state.lock().unwrap().refusals.insert(action.to_owned(), refusal);
    }

    fn serve(tls: Option<Arc<rustls::ServerConfig>>, certificate: String, scheme: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let sts = Sts { url, certificate, state: Arc::default() };
        let serving = sts.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sts, tls) = (serving.clone(), tls.clone());
                std::thread::spawn(move || sts.connection(stream, tls));
            }
        });
        sts
    }

    fn connection(&self, stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) {
        match tls {
            None => self.exchange(stream),
            Some(config) => self.exchange(rustls::StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), stream)),
        }
    }

    /// One request and its answer; `None`-like ends (a client that hangs up) are silent.
    fn exchange(&self, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let method = line.split(' ').next().unwrap_or_default().to_owned();
        let mut call = Seen { target: line.split(' ').nth(1).unwrap_or_default().to_owned(), ..Seen::default() };
        let mut length = 0;
        loop {
            let mut header = String::new();
            if stream.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "user-agent" => call.user_agent = value.trim().to_owned(),
                "authorization" => {
                    let key = value.split_once("Credential=").and_then(|(_, rest)| rest.split_once('/'));
                    call.access_key = key.map(|(key, _)| key.to_owned()).unwrap_or_default();
                }
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        call.parameters = form(&String::from_utf8(body).unwrap());
        call.action = match call.parameters.get("Action") {
            Some(action) => action.clone(),
            None if method == "CONNECT" => method,
            None => "GetRoleCredentials".into(),
        };
        let (status, kind, text) = self.answer(&call);
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nx-amzn-requestid: r-1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        let stream = stream.get_mut();
        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
    }

    fn answer(&self, call: &Seen) -> (u16, &'static str, String) {
        let mut state = self.state.lock().unwrap();
        state.seen.push(call.clone());
        let refused = state.refusals.get_mut(&call.action).filter(|refusal| refusal.left > 0).map(|refusal| {
            refusal.left -= 1;
            refusal.clone()
        });
        let denied = |code: &str, message: &str| {
            let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
            (403, "text/xml", format!("<ErrorResponse>{error}</ErrorResponse>"))
        };
        let result = match call.action.as_str() {
            // IAM Identity Center's portal answers in JSON, with the code in a header that clients also look for in the body.
            "GetRoleCredentials" if let Some(Refusal { code, message, .. }) = &refused => {
                return (401, "application/json", format!(r#"{{"__type": "{code}", "message": "{message}"}}"#));
            }
            _ if let Some(Refusal { code, message, .. }) = &refused => return denied(code, message),
            "CONNECT" => return (502, "text/plain", String::new()),
            "GetRoleCredentials" => {
                let account = call.target.split_once("account_id=").map_or("", |(_, rest)| &rest[..12]);
                let keys = format!(r#""accessKeyId": "AKIA{account}", "secretAccessKey": "s", "sessionToken": "t""#);
                return (200, "application/json", format!(r#"{{"roleCredentials": {{{keys}, "expiration": 4070908800000}}}}"#));
            }
            "GetCallerIdentity" => {
                let (kind, rest) = call.access_key.split_at(4.min(call.access_key.len()));
                let (account, role) = rest.split_at(12.min(rest.len()));
                let arn = match kind {
                    "ASIA" => format!("arn:aws:sts::{account}:assumed-role/{role}/xeks"),
                    _ => format!("arn:aws:iam::{account}:user/someone"),
                };
                format!("<Account>{account}</Account><Arn>{arn}</Arn><UserId>U</UserId>")
            }
            "AssumeRole" | "AssumeRoleWithWebIdentity" => {
                let role_arn = &call.parameters["RoleArn"];
                let (account, role) = (role_arn.split(':').nth(4).unwrap(), role_arn.rsplit('/').next().unwrap());
                if role == "denied" {
                    return denied("AccessDenied", "Not you.");
                }
                let end = if role == "short" { in_a_minute() } else { "2099-01-01T00:00:00Z".into() };
                format!(
                    "<Credentials><AccessKeyId>ASIA{account}{role}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                     <SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>\
                     <AssumedRoleUser><AssumedRoleId>A:xeks</AssumedRoleId><Arn>{role_arn}</Arn></AssumedRoleUser>"
                )
            }
            other => panic!("an unexpected call: {other}"),
        };
        let action = &call.action;
        (200, "text/xml", format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"))
    }
}

fn in_a_minute() -> String {
    let end = time::OffsetDateTime::now_utc() + time::Duration::minutes(1);
    end.format(&time::format_description::well_known::Rfc3339).unwrap()
}

fn form(body: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}
