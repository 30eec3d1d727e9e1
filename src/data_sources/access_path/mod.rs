//! The data source `xeks_access_path`: whether an identity gets into a cluster, hop by hop.
//!
//! Reads both sides and puts the hops together; each hop's own file says what is right and wrong with it.

mod access_policy;
mod entry;
mod live;
mod network;
mod question;
mod resources;
mod schema;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;

use self::question::Question;
use super::hops::{Chain, Hop};
use super::identity;
use super::steps::{self, Accounts};
use super::swapped;
use crate::aws::{Account, arn};
use crate::diagnostics::{Diagnostic, Diagnostics, Path};
use crate::objects::eks::cluster::{self, ClusterDescription};
use crate::provider::{DataSource, Outcome, RequestContext};
use crate::schema::{Schema, Value};

/// The data source as the registry takes it.
pub fn data_source() -> Arc<dyn DataSource> {
    Arc::new(AccessPath)
}

struct AccessPath;

#[async_trait]
impl DataSource for AccessPath {
    fn name(&self) -> &'static str {
        "xeks_access_path"
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
                config.insert("region", Value::string(region));
                Outcome::new(chain.state(config), Diagnostics::new())
            }
            Err(diagnostics) => Outcome::new(Value::Null, diagnostics),
        }
    }
}

/// The region that was looked in, and the chain.
async fn explain(context: &RequestContext, question: &Question) -> Result<(String, Chain), Diagnostics> {
    let key = question.workload_account.as_deref();
    let (account, accounts) = Accounts::of_cluster(context, key, &question.chain, question.source.is_some()).await?;
    let owner = account.identity().clone();
    let region = question.region.clone().unwrap_or_else(|| account.region().to_owned());
    let (steps, cluster) =
        futures::join!(steps::find(&accounts, &question.chain), cluster::describe_in(&account, &region, &question.cluster),);
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Ok((region, Chain::default())) };
    let cluster_found = cluster.as_ref().ok().and_then(Option::as_ref);
    let seen = last.entry_arn();
    let other = accounts.other(context, key, swapped::is_possible(&cluster)).await;
    let (door, network, hint) = futures::join!(
        entry::look(&account, &region, &question.cluster, seen.as_deref(), &cluster),
        network(accounts.workload_or(&account), &account, &region, cluster_found, question),
        swapped::hint(&cluster, &account, other.as_deref(), &region, &question.cluster),
    );

    let mut chain = Chain(vec![identity::identity(first)]);
    chain.extend(steps.windows(2).map(|pair| identity::assume_role(&pair[0], &pair[1], question.external_id.as_ref())));
    let cluster_arn = arn::cluster(&owner.partition, &region, &owner.account_id, &question.cluster);
    chain.extend([identity::role_policy(last, &cluster_arn)]);
    chain.extend(door.hops(question, &owner.account_id, &region, &steps, hint));
    chain.extend(network);
    if question.live {
        let key = question.live_as.as_deref().or(question.workload_account.as_deref());
        let account =
            context.provider.workload(key).await.map_err(|error| Diagnostic { path: Path::of("live_as"), ..Diagnostic::from(&error) })?;
        let trial = live::Trial {
            question,
            account,
            cluster: cluster_found,
            cluster_account: &owner.account_id,
            region: &region,
            steps: &steps,
            entry_created_at: door.created_at(),
            stop: &context.stop,
        };
        trial.run(&mut chain).await;
    }
    Ok((region, chain))
}

/// The network path from the source, if one is set, to an existing cluster.
async fn network(workload: &Account, owner: &Account, region: &str, cluster: Option<&ClusterDescription>, question: &Question) -> Vec<Hop> {
    let (Some(source), Some(cluster)) = (&question.source, cluster) else { return Vec::new() };
    network::hops(workload, owner, region, cluster, source).await
}
