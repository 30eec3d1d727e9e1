//! What the peering needs to know of both VPCs: their blocks, their route tables, the cluster security group.
//!
//! A read brings it up to date, and the plan that follows sees what came or went; an apply looks it up only where no read has.

use super::model::Model;
use crate::aws::ec2::{PeeringConnection, RouteTable, Select, Vpc};
use crate::aws::{Error, Kind, Side};
use crate::engine::{Entry, Origin, Refreshed, found};
use crate::objects::ec2::peering::accepter::{self, AccepterFacts};
use crate::objects::ec2::peering::connection::ConnectionFacts;
use crate::objects::ec2::peering::{self, options, tables_of};
use crate::objects::ec2::security_group_rule as rule;
use crate::objects::eks::cluster::{self, ClusterDescription};
use crate::objects::{Context, Env, TAG_INSTANCE};
use crate::resources::lifecycle::Located;
use crate::resources::{lookups, swapped};
use crate::schema::{Value, placeholder};

/// Fills in what is unknown. On an import the VPC is the other end of the connection, which is returned.
pub async fn resolve(cx: &Context, value: &mut Value, env: &mut Env) -> Result<Option<PeeringConnection>, Located> {
    let name = placeholder::text(value.get("cluster_name")).unwrap_or_default();
    if !value.get("network").is_unknown() && !value.get("network").is_null() || placeholder::is_in(&name) || placeholder::is_in(&env.region)
    {
        return Ok(None);
    }
    let cluster = lookups::cluster(cx, &env.region, &name, "cluster_name").await?;
    let imported = match value.get("workload_vpc_id").is_null() {
        true => Some(find_workload_vpc(cx, &cluster, value, env).await?),
        false => None,
    };
    let network = look(cx, &cluster, value, env).await?;
    value.insert("cluster_vpc_id", network.get("cluster_vpc_id").clone());
    value.insert("network", network);
    env.clusters.insert(name, cluster);
    Ok(imported)
}

/// Brings the network and the status up to date, and records in the ledger what others turned on, or changed on objects of this resource.
pub async fn refresh(model: &Model, cx: &Context, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
    let connection = seen.observed.get(&model.link.key()).and_then(|observed| observed.facts.get());
    value.insert("status", Value::string(connection.map_or("deleted", |facts: &ConnectionFacts| facts.status.as_str())));
    refresh_dns_resolution(model, value, seen);
    find_changed_rules(model, cx, env, seen).await.map_err(Located::at("allow_https"))?;
    let described = cluster::describe(cx, &env.region, &model.cluster).await.map_err(Located::at("cluster_name"))?;
    // A cluster that is gone may come back under its name; until then the network stays what it was.
    let Some(described) = described.filter(|cluster| cluster.vpc_id.is_some()) else { return Ok(()) };
    value.insert("cluster_vpc_id", Value::optional_string(described.vpc_id.as_deref()));
    if described.vpc_id.as_deref() != value.at("network.cluster_vpc_id").as_str() {
        return Ok(());
    }
    match look(cx, &described, value, env).await {
        Ok(network) => value.insert("network", network),
        // A VPC that is gone takes all that is in it along: the objects show it.
        Err(located) if located.error.is(Kind::Absent) => {}
        Err(located) => return Err(located),
    }
    Ok(())
}

/// The VPC that has that id, which must be there.
async fn vpc(cx: &Context, side: Side, region: &str, id: &str) -> Result<Vpc, Error> {
    let client = cx.ec2(side, Some(region));
    let select = Select::id(id);
    let ask = || async { Ok::<_, Error>(cx.patiently(|| client.describe_vpcs(&select)).await?.into_iter().next()) };
    let found = cx.account(side).answers().once(&format!("{region} {id}"), ask).await?;
    found.ok_or_else(|| Error::of_kind(Kind::Absent, "ec2:DescribeVpcs", cx.label(side), format!("{id} does not exist in {region}")))
}

/// Asks for the connection and the rules that the plan of a create reads. An error comes back there.
pub async fn ask_early(cx: &Context, model: &Model) {
    let (cluster, workload) = (&model.cluster, &model.link.workload);
    if !cx.recorded.0.is_empty() || [cluster, &cx.region].into_iter().any(|text| placeholder::is_in(text)) {
        return;
    }
    let Ok(Some(cluster)) = cluster::describe(cx, &cx.region, cluster).await else { return };
    let connection = async {
        if let Some(vpc_id) = &cluster.vpc_id
            && ![&workload.vpc_id, &workload.region].into_iter().any(|text| text.is_empty() || placeholder::is_in(text))
        {
            let _ = peering::find(cx, &workload.region, [vpc_id, &workload.vpc_id]).await;
        }
    };
    let rules = async {
        if let Some(group) = cluster.security_group_id.as_ref().filter(|_| !model.https_sources.is_empty()) {
            let _ = rule::rules_of(cx, &cx.region, group).await;
        }
    };
    futures::join!(connection, rules);
}

async fn look(cx: &Context, cluster: &ClusterDescription, value: &Value, env: &Env) -> Result<Value, Located> {
    let absent = || {
        let message = format!("cluster {} is in no VPC", cluster.name);
        Located::at("cluster_name")(Error::of_kind(Kind::Absent, "eks:DescribeCluster", cx.label(Side::Cluster), message))
    };
    let vpc_id = cluster.vpc_id.as_deref().ok_or_else(absent)?;
    let near = async {
        tokio::try_join!(vpc(cx, Side::Cluster, &env.region, vpc_id), tables_of(cx, Side::Cluster, &env.region, vpc_id))
            .map_err(Located::at("cluster_name"))
    };
    let workload_vpc = value.get("workload_vpc_id").as_str();
    let far = async {
        let Some(id) = workload_vpc.filter(|_| !placeholder::is_in(&env.workload_region)) else { return Ok(None) };
        let region = &env.workload_region;
        match tokio::try_join!(vpc(cx, Side::Workload, region, id), tables_of(cx, Side::Workload, region, id)) {
            Ok(both) => Ok(Some(both)),
            Err(failed) => Err(Located::at("workload_vpc_id")(swapped::workload_vpc(cx, region, id, failed).await)),
        }
    };
    let ((near, near_tables), far) = tokio::try_join!(near, far)?;
    let set = |members: Vec<String>| Value::set_of_strings(members);
    let (far_blocks, far_tables) = match far {
        Some((far, tables)) => (set(blocks(&far)), set(ids(tables.iter().filter(|table| !is_of_gateway(table))))),
        None => (Value::Unknown, Value::Unknown),
    };
    Ok(Value::object([
        ("cluster_vpc_id", Value::string(vpc_id)),
        ("cluster_security_group_id", Value::optional_string(cluster.security_group_id.as_deref())),
        ("cluster_cidrs", set(blocks(&near))),
        ("cluster_route_table_ids", set(serving(&cluster.subnet_ids, &near_tables))),
        ("workload_cidrs", far_blocks),
        ("workload_route_table_ids", far_tables),
    ]))
}

/// From the connection that an import names to the VPC at its other end.
async fn find_workload_vpc(
    cx: &Context,
    cluster: &ClusterDescription,
    value: &mut Value,
    env: &mut Env,
) -> Result<PeeringConnection, Located> {
    let at = || Located::at("peering_connection_id");
    let id = value.get("peering_connection_id").as_str().unwrap_or_default().to_owned();
    let refuse =
        |message: String| at()(Error::of_kind(Kind::Absent, "ec2:DescribeVpcPeeringConnections", cx.label(Side::Cluster), message));
    let found = peering::describe(cx, Side::Cluster, Some(&env.region), &id).await.map_err(at())?;
    let found = found.ok_or_else(|| refuse(format!("{id} does not exist in {}", env.region)))?;
    let ends = [(&found.requester, &found.accepter), (&found.accepter, &found.requester)];
    let other = ends.into_iter().find(|(own, _)| Some(&own.vpc_id) == cluster.vpc_id.as_ref()).map(|(_, other)| other);
    match other {
        Some(other) if other.owner_id == env.workload.account_id => {
            value.insert("workload_vpc_id", Value::string(&other.vpc_id));
            value.insert("workload_region", Value::string(&other.region));
            env.workload_region.clone_from(&other.region);
            Ok(found.clone())
        }
        Some(other) => Err(refuse(format!(
            "{id} connects to {} in account {}, but the workload account is {}: use the workload_accounts key of the right account in the \
             import ID",
            other.vpc_id, other.owner_id, env.workload.account_id
        ))),
        None => Err(refuse(format!(
            "{id} connects {} and {}, but cluster {} is in {}",
            found.requester.vpc_id,
            found.accepter.vpc_id,
            cluster.name,
            cluster.vpc_id.as_deref().unwrap_or("no VPC")
        ))),
    }
}

/// Tables that serve the subnets: a subnet without an association of its own uses the main table (VPC user guide, "Subnet route
/// tables").
fn serving(subnets: &[String], tables: &[RouteTable]) -> Vec<String> {
    let of = |subnet: &String| tables.iter().find(|t| t.serves(subnet)).or_else(|| tables.iter().find(|t| t.is_main()));
    ids(subnets.iter().filter_map(of))
}

/// A table of a gateway alone takes no route to a peering connection (VPC user guide, "Gateway route tables").
fn is_of_gateway(table: &RouteTable) -> bool {
    !table.associations.is_empty() && table.associations.iter().all(|a| a.gateway_id.is_some())
}

fn ids<'a>(tables: impl Iterator<Item = &'a RouteTable>) -> Vec<String> {
    tables.map(|table| table.id.clone()).collect()
}

fn blocks(vpc: &Vpc) -> Vec<String> {
    vpc.cidr_blocks.iter().chain(&vpc.ipv6_cidr_blocks).cloned().collect()
}

/// Takes into the ledger a DNS option that others turned on, on a connection of this resource.
fn refresh_dns_resolution(model: &Model, value: &mut Value, seen: &mut Refreshed) {
    let own = seen.ledger.get(&model.link.key()).filter(|entry| entry.origin.is_own()).cloned();
    let Some(connection) = own.filter(|_| !model.dns_resolution) else { return };
    let far = seen.observed.get(&model.link.key()).and_then(|observed| observed.facts.get());
    let near = seen.observed.get(&accepter::key(&model.link)).and_then(|observed| observed.facts.get());
    let far = far.is_some_and(|facts: &ConnectionFacts| facts.dns_resolution);
    let near = near.is_some_and(|facts: &AccepterFacts| facts.dns_resolution);
    for (side, on) in [(Side::Workload, far), (Side::Cluster, near)] {
        if on {
            let region = Some(model.link.end(side).region.clone());
            let entry = found(&model.link.end(side).account_id, region, Origin::Found);
            let entry = Entry { id: connection.id.clone(), instance: connection.instance.clone(), ..entry };
            seen.ledger.0.insert(options::key(side, &model.link), entry);
            value.insert("dns_resolution", Value::Bool(true));
        }
    }
}

/// Takes into the ledger rules of this resource that it does not know: those that others changed, and those of an apply that was killed.
/// The next apply keeps the wanted ones and deletes the others.
async fn find_changed_rules(model: &Model, cx: &Context, env: &Env, seen: &mut Refreshed) -> Result<(), Error> {
    // A resource that never let anything in needs no right to list rules.
    let has_rules = !model.https_sources.is_empty() || seen.ledger.0.keys().any(|key| key.kind == rule::KIND);
    let Some(instance) = seen.ledger.instance().map(str::to_owned).filter(|_| has_rules && !model.group.is_empty()) else {
        return Ok(());
    };
    for changed in rule::rules_of(cx, &env.region, &model.group).await? {
        let ours = changed.tags.get(TAG_INSTANCE) == Some(&instance);
        let known = seen.ledger.0.values().any(|entry| entry.id.as_ref() == Some(&changed.id));
        if ours && !known {
            let key = rule::key_of(&model.group, &changed);
            let entry = found(&env.identity(Side::Cluster).account_id, Some(env.region.clone()), Origin::Found);
            let arn = Some(rule::arn(cx, &env.region, &changed.id));
            let entry = Entry { arn, id: Some(changed.id), instance: Some(instance.clone()), ..entry };
            seen.ledger.0.insert(key, entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ec2::RouteTableAssociation;

    fn table(id: &str, associations: &[RouteTableAssociation]) -> RouteTable {
        RouteTable { id: id.into(), associations: associations.to_vec(), ..RouteTable::default() }
    }

    fn of_subnet(id: &str) -> RouteTableAssociation {
        RouteTableAssociation { subnet_id: Some(id.into()), ..RouteTableAssociation::default() }
    }

    #[test]
    fn a_subnet_without_a_table_of_its_own_is_served_by_the_main_one() {
        let main = RouteTableAssociation { main: true, ..RouteTableAssociation::default() };
        let tables = [table("rtb-main", &[main]), table("rtb-a", &[of_subnet("subnet-a")]), table("rtb-x", &[of_subnet("subnet-x")])];
        let subnets = ["subnet-a".to_owned(), "subnet-b".to_owned()];
        assert_eq!(serving(&subnets, &tables), ["rtb-a", "rtb-main"]);
        assert_eq!(serving(&subnets[..1], &tables), ["rtb-a"]);
    }

    #[test]
    fn a_gateways_own_table_gets_no_route() {
        let gateway = RouteTableAssociation { gateway_id: Some("igw-1".into()), ..RouteTableAssociation::default() };
        assert!(is_of_gateway(&table("rtb-g", &[gateway])));
        assert!(!is_of_gateway(&table("rtb-free", &[])) && !is_of_gateway(&table("rtb-a", &[of_subnet("subnet-a")])));
    }
}
