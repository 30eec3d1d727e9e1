//! All roles of an account with their policies, for the reads of many resources: a few pages in place of one or two calls for each role
//! (IAM, GetAccountAuthorizationDetails). Description and session duration are those of ListRoles, since these pages lack them.
//!
//! Only for reads that no write rests on, and for roles that this process did not write since. Without the permissions, each role is read by
//! itself.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use aws_sdk_iam::types::{EntityType, Role, RoleDetail};
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::quotas;
use crate::aws::{Error, Side};
use crate::objects::Context;

/// The most that IAM returns in one page (IAM, MaxItems). It may return fewer.
const PAGE: usize = 1000;

/// A role with its policies.
#[derive(Debug)]
pub struct Found {
    pub role: Role,
    /// Documents of the inline policies, by name.
    pub inline_policies: BTreeMap<String, String>,
    /// ARNs of the attached policies.
    pub attached_policies: Vec<String>,
}

struct All {
    asked: Instant,
    roles: HashMap<String, Arc<Found>>,
}

/// The role as it is among all of the account; `Some(None)` where there is none. `None` where it is to be read by itself: it is one of few,
/// or this process wrote it.
///
/// In a box: the compiler follows futures within futures only so far.
pub fn find<'a>(cx: &'a Context, side: Side, name: &'a str) -> BoxFuture<'a, Option<Option<Arc<Found>>>> {
    Box::pin(async move {
        let account = cx.account(side);
        if !cx.look.may_share() || !account.bulk().is_due() {
            return None;
        }
        let Ok(Some(Some(all))) = account.answers().once("all roles", || ask(cx, side)).await else { return None };
        match all.roles.get(name) {
            _ if !account.bulk().is_unwritten_since(name, all.asked) => None,
            found => {
                cx.look.share();
                Some(found.cloned())
            }
        }
    })
}

/// `None` where it would take more calls than were made so far; `Some(None)` where it can't be asked.
async fn ask(cx: &Context, side: Side) -> Result<Option<Option<Arc<All>>>, Infallible> {
    let bulk = cx.account(side).bulk();
    let all = async {
        let roles = quotas::of(cx, side).await?.roles.unwrap_or(PAGE);
        if bulk.takes(1 + 2 * roles.div_ceil(PAGE)) { ask_pages(cx, side).await.map(Some) } else { Ok(None) }
    };
    Ok(all.await.map_or_else(
        |error: Error| {
            tracing::info!("roles are read one by one: {error}");
            bulk.refuse();
            Some(None)
        },
        |all| all.map(Some),
    ))
}

async fn ask_pages(cx: &Context, side: Side) -> Result<Arc<All>, Error> {
    let (iam, asked) = (cx.iam(side), Instant::now());
    let details = || {
        let pages = iam.get_account_authorization_details().filter(EntityType::Role).max_items(PAGE as i32).into_paginator();
        pages.send().try_collect()
    };
    let listed = || iam.list_roles().max_items(PAGE as i32).into_paginator().items().send().try_collect();
    // One after the other: most runners that may not do the first would do the second for nothing.
    let details: Vec<_> = cx.ask("iam:GetAccountAuthorizationDetails", side, details).await?;
    let listed: Vec<Role> = cx.ask("iam:ListRoles", side, listed).await?;
    let listed: HashMap<String, Role> = listed.into_iter().map(|role| (role.role_id.clone(), role)).collect();
    let details = details.into_iter().flat_map(|page| page.role_detail_list.unwrap_or_default());
    let roles = details.filter_map(|detail| found(detail, &listed)).map(|found| (found.role.role_name.clone(), Arc::new(found))).collect();
    Ok(Arc::new(All { asked, roles }))
}

/// `None` of a role that one of the two lists does not show, or shows without its ARN.
fn found(detail: RoleDetail, listed: &HashMap<String, Role>) -> Option<Found> {
    let mut role = listed.get(detail.role_id()?)?.clone();
    role.arn.starts_with("arn:").then_some(())?;
    role.assume_role_policy_document = detail.assume_role_policy_document;
    role.permissions_boundary = detail.permissions_boundary;
    role.tags = detail.tags;
    let inline = detail.role_policy_list.unwrap_or_default().into_iter();
    let attached = detail.attached_managed_policies.unwrap_or_default().into_iter();
    Some(Found {
        role,
        inline_policies: inline.filter_map(|policy| Some((policy.policy_name?, policy.policy_document?))).collect(),
        attached_policies: attached.filter_map(|policy| policy.policy_arn).collect(),
    })
}
