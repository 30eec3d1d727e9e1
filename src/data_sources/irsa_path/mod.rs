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
use crate::aws::arn;
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

/// The region that was looked in, and the chain.
async fn explain(context: &RequestContext, question: &Question) -> Result<(Option<String>, Chain), Diagnostics> {
    let accounts = Accounts::of_provider(context, question.workload_account.as_deref()).await?;
    let region = question.region.clone().unwrap_or_else(|| accounts.cluster.region().to_owned());
    let chain: Vec<String> = question.pod_role.iter().chain([&question.role]).cloned().collect();
    let (steps, (issuer, first)) = futures::join!(steps::find(&accounts, &chain), issuer(&accounts, &region, question));
    let (Some(taker), Some(role)) = (steps.first(), steps.last()) else { return Ok((None, Chain::default())) };
    let providers = provider::look(&accounts, taker, issuer.as_deref()).await;

    let mut hops = Chain(vec![first, provider::hop(&providers, taker, question), trust::hop(&providers, taker, question)]);
    if question.pod_role.is_some() {
        hops.extend([assume_role(taker, role, question.external_id.as_ref())]);
    }
    hops.extend([permissions::hop(role, question)]);
    Ok((question.cluster.as_ref().map(|_| region), hops))
}

/// The issuer's name without `https://`, where it is known, and the hop that tells of it.
async fn issuer(accounts: &Accounts, region: &str, question: &Question) -> (Option<String>, Hop) {
    if let Some(url) = &question.issuer {
        return (
            Some(arn::issuer_host(url).to_owned()),
            Hop::external(ISSUER, url, "The issuer is set in the configuration. Whether a cluster uses it can't be read from here."),
        );
    }
    let name = question.cluster.as_deref().unwrap_or_default();
    let owner = &accounts.cluster.identity().account_id;
    let object = arn::cluster(&accounts.cluster.identity().partition, region, owner, name);
    let (issuer, hop) = match cluster::describe_in(&accounts.cluster, region, name).await {
        Err(error) => (None, Hop::unreadable(ISSUER, object, &error)),
        Ok(None) => {
            let reason = format!("No cluster {name} exists in region {region} of account {owner}.");
            (None, Hop::broken(ISSUER, object, reason, "Correct cluster_name, region or the provider's cluster_account."))
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
