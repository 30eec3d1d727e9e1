//! The data source `xeks_runner_policy`: the least IAM permissions that a pipeline needs for the resources named, per account.
//!
//! Pure: it asks AWS for nothing but the two account ids, and not for those where they are given.

mod access;
mod containment;
mod grants;
mod peering;
mod place;
mod reads;
mod roles;
mod schema;
mod trust;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;

use self::grants::{Grants, MANAGED_LIMIT};
use self::place::{Place, text};
use crate::aws::accounts::{Account, AccountError};
use crate::aws::{arn, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::provider::{DataSource, Outcome, RequestContext};
use crate::schema::{Schema, Value};

/// The data source as the registry takes it.
pub fn data_source() -> Arc<dyn DataSource> {
    Arc::new(RunnerPolicy)
}

struct RunnerPolicy;

/// Both accounts and what is to be allowed in each.
struct Sides {
    cluster: Side,
    workload: Side,
}

struct Side {
    place: Place,
    grants: Grants,
}

#[async_trait]
impl DataSource for RunnerPolicy {
    fn name(&self) -> &'static str {
        "xeks_runner_policy"
    }

    fn schema(&self) -> &Schema {
        static SCHEMA: LazyLock<Schema> = LazyLock::new(schema::schema);
        &SCHEMA
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        schema::validate(config)
    }

    async fn read(&self, context: &RequestContext, config: Value) -> Outcome<Value> {
        match sides(context, &config).await {
            Ok(sides) => written(config, sides),
            Err(error) => Outcome::new(Value::Null, error.into()),
        }
    }
}

fn written(mut config: Value, mut sides: Sides) -> Outcome<Value> {
    for wanted in config.get("cross_account_access").members() {
        access::grant(&mut sides, wanted);
    }
    for wanted in config.get("irsa_trust").members() {
        trust::grant(&mut sides, wanted);
    }
    for wanted in config.get("cluster_peering").members() {
        peering::grant(&mut sides, wanted);
    }
    reads::grant(&mut sides, &config.get("data_sources").strings());

    let mut diagnostics = Diagnostics::new();
    let Sides { cluster, workload } = sides;
    for (name, side) in [("cluster", cluster), ("workload", workload)] {
        let document = side.grants.document();
        if document.as_ref().is_some_and(|document| containment::is_administration(&side.place, document)) {
            containment::warn(name, &side.place, &mut diagnostics);
        }
        if let Some(size) = document.as_ref().map(policy::size).filter(|size| *size > MANAGED_LIMIT) {
            diagnostics.warning(
                Path::of(&format!("{name}_policy")),
                format!("The policy for the {name} account is too long for a managed policy"),
                format!(
                    "It has {size} characters; IAM allows {MANAGED_LIMIT} in a managed policy. Use wildcards in names, remove what you \
                     don't use, or create several policies, each from its own xeks_runner_policy: a role can have ten managed policies."
                ),
            );
        }
        let text = document.as_ref().map(policy::canonical_text);
        config.insert(&format!("{name}_policy"), Value::optional_string(text));
        // An account that nothing is allowed in was not looked up.
        config.insert(&format!("{name}_account_id"), Value::optional_string(Some(side.place.account_id).filter(|id| !id.is_empty())));
    }
    Outcome::new(config, diagnostics)
}

/// Where the two sides are: as given, else as the provider's accounts say. An account that nothing is asked for is not touched.
async fn sides(context: &RequestContext, config: &Value) -> Result<Sides, AccountError> {
    let key = text(config, "workload_account");
    let needs = needs(config);
    let (cluster, workload) = futures::join!(
        async {
            let asks = needs.cluster && config.get("cluster_account_id").is_null();
            if asks { context.provider.cluster().await.map(Some) } else { Ok(None) }
        },
        async {
            let asks = needs.workload && config.get("workload_account_id").is_null();
            if asks { context.provider.workload(key.as_deref()).await.map(Some) } else { Ok(None) }
        },
    );
    let (cluster, workload) = (cluster?, workload?);
    // Each side's own: a federated trust may be of another partition than its cluster.
    let partition_of = |account: &Option<Arc<Account>>| account.as_ref().map(|account| account.identity().partition.clone());
    let region = text(config, "region");
    let of_region = region.as_deref().filter(|region| *region != "*").map(|region| arn::partition_of(region).to_owned());
    let [of_cluster, of_workload] = [&cluster, &workload].map(partition_of);
    let otherwise = of_cluster.or(of_workload).or(of_region).unwrap_or_else(|| "aws".into());
    let side = |account: Option<Arc<Account>>, id: &str| Side {
        place: Place {
            partition: text(config, "partition").or_else(|| partition_of(&account)).unwrap_or_else(|| otherwise.clone()),
            account_id: account.map(|a| a.identity().account_id.clone()).or_else(|| text(config, id)).unwrap_or_default(),
            region: region.clone().unwrap_or_else(|| "*".into()),
        },
        grants: Grants::default(),
    };
    Ok(Sides { cluster: side(cluster, "cluster_account_id"), workload: side(workload, "workload_account_id") })
}

/// The sides on which something is asked for.
struct Needs {
    cluster: bool,
    workload: bool,
}

fn needs(config: &Value) -> Needs {
    let given = |name: &str| !config.get(name).members().is_empty();
    let (connections, reads) = (given("cross_account_access") || given("cluster_peering"), config.get("data_sources").strings());
    let trusts = config.get("irsa_trust").members();
    let of_clusters = |trust: &Value| ["cluster_name", "cluster_names"].iter().any(|name| !trust.get(name).is_null());
    let is_chained = |trust: &Value| text(trust, "mode").as_deref() == Some("chained");
    Needs {
        cluster: connections || !reads.is_empty() || trusts.iter().any(|trust| of_clusters(trust) || is_chained(trust)),
        workload: connections || !trusts.is_empty() || reads.iter().any(|name| name != "xeks_cluster"),
    }
}
