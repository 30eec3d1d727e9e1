//! One case: a provider block in an environment of its own, and the child process that configures the provider from it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};
use xeks::aws::Side;
use xeks::diagnostics::Diagnostic;
use xeks::provider::{configure, schema, validate};
use xeks::schema::json::decode;

use crate::sts::Sts;

/// One run of the child: a provider block, files, an environment, and the STS that it meets.
pub struct Case {
    pub sts: Sts,
    pub home: PathBuf,
    block: Json,
    environment: Vec<(String, String)>,
}

impl Case {
    pub fn new(block: Json) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let sts = Sts::start();
        let home = std::env::temp_dir().join(format!("xeks-accounts-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(home.join(".aws")).unwrap();
        let environment = [
            ("HOME", home.to_str().unwrap()),
            ("AWS_REGION", "ap-south-1"),
            ("AWS_ENDPOINT_URL", &sts.url()),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Case { sts, home, block, environment }
    }

    pub fn block(mut self, block: Json) -> Self {
        self.block = block;
        self
    }

    /// A file under `~/.aws`.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.home.join(".aws").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn env(self, name: &str, value: &str) -> Self {
        let mut case = self.without(name);
        case.environment.push((name.to_owned(), value.to_owned()));
        case
    }

    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The pair that the child was given.
    pub fn pair(&self) -> Json {
        let result = self.run().remove(0);
        assert!(result.get("cluster").is_some(), "{result}");
        result
    }

    /// The diagnostic that the child was given.
    pub fn refused(&self) -> Json {
        let result = self.run().remove(0);
        assert!(result.get("summary").is_some(), "{result}");
        result
    }

    pub fn run(&self) -> Vec<Json> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "case::child", "--ignored", "--nocapture"])
            .env_clear()
            .envs(self.environment.iter().map(|(n, v)| (n, v)))
            .env("CHILD_BLOCK", self.block.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        text.lines().filter_map(|line| line.split_once("RESULT ")).map(|(_, json)| serde_json::from_str(json).unwrap()).collect()
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// What runs in the child process: configures the provider from CHILD_BLOCK, opens the accounts, prints what came of it.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn child() {
    let number = |name: &str, default: usize| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let block = serde_json::from_str(&std::env::var("CHILD_BLOCK").unwrap()).unwrap();
        let config = decode(&block, &schema().value_type()).unwrap();
        let mut refused = schema().validate(&config);
        refused.extend(validate(&config));
        assert!(refused.is_empty(), "{refused:?}");
        let provider = configure(&config, "1.11.4").await.value;
        let key = std::env::var("CHILD_KEY").ok();
        for _ in 0..=number("CHILD_AGAIN", 0) {
            let pairs = (0..number("CHILD_PAIRS", 1)).map(|_| provider.pair(key.as_deref(), None));
            let Some(result) = futures::future::join_all(pairs).await.pop() else { return };
            if let Ok(pair) = &result {
                for _ in 0..number("CHILD_CALLS", 0) {
                    pair.side(Side::Cluster).sts().get_caller_identity().send().await.unwrap();
                }
            }
            let side = |account: &xeks::aws::Account| {
                let identity = account.identity();
                json!({"account_id": identity.account_id, "arn": identity.arn, "label": account.label(), "region": account.region()})
            };
            let json = match result {
                Ok(pair) => json!({"cluster": side(pair.side(Side::Cluster)), "workload": side(pair.side(Side::Workload))}),
                Err(error) => {
                    let diagnostic = Diagnostic::from(&error);
                    json!({"summary": diagnostic.summary, "detail": diagnostic.detail, "unreachable": error.is_unreachable()})
                }
            };
            println!("RESULT {json}");
        }
    });
}
