//! Every object of `xeks_cluster_peering`, in one region and in two.

use serde_json::{Value as Json, json};
use xeks::aws::Side::{self, Cluster, Workload};

use super::{Row, object, run};
use crate::by_hand::{Change, Network, OnNetwork};
use crate::emulator::{Aws, CLUSTER, REGION};
use crate::managed::Managed;

const ABROAD: &str = "eu-west-1";
const THERE: &str = "10.20.0.0/16";
const HERE: &str = "10.30.0.0/16";

#[tokio::test]
async fn each_change_of_a_peering_by_hand_is_named_by_the_plan_and_corrected() {
    let aws = Aws::lease().await;
    run(&aws, async |_| {
        let network = network(&aws, REGION);
        (peering(&network, json!({"dns_resolution": true, "tags": {"team": "x"}})), rows(&network))
    })
    .await;
}

#[tokio::test]
async fn each_change_of_a_peering_of_two_regions_by_hand_is_named_by_the_plan_and_corrected() {
    let aws = Aws::lease().await;
    run(&aws, async |_| {
        let network = network(&aws, ABROAD);
        let more = json!({"dns_resolution": true, "tags": {"team": "x"}, "workload_region": ABROAD});
        (peering(&network, more), rows(&network))
    })
    .await;
}

#[tokio::test]
async fn a_dns_option_of_a_peering_that_is_set_by_hand_is_named_by_the_plan_and_corrected() {
    let aws = Aws::lease().await;
    run(&aws, async |_| {
        let network = network(&aws, REGION);
        let on = |side| {
            let change = Change::Network(network.clone(), OnNetwork::Dns(side, true));
            Row::new(format!("DNS option of the {side:?} side: on"), change, "dns_resolution")
        };
        let rows = [Cluster, Workload].map(on).into();
        (peering(&network, json!({})), rows)
    })
    .await;
}

/// The VPCs of the story; abroad, another one of the workload account.
fn network(aws: &Aws, workload_region: &'static str) -> Network {
    let story = aws.admin("story", json!({}));
    let id = |name: &str| story[name].as_str().expect("an id").to_owned();
    let workload_vpc = match workload_region {
        REGION => id("workload_vpc_id"),
        abroad => aws.create_vpc("workload", abroad, HERE),
    };
    Network { cluster_vpc: id("cluster_vpc_id"), workload_vpc, workload_region, group: id("cluster_security_group_id") }
}

fn peering(network: &Network, more: Json) -> Managed {
    let mut config = json!({"cluster_name": CLUSTER, "workload_vpc_id": network.workload_vpc});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Managed::new("xeks_cluster_peering", config)
}

fn rows(network: &Network) -> Vec<Row> {
    let of_connection = |side| if side == Workload { "ec2_vpc_peering_connection" } else { "ec2_vpc_peering_connection_accepter" };
    let on_both = [Cluster, Workload].into_iter().flat_map(|side: Side| {
        let connection = of_connection(side);
        let far = if side == Cluster { HERE } else { THERE };
        [
            (format!("route of the {side:?} VPC: deleted"), OnNetwork::DeleteRoute(side, far), side, "ec2_route"),
            (format!("tag changed in the {side:?} account"), OnNetwork::Tag(side, "team", "y"), side, connection),
            (format!("tag removed in the {side:?} account"), OnNetwork::Untag(side, "team"), side, connection),
            (format!("DNS option of the {side:?} side: off"), OnNetwork::Dns(side, false), side, "ec2_vpc_peering_connection_options"),
        ]
    });
    let others = [
        ("connection: deleted, its routes left as blackholes", OnNetwork::DeleteConnection, Workload, of_connection(Workload)),
        ("note of the wanted routes: removed", OnNetwork::RemoveNote, Cluster, "ec2_vpc_peering_connection_use"),
        ("HTTPS rule: revoked", OnNetwork::RevokeRule, Cluster, "ec2_security_group_rule"),
        ("HTTPS rule: tag changed", OnNetwork::TagRule("team", "y"), Cluster, "ec2_security_group_rule"),
        ("HTTPS rule: changed into another", OnNetwork::RuleOfPort(8443), Cluster, "ec2_security_group_rule"),
    ];
    let others = others.map(|(what, change, side, kind)| (what.to_owned(), change, side, kind));
    let row = |(what, change, side, kind): (String, OnNetwork, Side, &str)| {
        // Any object of that kind.
        let path = object(side, kind, "");
        Row::new(what, Change::Network(network.clone(), change), path.trim_end_matches("\"]"))
    };
    on_both.chain(others).map(row).collect()
}
