//! An IAM role or user as it is, with every document that decides what it may do.
//!
//! Reads only. What the documents allow is for `evaluate` to say. Whose an object is, is no matter here.

mod documents;

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use serde_json::Value as Json;

pub use self::documents::{Document, Permissions, permissions};
use super::{Account, Answer, Arn, Error, Named, policy};

/// What can call AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Role,
    User,
}

/// A role or a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub sort: Sort,
    pub name: String,
    /// With the path that it stands under.
    pub arn: String,
    /// The id that no other principal ever has: AROA… of a role, AIDA… of a user.
    pub id: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// A role's trust policy; null of a user, and of a role whose document can't be read.
    pub trust: Json,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// Which role or user a principal's ARN means: a session's role for a session, whose ARN lacks the role's path. `None` for all else.
pub fn named(arn: &Arn) -> Option<(Sort, String)> {
    if let Some((role, _)) = arn.session() {
        return Some((Sort::Role, role.to_owned()));
    }
    if let Some((_, name)) = arn.role() {
        return Some((Sort::Role, name));
    }
    let path = (arn.service == "iam").then(|| arn.resource.strip_prefix("user/"))??;
    Some((Sort::User, path.rsplit('/').next().unwrap_or(path).to_owned()))
}

/// The role or user of that name; `None` where there is none (IAM, GetRole and GetUser). Names are unique whatever the path.
pub async fn find(account: &Account, sort: Sort, name: &str) -> Result<Option<Principal>, Error> {
    match sort {
        Sort::Role => role(account, name).await,
        Sort::User => user(account, name).await,
    }
}

pub async fn role(account: &Account, name: &str) -> Result<Option<Principal>, Error> {
    let answer = account.iam().get_role().role_name(name).send().await.named("iam:GetRole", account).absent_is_none()?;
    Ok(answer.and_then(|a| a.role).map(|role| Principal {
        sort: Sort::Role,
        name: name.to_owned(),
        arn: role.arn().to_owned(),
        id: role.role_id().to_owned(),
        created_at: role.create_date().secs(),
        trust: role.assume_role_policy_document().map_or(Json::Null, |text| policy::parse(text).unwrap_or_default()),
        boundary: role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()).map(str::to_owned),
        tags: tags(role.tags()),
    }))
}

async fn user(account: &Account, name: &str) -> Result<Option<Principal>, Error> {
    let answer = account.iam().get_user().user_name(name).send().await.named("iam:GetUser", account).absent_is_none()?;
    Ok(answer.and_then(|a| a.user).map(|user| Principal {
        sort: Sort::User,
        name: name.to_owned(),
        arn: user.arn().to_owned(),
        id: user.user_id().to_owned(),
        created_at: user.create_date().secs(),
        trust: Json::Null,
        boundary: user.permissions_boundary().and_then(|b| b.permissions_boundary_arn()).map(str::to_owned),
        tags: tags(user.tags()),
    }))
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_means_its_role_and_a_path_is_no_part_of_a_name() {
        let named = |text: &str| named(&Arn::parse(text).unwrap());
        assert_eq!(named("arn:aws:sts::185863138492:assumed-role/app/i-0abc"), Some((Sort::Role, "app".into())));
        assert_eq!(named("arn:aws:iam::185863138492:role/teams/app"), Some((Sort::Role, "app".into())));
        assert_eq!(named("arn:aws:iam::185863138492:user/ops/ann"), Some((Sort::User, "ann".into())));
        assert_eq!(named("arn:aws:iam::185863138492:root"), None);
        assert_eq!(named("arn:aws:s3:::bucket"), None);
    }
}
