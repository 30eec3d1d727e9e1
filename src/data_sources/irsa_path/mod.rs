//! The data source `xeks_irsa_path`: whether the pods of a service account get a role, and what it may do, hop by hop.
//!
//! Reads both sides and puts the hops together; each hop's own file says what is right and wrong with it.

mod permissions;
mod provider;
mod question;
mod schema;
mod trust;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;

use self::question::Question;
use super::hops::{Chain, Hop};
use super::identity::assume_role;
use super::steps::{self, Accounts};
use super::swapped;
use crate::aws::{Account, arn};
use crate::diagnostics::Diagnostics;
use crate::objects::eks::cluster;
use crate::provider::{DataSource, Outcome, RequestContext};
use crate::schema::{Schema, Value};

const ISSUER: &str = "issuer";

/// The data source as the registry takes it.
pub fn data_source() -> Arc<dyn DataSource> {
    Arc::new(IrsaPath)
}

struct IrsaPath;

#[async_trait]
impl DataSource for IrsaPath {
    fn name(&self) -> &'static str {
        "xeks_irsa_path"
    }

    fn schema(&self) -> &Schema {
        static SCHEMA: LazyLock<Schema> = LazyLock::new(schema::schema);
        &SCHEMA
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        schema::validate(config)
    }

    async fn read(&self, context: &RequestContext, mut config: Value) -> Outcome<Value> {
        let question = Question::of(&config);
        match explain(context, &question).await {
            Ok((region, chain)) => {
                config.insert("region", Value::optional_string(region));
                Outcome::new(chain.state(config), Diagnostics::new())
            }
            Err(diagnostics) => Outcome::new(Value::Null, diagnostics),
        }
    }
}

/// Who issues the tokens.
enum Source<'a> {
    /// The issuer itself: no cluster is asked.
    Issuer(&'a str),
    Cluster {
        owner: Arc<Account>,
        region: String,
        name: &'a str,
    },
}

/// The region that was looked in, and the chain.
async fn explain(context: &RequestContext, question: &Question) -> Result<(Option<String>, Chain), Diagnostics> {
    let chain: Vec<String> = question.pod_role.iter().chain([&question.role]).cloned().collect();
    let key = question.workload_account.as_deref();
    let (accounts, source) = match &question.issuer {
        Some(url) => (Accounts::of_workload(context, key, &chain, question.pod_role.is_some()).await?, Source::Issuer(url)),
        None => {
            let (owner, accounts) = Accounts::of_cluster(context, key, &chain, false).await?;
            let region = question.region.clone().unwrap_or_else(|| owner.region().to_owned());
            (accounts, Source::Cluster { owner, region, name: question.cluster.as_deref().unwrap_or_default() })
        }
    };
    let (steps, (issuer, first)) = futures::join!(steps::find(&accounts, &chain), issuer(&source, &accounts, context, key));
    let (Some(taker), Some(role)) = (steps.first(), steps.last()) else { return Ok((None, Chain::default())) };
    let providers = provider::look(&accounts, taker, issuer.as_deref()).await;

    let mut hops = Chain(vec![first, provider::hop(&providers, taker, question), trust::hop(&providers, taker, question)]);
    if question.pod_role.is_some() {
        hops.extend([assume_role(taker, role, question.external_id.as_ref())]);
    }
    hops.extend([permissions::hop(role, question)]);
    let region = match source {
        Source::Cluster { region, .. } => Some(region),
        Source::Issuer(_) => None,
    };
    Ok((region, hops))
}

/// The issuer's name without `https://`, where it is known, and the hop that tells of it.
async fn issuer(source: &Source<'_>, accounts: &Accounts, context: &RequestContext, key: Option<&str>) -> (Option<String>, Hop) {
    let (account, region, name) = match source {
        Source::Cluster { owner, region, name } => (owner, region, *name),
        Source::Issuer(url) => {
            let reason = "The issuer is set in the configuration. Whether a cluster uses it can't be read from here.";
            return (Some(arn::issuer_host(url).to_owned()), Hop::external(ISSUER, *url, reason));
        }
    };
    let owner = &account.identity().account_id;
    let object = arn::cluster(&account.identity().partition, region, owner, name);
    let found = cluster::describe_in(account, region, name).await;
    let other = accounts.other(context, key, swapped::is_possible(&found)).await;
    let hint = swapped::hint(&found, account, other.as_deref(), region, name).await;
    let (issuer, hop) = match found {
        Err(error) => (None, Hop::unreadable(ISSUER, object, &error).or_fix(hint)),
        Ok(None) => {
            let reason = format!("No cluster {name} exists in region {region} of account {owner}.");
            let hop = Hop::broken(ISSUER, object, reason, "Correct cluster_name, region or the provider's cluster_account.");
            (None, hop.or_fix(hint))
        }
        Ok(Some(cluster)) => match cluster.issuer {
            Some(url) => {
                let reason = format!("{url} issues the tokens of the cluster's service accounts.");
                (Some(arn::issuer_host(&url).to_owned()), Hop::ok(ISSUER, object, reason))
            }
            None => {
                let status = cluster.status.as_deref().unwrap_or("in an unknown state");
                let reason = format!("The cluster is {status} and has no OIDC issuer yet.");
                (None, Hop::broken(ISSUER, object, reason, "Wait until the cluster is ACTIVE."))
            }
        },
    };
    (issuer, hop.in_account(owner))
}
