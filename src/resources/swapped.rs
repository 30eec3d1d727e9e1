//! What is missing in one account and exists in the other: the accounts of the provider look swapped, and the error says what to exchange.
//!
//! The other account is asked only after a failure, and whatever it answers, the failure is an error.

use crate::aws::ec2::Select;
use crate::aws::{Error, Kind, Side};
use crate::objects::Context;
use crate::objects::eks::cluster;
use crate::objects::iam::role;

const ACCOUNTS: &str = "the provider's cluster_account and workload_account (or the entry of workload_accounts that this resource uses)";

/// The error of a cluster that its account does not show: what it was, or that the workload account has the cluster.
pub async fn cluster(cx: &Context, region: &str, name: &str, failed: Error) -> Error {
    if !may_be_elsewhere(cx, &failed) || !cluster::exists_in(cx.account(Side::Workload), region, name).await {
        return failed;
    }
    let advice = format!(
        "{} has a cluster {name} in region {region}: the two accounts look swapped. Exchange {ACCOUNTS}: cluster_account is the account of \
         the cluster",
        cx.label(Side::Workload)
    );
    swapped(failed, &advice)
}

/// The same of the workload's VPC.
pub async fn workload_vpc(cx: &Context, region: &str, id: &str, failed: Error) -> Error {
    if !may_be_elsewhere(cx, &failed) {
        return failed;
    }
    let client = cx.ec2(Side::Cluster, Some(region));
    if !client.describe_vpcs(&Select::id(id)).await.is_ok_and(|found| !found.is_empty()) {
        return failed;
    }
    let (cluster, workload) = (cx.label(Side::Cluster), cx.label(Side::Workload));
    let advice = format!(
        "{id} is a VPC of {cluster}: the accounts, or the two VPCs, look swapped. If the cluster is in {workload}, exchange {ACCOUNTS}. \
         Otherwise set workload_vpc_id to a VPC of {workload}"
    );
    swapped(failed, &advice)
}

/// The same of a role that must exist.
pub async fn existing_role(cx: &Context, side: Side, name: &str, attribute: &str, failed: Error) -> Error {
    let other = side.other();
    if !may_be_elsewhere(cx, &failed) {
        return failed;
    }
    let Ok(Some(arn)) = role::arn(cx, other, name).await else { return failed };
    let advice = format!(
        "{arn} exists in {}: the accounts, or the two roles, look swapped. {attribute} names a role of the {side} account. If {} is meant to \
         be that account, exchange {ACCOUNTS}. Otherwise exchange the names of the two roles, or correct {attribute}.name",
        cx.label(other),
        cx.label(other),
    );
    swapped(failed, &advice)
}

fn may_be_elsewhere(cx: &Context, failed: &Error) -> bool {
    let accounts = Side::BOTH.map(|side| &cx.pair.identity(side).account_id);
    accounts[0] != accounts[1] && matches!(failed.kind, Kind::Absent | Kind::Denied)
}

/// An error that no plan takes for a missing permission or for something that is yet to be created.
fn swapped(failed: Error, advice: &str) -> Error {
    let code = failed.code.as_ref().map_or_else(String::new, |code| format!("{code}: "));
    let message = format!("{code}{}. But {advice}", failed.message.trim_end_matches('.'));
    Error { kind: Kind::Invalid, code: None, message, ..failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_account_is_an_error_of_the_plan_that_keeps_what_aws_said() {
        let denied = Error::from_code("eks:DescribeCluster", "185863138492 (cluster)", "AccessDenied", "no such right.", Some("r-1"));
        let error = swapped(denied, "exchange them");
        assert!(error.is(Kind::Invalid) && error.code.is_none());
        let text = error.to_string();
        assert!(text.contains("AccessDenied: no such right. But exchange them") && text.contains("r-1"), "{text}");
    }
}
