//! EC2's Query API, version 2016-11-15, as far as connections need it: VPCs, routes, peering, security groups, network ACLs.
//!
//! Requests are signed, sent and repeated by the SDK's own parts (`client`); answers are XML (`xml`). One EC2 object, one file.
//! Knows no object. Why this is no SDK client: docs/decisions/0004.

mod client;
mod endpoint;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod nat_gateways;
mod network_acls;
mod peering;
mod prefix_lists;
mod refusal;
mod request;
mod routes;
mod security_groups;
mod subnets;
mod tags;
mod vpcs;
mod xml;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_config::SdkConfig;

use super::error::{Error, Kind, Named};
use client::QueryOperation;
use xml::Element;

pub use nat_gateways::NatGateway;
pub use network_acls::{AclEntry, NetworkAcl};
pub use peering::{PeerVpc, PeeringConnection, PeeringRequest};
pub use request::Select;
use request::{Parameters, Request};
pub use routes::{Route, RouteTable, RouteTableAssociation};
pub use security_groups::{IngressRule, ReferencedGroup, SecurityGroup, SecurityGroupRule};
pub use subnets::Subnet;
pub use vpcs::Vpc;

/// Tags by key.
pub type Tags = std::collections::BTreeMap<String, String>;

/// Pages that are read of one answer before it is taken for endless.
const MAX_PAGES: usize = 1000;

/// EC2 in one account and region.
#[derive(Clone, Debug)]
pub struct Ec2 {
    /// The account's label, for errors.
    account: Arc<str>,
    region: Arc<str>,
    operation: QueryOperation,
}

impl Ec2 {
    /// `endpoint` replaces what the environment and the shared files say, and EC2's own.
    pub(super) fn new(account: &str, region: &str, config: &SdkConfig, endpoint: Option<&str>) -> Self {
        Ec2 { account: account.into(), region: region.into(), operation: client::operation(config, region, endpoint) }
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// One call. The answer is the document's root element.
    async fn call(&self, action: &'static str, parameters: Parameters) -> Result<Element, Error> {
        let call = format!("ec2:{action}");
        tracing::debug!(call, account = &*self.account, region = &*self.region, "calling AWS");
        let answer = self.operation.invoke(Request { action, parameters }).await;
        let in_body = answer.as_ref().err().and_then(refusal::request_id_in_body);
        answer.named(&call, &*self.account).map_err(|mut error| {
            error.request_id = error.request_id.or(in_body);
            error
        })
    }

    /// All pages of a Describe call: the members of `set`, each read by `read`.
    async fn all<T>(&self, action: &'static str, parameters: Parameters, set: &str, read: impl Fn(&Element) -> T) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = self.call(action, parameters.clone().some("NextToken", token.as_deref())).await?;
            found.extend(page.items(set).map(&read));
            let next = page.text("nextToken");
            if next.is_none() {
                return Ok(found);
            }
            if next == token {
                break;
            }
            token = next;
        }
        Err(self.unreadable(action, "the pagination does not end"))
    }

    /// The one object that an answer must hold.
    fn the<T>(&self, action: &str, answer: &Element, name: &str, read: impl Fn(&Element) -> T) -> Result<T, Error> {
        answer.child(name).map(read).ok_or_else(|| self.unreadable(action, &format!("it contains no {name}")))
    }

    fn unreadable(&self, action: &str, why: &str) -> Error {
        Error::of_kind(Kind::Other, &format!("ec2:{action}"), &*self.account, format!("the response can't be read: {why}"))
    }
}
