//! The policies of a principal: inline, attached, those of a user's groups, and the boundary. All are read at the same time.

use aws_sdk_iam::types::AttachedPolicy;
use futures::future::{try_join, try_join_all};
use serde_json::Value as Json;

use super::{Principal, Sort};
use crate::aws::{Account, Answer, Error, Kind, Named, policy};

/// A policy of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The name of an inline policy, the ARN of a managed one.
    pub name: String,
    pub document: Json,
}

/// All that decides what a principal may do, as far as its own account says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    pub documents: Vec<Document>,
    pub boundary: Option<Document>,
}

/// The policies of a role or user. An error names the first read that was refused.
pub async fn permissions(account: &Account, principal: &Principal) -> Result<Permissions, Error> {
    let boundary = async {
        match &principal.boundary {
            Some(arn) => managed(account, arn).await.map(Some),
            None => Ok(None),
        }
    };
    let name = principal.name.as_str();
    let documents = async {
        match principal.sort {
            Sort::Role => try_join(role_inline(account, name), role_attached(account, name)).await.map(joined),
            Sort::User => {
                let own = try_join(user_inline(account, name), user_attached(account, name));
                let (own, groups) = try_join(own, groups(account, name)).await?;
                Ok(joined((joined(own), groups)))
            }
        }
    };
    let (documents, boundary) = try_join(documents, boundary).await?;
    Ok(Permissions { documents, boundary })
}

async fn role_inline(account: &Account, role: &str) -> Result<Vec<Document>, Error> {
    let pages = account.iam().list_role_policies().role_name(role).into_paginator().items().send().try_collect().await;
    let names: Vec<String> = pages.named("iam:ListRolePolicies", account)?;
    try_join_all(names.into_iter().map(|name| async move {
        let answer = account.iam().get_role_policy().role_name(role).policy_name(&name).send().await;
        let answer = answer.named("iam:GetRolePolicy", account)?;
        read(account, name, answer.policy_document())
    }))
    .await
}

async fn role_attached(account: &Account, role: &str) -> Result<Vec<Document>, Error> {
    let pages = account.iam().list_attached_role_policies().role_name(role).into_paginator().items().send().try_collect().await;
    attached(account, pages.named("iam:ListAttachedRolePolicies", account)?).await
}

async fn user_inline(account: &Account, user: &str) -> Result<Vec<Document>, Error> {
    let pages = account.iam().list_user_policies().user_name(user).into_paginator().items().send().try_collect().await;
    let names: Vec<String> = pages.named("iam:ListUserPolicies", account)?;
    try_join_all(names.into_iter().map(|name| async move {
        let answer = account.iam().get_user_policy().user_name(user).policy_name(&name).send().await;
        let answer = answer.named("iam:GetUserPolicy", account)?;
        read(account, name, answer.policy_document())
    }))
    .await
}

async fn user_attached(account: &Account, user: &str) -> Result<Vec<Document>, Error> {
    let pages = account.iam().list_attached_user_policies().user_name(user).into_paginator().items().send().try_collect().await;
    attached(account, pages.named("iam:ListAttachedUserPolicies", account)?).await
}

async fn groups(account: &Account, user: &str) -> Result<Vec<Document>, Error> {
    let pages = account.iam().list_groups_for_user().user_name(user).into_paginator().items().send().try_collect().await;
    let groups: Vec<aws_sdk_iam::types::Group> = pages.named("iam:ListGroupsForUser", account)?;
    let documents = groups.iter().map(|group| group_documents(account, group.group_name()));
    Ok(try_join_all(documents).await?.into_iter().flatten().collect())
}

async fn group_documents(account: &Account, group: &str) -> Result<Vec<Document>, Error> {
    let inline = async {
        let pages = account.iam().list_group_policies().group_name(group).into_paginator().items().send().try_collect().await;
        let names: Vec<String> = pages.named("iam:ListGroupPolicies", account)?;
        try_join_all(names.into_iter().map(|name| async move {
            let answer = account.iam().get_group_policy().group_name(group).policy_name(&name).send().await;
            let answer = answer.named("iam:GetGroupPolicy", account)?;
            read(account, name, answer.policy_document())
        }))
        .await
    };
    let managed = async {
        let pages = account.iam().list_attached_group_policies().group_name(group).into_paginator().items().send().try_collect().await;
        attached(account, pages.named("iam:ListAttachedGroupPolicies", account)?).await
    };
    try_join(inline, managed).await.map(joined)
}

async fn attached(account: &Account, policies: Vec<AttachedPolicy>) -> Result<Vec<Document>, Error> {
    try_join_all(policies.iter().filter_map(|p| p.policy_arn()).map(|arn| managed(account, arn))).await
}

/// The default version of a managed policy, which is the one that counts (IAM, GetPolicy and GetPolicyVersion).
async fn managed(account: &Account, arn: &str) -> Result<Document, Error> {
    let answer = account.iam().get_policy().policy_arn(arn).send().await.named("iam:GetPolicy", account);
    // A boundary may name a policy that has been deleted: it then allows nothing (IAM user guide, "Permissions boundaries").
    let Some(answer) = answer.absent_is_none()? else { return Ok(Document { name: arn.to_owned(), document: policy::document([]) }) };
    let version = answer.policy().and_then(|p| p.default_version_id()).unwrap_or_default().to_owned();
    let answer = account.iam().get_policy_version().policy_arn(arn).version_id(&version).send().await;
    let answer = answer.named("iam:GetPolicyVersion", account)?;
    match answer.policy_version().and_then(|v| v.document()) {
        Some(text) => read(account, arn.to_owned(), text),
        None => Err(Error::of_kind(Kind::Other, "iam:GetPolicyVersion", account, format!("the response contains no document of {arn}"))),
    }
}

/// A document that can't be read may deny anything: an error.
fn read(account: &Account, name: String, text: &str) -> Result<Document, Error> {
    match policy::parse(text) {
        Ok(document) => Ok(Document { name, document }),
        Err(why) => Err(Error::of_kind(Kind::Other, "iam:GetPolicy", account, format!("the policy {name} can't be read: {why}"))),
    }
}

fn joined((mut some, more): (Vec<Document>, Vec<Document>)) -> Vec<Document> {
    some.extend(more);
    some
}
