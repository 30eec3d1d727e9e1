//! The two-account AWS of tests/aws_emulator, as these tests see it: two for the whole run, each reset for each test.
//!
//! It runs in the Python environment that XEKS_VENV names (`make unit` sets it). Where that is not set, or the AWS does not start, the tests
//! fail: a test that can't run has not passed.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use xeks::aws::settings::{Endpoints, Keys, Secret, Settings};
use xeks::aws::{Accounts, Pair};
use xeks::objects::{Context, Ownership};
use xeks::provider::{self, Private, RequestContext};
use xeks::schema::json as schema_json;

pub const REGION: &str = "ap-south-1";
pub const CLUSTER: &str = "prac-eks-abhi";
pub const CLUSTER_ACCOUNT: &str = "183295435445";
pub const WORKLOAD_ACCOUNT: &str = "185863138492";

/// How many run at the same time.
const SERVERS: usize = 2;

static TURNS: Semaphore = Semaphore::const_new(SERVERS);
/// Those that no test uses.
static IDLE: Mutex<Vec<Server>> = Mutex::new(Vec::new());

struct Server {
    /// Ends by itself when this process does.
    _process: Child,
    ready: Json,
}

/// A call that changes something, in the account of this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub account: String,
    pub service: String,
    pub action: String,
}

/// The AWS, for one test alone.
pub struct Aws {
    /// Always there until it goes back to the idle ones.
    server: Option<Server>,
    _turn: SemaphorePermit<'static>,
}

impl Drop for Aws {
    /// Fails a test that got an answer that AWS's own models don't allow.
    fn drop(&mut self) {
        let wrong = if std::thread::panicking() { json!([]) } else { self.admin("violations/take", json!({}))["violations"].clone() };
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).extend(self.server.take());
        assert_eq!(wrong, json!([]), "answers that AWS would not give");
    }
}

impl Aws {
    /// Waits until one is idle.
    pub async fn lease() -> Self {
        let venv = std::env::var("XEKS_VENV").expect("XEKS_VENV names the Python environment of the two-account AWS: run `make unit`");
        let turn = TURNS.acquire().await.expect("it is never closed");
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let aws = Aws { server: Some(idle.unwrap_or_else(|| start(&venv))), _turn: turn };
        aws.admin("reset", json!({}));
        aws
    }

    /// What a resource sees: the runners' credentials, which have the least permissions that xeks needs.
    pub async fn cx(&self, resource: &[&str]) -> Context {
        self.context_of("runner", resource).await
    }

    /// Both accounts with the root users' credentials, to look and to meddle.
    pub async fn root(&self) -> Pair {
        self.pair("root").await
    }

    /// The provider as a run of Terraform configures it: both accounts signed in as their runners.
    pub async fn provider(&self) -> RequestContext {
        let account = |name: &str| {
            let (keys, url) = (&self.ready()["accounts"][name]["credentials"]["runner"], self.endpoint());
            json!({
                "region": REGION,
                "access_key": keys["access_key_id"],
                "secret_key": keys["secret_access_key"],
                "token": keys["session_token"],
                "endpoints": {"eks": url, "iam": url, "sts": url, "ec2": url},
            })
        };
        let block = json!({"cluster_account": account("cluster"), "workload_account": account("workload")});
        let block = schema_json::decode(&block, &provider::schema().value_type()).expect("a provider block");
        let provider = Arc::new(provider::configure(&block, "1.0.0").await.value);
        RequestContext { provider, stop: CancellationToken::new(), private: Private::default() }
    }

    pub fn admin(&self, route: &str, body: Json) -> Json {
        serde_json::from_str(&self.post(&format!("/_xeks/{route}"), "", &body.to_string())).expect("JSON")
    }

    /// The body of an answer.
    fn post(&self, path: &str, head: &str, body: &str) -> String {
        let endpoint = self.endpoint().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&endpoint).expect("the AWS answers");
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {endpoint}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).expect("the request goes out");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() }
    }

    /// Creates a VPC, which the provider's own client can't. The emulator takes the caller's word for a signature.
    pub fn create_vpc(&self, account: &str, region: &str, block: &str) -> String {
        let key = self.ready()["accounts"][account]["credentials"]["root"]["access_key_id"].as_str().expect("a key");
        let scope = format!("Credential={key}/20260101/{region}/ec2/aws4_request, SignedHeaders=host, Signature=0");
        let head = format!("Content-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 {scope}\r\n");
        let answer = self.post("/", &head, &format!("Action=CreateVpc&Version=2016-11-15&CidrBlock={}", block.replace('/', "%2F")));
        let id = answer.split_once("<vpcId>").and_then(|(_, rest)| rest.split_once("</vpcId>")).map(|(id, _)| id.to_owned());
        id.unwrap_or_else(|| panic!("no VPC: {answer}"))
    }

    /// Everything there is, for a comparison of before and after.
    pub fn dump(&self) -> Json {
        self.admin("dump", json!({}))
    }

    /// Everything but peering connections that are gone, which AWS goes on showing, and their tags.
    pub fn left(&self) -> Json {
        let mut dump = self.dump();
        for account in dump.as_object_mut().unwrap().values_mut() {
            let Some(stores) = account["ec2"].as_object_mut() else { continue };
            let peerings = stores.remove("vpc_peering").unwrap_or_default();
            let is_gone = |peering: &Json| matches!(peering["Status"]["Code"].as_str(), Some("deleted" | "deleting" | "failed"));
            let gone: Vec<String> =
                peerings.as_object().into_iter().flatten().filter(|(_, p)| is_gone(p)).map(|(k, _)| k.clone()).collect();
            let live: BTreeMap<_, _> = peerings.as_object().into_iter().flatten().filter(|(_, p)| !is_gone(p)).collect();
            let mut kept = json!({});
            for (key, tags) in stores.remove("tags").unwrap_or_default().as_object().into_iter().flatten() {
                let id = key.rsplit('/').next().unwrap_or(key);
                if !gone.iter().any(|gone| gone.ends_with(id)) {
                    kept[key] = tags.clone();
                }
            }
            stores.insert("tags".into(), kept);
            stores.insert("live".into(), json!(live));
        }
        dump
    }

    /// The names of the calls since the last time, in order.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.admin("calls/list", json!({"since": 0}));
        self.admin("calls/clear", json!({}));
        let name = |c: &Json| format!("{}:{}", c["service"].as_str().unwrap_or(""), c["action"].as_str().unwrap_or(""));
        calls["calls"].as_array().expect("a list").iter().map(name).filter(|n| n != "sts:GetCallerIdentity").collect()
    }

    /// Those of the calls that change something.
    pub fn writes(&self) -> Vec<String> {
        let reads = |call: &String| ["Get", "List", "Describe"].iter().any(|r| call.split(':').nth(1).is_some_and(|a| a.starts_with(r)));
        self.calls().into_iter().filter(|c| !reads(c)).collect()
    }

    /// Every different call since the log was cleared that changes something.
    pub fn different_writes(&self) -> Vec<Write> {
        let calls = self.admin("calls/list", json!({"since": 0}));
        let text = |call: &Json, name: &str| call[name].as_str().unwrap_or_default().to_owned();
        let calls = calls["calls"].as_array().expect("a list").iter();
        let calls = calls.map(|c| Write { account: text(c, "account"), service: text(c, "service"), action: text(c, "action") });
        let mut writes: Vec<Write> = Vec::new();
        for call in calls.filter(|c| !["Get", "List", "Describe", "Assume"].iter().any(|read| c.action.starts_with(read))) {
            if !writes.contains(&call) {
                writes.push(call);
            }
        }
        writes
    }

    fn endpoint(&self) -> &str {
        self.ready()["endpoint"].as_str().expect("an endpoint")
    }

    fn ready(&self) -> &Json {
        &self.server.as_ref().expect("a server").ready
    }

    async fn context_of(&self, caller: &str, resource: &[&str]) -> Context {
        Context {
            pair: self.pair(caller).await,
            region: REGION.into(),
            ownership: Ownership::new(resource),
            deadline: tokio::time::Instant::now() + Duration::from_secs(300),
            stop: CancellationToken::new(),
            recorded: Default::default(),
            forced: Default::default(),
            missing: Default::default(),
            warnings: Default::default(),
            held: Default::default(),
            look: Default::default(),
            absences: Default::default(),
        }
    }

    async fn pair(&self, caller: &str) -> Pair {
        let settings = |account: &str| {
            let keys = &self.ready()["accounts"][account]["credentials"][caller];
            let secret = |name: &str| keys[name].as_str().map(Secret::new);
            let url = Some(self.endpoint().to_owned());
            Settings {
                region: Some(REGION.into()),
                keys: Some(Keys {
                    access_key: secret("access_key_id").expect("a key"),
                    secret_key: secret("secret_access_key").expect("a secret"),
                    token: secret("session_token"),
                }),
                endpoints: Endpoints { eks: url.clone(), iam: url.clone(), sts: url.clone(), ec2: url },
                ..Settings::default()
            }
        };
        let accounts = Accounts::new(settings("cluster"), Some(settings("workload")), BTreeMap::new(), false);
        accounts.pair(None, None).await.expect("both accounts")
    }
}

/// What an engine's error says, as far as AWS or the object says it.
pub fn text(error: &xeks::engine::Error<xeks::aws::Error>) -> String {
    use xeks::engine::Error::{Create, Delete, Missing, Read, Update};
    match error {
        Read(error) | Create(error) | Update(error) | Delete(error) => error.to_string(),
        Missing(what) => what.clone(),
        other => format!("{other:?}"),
    }
}

fn start(venv: &str) -> Server {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws_emulator");
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let ready = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("aws-{}-{number}.json", std::process::id()));
    let mut command = Command::new(Path::new(venv).join("bin/python"));
    command.args(["-m", "aws_emulator", "serve", "--story", "--ready-file"]).arg(&ready).env("PYTHONPATH", home);
    let mut process = command.spawn().unwrap_or_else(|e| panic!("XEKS_VENV={venv} has no Python that runs: {e}"));
    let began = Instant::now();
    while !ready.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the AWS of tests/aws_emulator is not ready after a minute");
        if let Some(status) = process.try_wait().expect("the process can be asked") {
            panic!("the AWS of tests/aws_emulator ended with {status}: is {venv} installed from tests/aws_emulator/requirements.txt?");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = std::fs::read_to_string(&ready).expect("the ready file");
    std::fs::remove_file(&ready).ok();
    Server { _process: process, ready: serde_json::from_str(&text).expect("JSON") }
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        if size == 0 {
            break;
        }
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}
