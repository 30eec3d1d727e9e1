//! The `provider` block: its shape, its rules, and what comes of it: the accounts, and what holds for every resource.
//!
//! Knows how the block is written; how an account is reached is `aws::accounts`'.

mod attributes;
mod decode;
mod rules;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::Outcome;
use crate::aws::accounts::{Account, AccountError, Accounts, Pair, Wanted};
pub use crate::aws::tags::IgnoreTags;
use crate::diagnostics::Diagnostics;
use crate::schema::{Partitions, Schema, Value};

/// What a configured provider knows.
#[derive(Debug, Default)]
pub struct Configured {
    /// Something in the block is not known before the apply: plans come out unknown, reads return the prior state.
    pub unknown: bool,
    pub default_tags: BTreeMap<String, String>,
    pub ignore_tags: IgnoreTags,
    pub skip_preflight: bool,
    accounts: Accounts,
}

impl Configured {
    /// Both accounts of a connection. `workload_account` is the resource's choice among `workload_accounts`, `wanted` its cluster.
    pub async fn pair(&self, workload_account: Option<&str>, wanted: Option<Wanted<'_>>) -> Result<Pair, AccountError> {
        self.known()?.pair(workload_account, wanted).await
    }

    /// The workload account for a resource that has nothing in the cluster account.
    pub async fn workload_alone(&self, workload_account: Option<&str>) -> Result<Pair, AccountError> {
        self.known()?.workload_alone(workload_account).await
    }

    /// The account that owns the clusters.
    pub async fn cluster(&self) -> Result<Arc<Account>, AccountError> {
        self.known()?.cluster().await
    }

    /// The same, where a resource of this process has used it.
    pub fn opened_cluster(&self) -> Option<&Account> {
        self.accounts.opened_cluster()
    }

    /// The workload account that a resource chose, or the default one.
    pub async fn workload(&self, workload_account: Option<&str>) -> Result<Arc<Account>, AccountError> {
        self.known()?.workload(workload_account).await
    }

    /// With these accounts and nothing else; a plan looks at nothing.
    #[cfg(any(test, fuzzing))]
    pub fn fixture(accounts: Accounts) -> Self {
        Configured { accounts, skip_preflight: true, ..Configured::default() }
    }

    fn known(&self) -> Result<&Accounts, AccountError> {
        if self.unknown { Err(AccountError::Unknown) } else { Ok(&self.accounts) }
    }
}

/// The shape of the block.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(attributes::schema);
    &SCHEMA
}

/// Rules over several attributes; those on one attribute are declared in the schema and checked before.
pub fn validate(config: &Value) -> Diagnostics {
    rules::check(config)
}

/// The partitions that the block's regions name: ARNs of another one can be refused before AWS is asked.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    cluster: Option<&'static str>,
    workload: Option<&'static str>,
    named: BTreeMap<String, &'static str>,
}

impl Regions {
    pub fn of(config: &Value) -> Self {
        let partition = |account: &Value| account.get("region").as_str().map(crate::aws::arn::partition_of);
        let named = config.get("workload_accounts").entries().into_iter().flatten();
        Regions {
            cluster: partition(config.get("cluster_account")),
            workload: partition(config.get("workload_account")),
            named: named.filter_map(|(key, account)| Some((key.clone(), partition(account)?))).collect(),
        }
    }

    /// The partitions of the accounts that a resource with this configuration uses.
    pub fn partitions(&self, config: &Value) -> Partitions {
        let workload = match config.get("workload_account") {
            Value::Null => self.workload,
            key => key.as_str().and_then(|key| self.named.get(key).copied()),
        };
        Partitions { cluster: self.cluster, workload }
    }
}

/// From the block to what requests run with. Nothing of AWS is touched: accounts are opened on first use.
pub async fn configure(config: &Value, host_version: &str) -> Outcome<Configured> {
    tracing::debug!(host_version, "configured");
    let unknown = !config.is_wholly_known();
    let configured = if unknown { Configured { unknown, ..Configured::default() } } else { decode::configured(config) };
    Outcome::new(configured, Diagnostics::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Diagnostic;
    use crate::schema::{DecodeError, json};

    fn block(text: serde_json::Value) -> Value {
        json::decode(&text, &schema().value_type()).map_err(|e: DecodeError| e.to_string()).unwrap()
    }

    #[tokio::test]
    async fn what_the_block_says_reaches_the_resources() {
        let config = block(serde_json::json!({
            "cluster_account": {"profile": "platform", "region": "ap-south-1"},
            "default_tags": {"owner": "platform"},
            "ignore_tags": {"keys": ["last-scan"], "key_prefixes": ["cost:"]},
            "skip_preflight": true,
        }));
        let configured = configure(&config, "1.11.4").await.value;
        assert!(!configured.unknown && configured.skip_preflight);
        assert_eq!(configured.default_tags["owner"], "platform");
        assert_eq!(configured.ignore_tags, IgnoreTags { keys: vec!["last-scan".into()], key_prefixes: vec!["cost:".into()] });
    }

    #[tokio::test]
    async fn an_unknown_anywhere_makes_the_whole_unknown_and_no_account_usable() {
        let mut config = block(serde_json::json!({"cluster_account": {"region": "ap-south-1"}}));
        config.insert("default_tags", Value::map([("owner", Value::Unknown)]));
        let configured = configure(&config, "1.11.4").await.value;
        assert!(configured.unknown);
        assert_eq!(configured.cluster().await.unwrap_err(), AccountError::Unknown);
    }

    #[tokio::test]
    async fn an_account_that_is_not_there_is_refused_with_the_ones_that_are() {
        let config = block(serde_json::json!({"workload_accounts": {"payments": {"region": "ap-south-1"}, "search": {}}}));
        let configured = configure(&config, "1.11.4").await.value;
        let error = Diagnostic::from(&configured.workload(Some("paymnts")).await.unwrap_err());
        assert_eq!(error.path.to_string(), "workload_account");
        assert!(error.detail.contains("\"payments\", \"search\""), "{}", error.detail);
        let error = Diagnostic::from(&configured.workload(None).await.unwrap_err());
        assert!(error.detail.contains("no workload_account") && error.detail.contains("\"payments\""), "{}", error.detail);
        let none = configure(&block(serde_json::json!({})), "1").await.value;
        let none = Diagnostic::from(&none.workload(None).await.unwrap_err());
        assert!(none.detail.contains("Add one"), "{}", none.detail);
    }
}
