//! The data source `xeks_cluster`: one EKS cluster as it is, with who may enter it.
//!
//! What EKS says is read in `objects::eks`; here it becomes attributes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};

use super::swapped;
use crate::aws::tags::IgnoreTags;
use crate::aws::{Account, Error, Kind, names};
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::eks::admission;
use crate::objects::eks::cluster::{self, ClusterDescription};
use crate::objects::eks::entries::{EntryFacts, Reach};
use crate::provider::{DataSource, Outcome, RequestContext};
use crate::schema::{Attribute, Nesting, Schema, Value, validators};

/// How many access entries are read at a time: each takes two calls, and EKS throttles per account.
const AT_A_TIME: usize = 8;

/// The data source as the registry takes it.
pub fn data_source() -> Arc<dyn DataSource> {
    Arc::new(Cluster)
}

struct Cluster;

#[async_trait]
impl DataSource for Cluster {
    fn name(&self) -> &'static str {
        "xeks_cluster"
    }

    fn schema(&self) -> &Schema {
        static SCHEMA: LazyLock<Schema> = LazyLock::new(schema);
        &SCHEMA
    }

    fn validate(&self, _: &Value) -> Diagnostics {
        Diagnostics::new()
    }

    async fn read(&self, context: &RequestContext, config: Value) -> Outcome<Value> {
        let account = match context.provider.cluster().await {
            Ok(account) => account,
            Err(error) => return Outcome::new(Value::Null, error.into()),
        };
        let name = config.get("name").as_str().unwrap_or_default().to_owned();
        let region = config.get("region").as_str().unwrap_or(account.region()).to_owned();
        let found = match cluster::describe_in(&account, &region, &name).await {
            Ok(Some(found)) => found,
            not_found => {
                let workload = if swapped::is_possible(&not_found) { context.provider.workload(None).await.ok() } else { None };
                let hint = swapped::hint(&not_found, &account, workload.as_deref(), &region, &name).await;
                let diagnostics = match not_found {
                    Err(error) => failed(&name, &error, hint.as_deref()),
                    Ok(_) => absent(&account, &region, &name, hint.as_deref()),
                };
                return Outcome::new(Value::Null, diagnostics);
            }
        };
        match entries(&account, &region, &found).await {
            Ok(entries) => Outcome::new(state(&region, &found, Some(&entries), &context.provider.ignore_tags), Diagnostics::new()),
            // The rest is worth having without them.
            Err(error) if error.is(Kind::Denied) => {
                let mut diagnostics = Diagnostics::new();
                let detail = format!("access_entries is null: {error}. {}", error.advice().unwrap_or_default());
                diagnostics.warning(Path::of("access_entries"), format!("Access entries of cluster {name} can't be read"), detail);
                Outcome::new(state(&region, &found, None, &context.provider.ignore_tags), diagnostics)
            }
            Err(error) => Outcome::new(Value::Null, failed(&name, &error, None)),
        }
    }
}

/// All access entries by principal; none where the cluster takes none. One that goes while this is read is left out.
async fn entries(account: &Account, region: &str, cluster: &ClusterDescription) -> Result<BTreeMap<String, EntryFacts>, Error> {
    let name = cluster.name.as_str();
    if cluster.authentication_mode.as_deref() == Some("CONFIG_MAP") {
        return Ok(BTreeMap::new());
    }
    let read = |principal: String| async move {
        let (entry, policies) = futures::try_join!(
            admission::entry(account, region, name, &principal),
            admission::policies(account, region, name, &principal)
        )?;
        Ok::<_, Error>(entry.map(|entry| (principal, EntryFacts { policies, ..entry })))
    };
    let principals = admission::principals(account, region, name).await?;
    let found: Vec<Option<(String, EntryFacts)>> = stream::iter(principals).map(read).buffered(AT_A_TIME).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

fn state(region: &str, cluster: &ClusterDescription, entries: Option<&BTreeMap<String, EntryFacts>>, ignore: &IgnoreTags) -> Value {
    let text = |value: &Option<String>| Value::optional_string(value.as_deref());
    let tags = cluster.tags.iter().filter(|(key, _)| !key.starts_with("aws:") && !ignore.holds(key));
    Value::object([
        ("name", Value::string(&cluster.name)),
        ("region", Value::string(region)),
        ("arn", Value::string(&cluster.arn)),
        ("status", text(&cluster.status)),
        ("version", text(&cluster.version)),
        ("platform_version", text(&cluster.platform_version)),
        ("endpoint", text(&cluster.endpoint)),
        ("certificate_authority", text(&cluster.certificate_authority)),
        ("issuer", text(&cluster.issuer)),
        ("authentication_mode", text(&cluster.authentication_mode)),
        ("ip_family", text(&cluster.ip_family)),
        ("vpc_id", text(&cluster.vpc_id)),
        ("subnet_ids", Value::set_of_strings(&cluster.subnet_ids)),
        ("security_group_id", text(&cluster.security_group_id)),
        ("additional_security_group_ids", Value::set_of_strings(&cluster.security_group_ids)),
        ("endpoint_public_access", Value::Bool(cluster.endpoint_public_access)),
        ("endpoint_private_access", Value::Bool(cluster.endpoint_private_access)),
        ("public_access_cidrs", Value::set_of_strings(&cluster.public_access_cidrs)),
        ("access_entries", entries.map_or(Value::Null, |all| Value::map(all.iter().map(|(arn, entry)| (arn, entry_value(entry)))))),
        ("tags", Value::map_of_strings(tags)),
    ])
}

fn entry_value(entry: &EntryFacts) -> Value {
    let policy = |reach: &Reach| {
        Value::object([("scope", Value::string(reach.scope.as_str())), ("namespaces", Value::set_of_strings(&reach.namespaces))])
    };
    Value::object([
        ("username", Value::string(entry.shown_username())),
        ("groups", Value::set_of_strings(entry.shown_groups())),
        ("type", Value::string(&entry.entry_type)),
        ("policies", Value::map(entry.policies.iter().map(|(arn, reach)| (arn, policy(reach))))),
    ])
}

fn absent(account: &Account, region: &str, name: &str, hint: Option<&str>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let to_do = hint.unwrap_or("Correct name or region, or the provider's cluster_account.");
    let detail = format!("eks:DescribeCluster found no cluster of that name in region {region} of account {account}. {to_do}");
    diagnostics.error(Path::of("name"), format!("Cluster {name} does not exist"), detail);
    diagnostics
}

fn failed(name: &str, error: &Error, hint: Option<&str>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let detail = match hint.map(str::to_owned).or_else(|| error.advice()) {
        Some(to_do) => format!("{error}. {to_do}"),
        None => error.to_string(),
    };
    diagnostics.error(Path::of("name"), format!("Cluster {name} can't be read"), detail);
    diagnostics
}

fn schema() -> Schema {
    let doc = "Reads an EKS cluster of the provider's `cluster_account`: its API server, OIDC issuer, network, authentication mode and \
               access entries.\n\nIt supports every authentication mode; a cluster in CONFIG_MAP mode has no access entries.";
    let text = |name, doc| Attribute::string(name, doc).computed();
    Schema::new(
        doc,
        vec![
            Attribute::string("name", "Name of the cluster.").required().check(validators::text(names::cluster_name)),
            Attribute::string("region", "Region of the cluster. Default: the region of the provider's `cluster_account`.")
                .optional()
                .computed()
                .check(validators::text(names::region)),
            text("arn", "ARN of the cluster."),
            text("status", "Status, such as `ACTIVE`."),
            text("version", "Kubernetes version, such as `1.33`."),
            text("platform_version", "EKS platform version."),
            text("endpoint", "URL of the API server; null while EKS creates the cluster."),
            text("certificate_authority", "Certificate authority of the API server, base64-encoded."),
            text("issuer", "URL of the OIDC issuer, with `https://`."),
            text("authentication_mode", "Authentication mode: `CONFIG_MAP`, `API_AND_CONFIG_MAP` or `API`."),
            text("ip_family", "IP family of pods and services: `ipv4` or `ipv6`."),
            text("vpc_id", "ID of the cluster's VPC."),
            Attribute::set_of_strings("subnet_ids", "IDs of the subnets where EKS can place the API server's network interfaces.")
                .computed(),
            text("security_group_id", "ID of the cluster security group, which EKS created."),
            Attribute::set_of_strings(
                "additional_security_group_ids",
                "IDs of the additional security groups of the API server's network \
                 interfaces.",
            )
            .computed(),
            Attribute::bool("endpoint_public_access", "Whether the API server can be reached from the internet.").computed(),
            Attribute::bool("endpoint_private_access", "Whether the API server has private addresses in the cluster's VPC.").computed(),
            Attribute::set_of_strings("public_access_cidrs", "CIDR blocks that can reach the public endpoint.").computed(),
            Attribute::nested(
                "access_entries",
                Nesting::Map,
                entry_attributes(),
                "Access entries, keyed by principal ARN. Empty in CONFIG_MAP mode; null, with a warning, if the caller isn't allowed to \
                 read them.",
            )
            .computed(),
            Attribute::map_of_strings("tags", "Tags of the cluster, except those that the provider's `ignore_tags` matches.").computed(),
        ],
    )
}

fn entry_attributes() -> Vec<Attribute> {
    let policy = vec![
        Attribute::string("scope", "`cluster` or `namespace`.").computed(),
        Attribute::set_of_strings("namespaces", "Namespaces that the policy applies to, for scope `namespace`.").computed(),
    ];
    vec![
        Attribute::string("username", "Kubernetes user name of the principal.").computed(),
        Attribute::set_of_strings("groups", "Kubernetes groups of the principal.").computed(),
        Attribute::string("type", "`STANDARD` for users and applications; the other types are for nodes.").computed(),
        Attribute::nested("policies", Nesting::Map, policy, "Access policies, keyed by ARN.").computed(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::eks::entries::Scope;
    use crate::schema::msgpack;

    fn described() -> ClusterDescription {
        ClusterDescription {
            arn: "arn:aws:eks:ap-south-1:183295435445:cluster/prac-eks".into(),
            name: "prac-eks".into(),
            authentication_mode: Some("API".into()),
            subnet_ids: vec!["subnet-b".into(), "subnet-a".into()],
            tags: [("team", "platform"), ("aws:cloudformation:stack-name", "s"), ("last-scan", "1")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..ClusterDescription::default()
        }
    }

    #[test]
    fn the_state_fits_the_schema_with_and_without_entries() {
        let reach = Reach { scope: Scope::Namespace, namespaces: ["dev".to_owned()].into() };
        let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy".to_owned();
        let entry = EntryFacts {
            username: "ci".into(),
            entry_type: "STANDARD".into(),
            policies: [(policy.clone(), reach)].into(),
            ..EntryFacts::default()
        };
        let principal = "arn:aws:iam::183295435445:role/ci".to_owned();
        let entries = BTreeMap::from([(principal.clone(), entry)]);
        for entries in [None, Some(&BTreeMap::new()), Some(&entries)] {
            let value = state("ap-south-1", &described(), entries, &IgnoreTags::default());
            let wire = msgpack::encode(&value, &schema().value_type());
            assert_eq!(msgpack::decode(&wire, &schema().value_type()).unwrap(), value);
        }
        let value = state("ap-south-1", &described(), Some(&entries), &IgnoreTags::default());
        let policy = value.get("access_entries").get(&principal).get("policies").get(&policy);
        assert_eq!((policy.get("scope").as_str(), policy.get("namespaces").strings()), (Some("namespace"), vec!["dev".to_owned()]));
        assert!(state("ap-south-1", &described(), None, &IgnoreTags::default()).get("access_entries").is_null());
    }

    #[test]
    fn tags_of_aws_and_ignored_ones_are_left_out() {
        let ignore = IgnoreTags { keys: vec!["last-scan".into()], key_prefixes: vec![] };
        let value = state("ap-south-1", &described(), None, &ignore);
        assert_eq!(value.get("tags").entries().unwrap().keys().collect::<Vec<_>>(), ["team"]);
    }
}
