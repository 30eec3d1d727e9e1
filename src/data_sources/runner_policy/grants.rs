//! A policy in the making: what is allowed on what, gathered from many resources and written once.
//!
//! Knows no action and no resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::aws::policy;

/// IAM quotas: characters of a managed policy, white space not counted.
pub(super) const MANAGED_LIMIT: usize = 6144;

/// What one account's policy is to allow.
#[derive(Default)]
pub(super) struct Grants(Vec<Statement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    sid: &'static str,
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    condition: Json,
}

/// No condition.
pub(super) const ALWAYS: Json = Json::Null;

impl Grants {
    /// Allows the actions on the resources. Nothing where there is no action or no resource.
    pub(super) fn allow(&mut self, sid: &'static str, actions: &[&str], resources: &[String], condition: Json) {
        if actions.is_empty() || resources.is_empty() {
            return;
        }
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        self.0.push(Statement { sid, actions, resources: resources.iter().cloned().collect(), condition });
    }

    /// The policy's document; `None` where nothing is allowed, since IAM takes no policy without a statement.
    pub(super) fn document(self) -> Option<Json> {
        let by_resources = merged(self.0, |a, b| a.resources == b.resources, |a, b| a.actions.extend(b.actions));
        let statements = without_said_twice(merged(by_resources, |a, b| a.actions == b.actions, |a, b| a.resources.extend(b.resources)));
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let written: Vec<Json> = statements
            .into_iter()
            .map(|statement| {
                let count = seen.entry(statement.sid).or_default();
                *count += 1;
                statement.written(*count)
            })
            .collect();
        (!written.is_empty()).then(|| policy::document(written))
    }
}

impl Statement {
    /// `count`: the how-maniest statement of that Sid it is, since Sids must differ.
    fn written(self, count: usize) -> Json {
        let sid = if count == 1 { self.sid.to_owned() } else { format!("{}{count}", self.sid) };
        let mut statement = json!({"Sid": sid, "Effect": "Allow", "Action": one_or_many(self.actions), "Resource": one_or_many(without_covered(self.resources))});
        if !self.condition.is_null() {
            statement["Condition"] = self.condition;
        }
        statement
    }
}

/// Statements of one Sid and condition that are alike become one.
fn merged(all: Vec<Statement>, alike: impl Fn(&Statement, &Statement) -> bool, join: impl Fn(&mut Statement, Statement)) -> Vec<Statement> {
    let mut out: Vec<Statement> = Vec::new();
    for statement in all {
        match out.iter_mut().find(|o| o.sid == statement.sid && o.condition == statement.condition && alike(o, &statement)) {
            Some(found) => join(found, statement),
            None => out.push(statement),
        }
    }
    out
}

/// The statements without what another one allows on all the same resources anyway; of two alike, the first stays.
fn without_said_twice(mut all: Vec<Statement>) -> Vec<Statement> {
    for at in (0..all.len()).rev() {
        let statement = all[at].clone();
        let others = || all.iter().enumerate().filter(|(i, other)| *i != at && other.condition.is_null()).map(|(_, other)| other);
        let reaches =
            |other: &Statement| statement.resources.iter().all(|text| other.resources.iter().any(|pattern| covers(pattern, text)));
        let said = |action: &String| others().any(|other| other.actions.contains(action) && reaches(other));
        let actions = statement.actions.iter().filter(|action| !said(action)).cloned().collect();
        all[at].actions = actions;
    }
    all.retain(|statement| !statement.actions.is_empty());
    all
}

/// The resources that no other one of them covers.
fn without_covered(resources: BTreeSet<String>) -> BTreeSet<String> {
    let covered = |text: &String| resources.iter().any(|other| other != text && other.contains('*') && covers(other, text));
    resources.iter().filter(|text| !covered(text)).cloned().collect()
}

/// Whether everything that the text matches also matches the pattern. What is a wildcard in the text must meet a `*`.
fn covers(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => covers(&pattern[1..], text) || text.chars().next().is_some_and(|c| covers(pattern, &text[c.len_utf8()..])),
        Some(first) => {
            let rest = text.strip_prefix(first).filter(|_| first != '?');
            let any = text.chars().next().filter(|c| first == '?' && *c != '*').map(|c| &text[c.len_utf8()..]);
            rest.or(any).is_some_and(|rest| covers(&pattern[first.len_utf8()..], rest))
        }
    }
}

fn one_or_many(all: BTreeSet<String>) -> Json {
    match all.len() {
        1 => all.into_iter().next().into(),
        _ => all.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_are_alike_become_one_and_others_get_a_sid_of_their_own() {
        let mut grants = Grants::default();
        let a = ["arn:a".to_owned()];
        let b = ["arn:b".to_owned()];
        grants.allow("Roles", &["iam:GetRole"], &a, ALWAYS);
        grants.allow("Roles", &["iam:TagRole"], &a, ALWAYS);
        grants.allow("Roles", &["iam:GetRole", "iam:TagRole"], &b, ALWAYS);
        grants.allow("Roles", &["iam:CreateRole"], &b, json!({"StringEquals": {"k": "v"}}));
        let document = grants.document().unwrap();
        assert_eq!(
            document["Statement"],
            json!([
                {"Sid": "Roles", "Effect": "Allow", "Action": ["iam:GetRole", "iam:TagRole"], "Resource": ["arn:a", "arn:b"]},
                {"Sid": "Roles2", "Effect": "Allow", "Action": "iam:CreateRole", "Resource": "arn:b", "Condition": {"StringEquals": {"k": "v"}}},
            ])
        );
    }

    #[test]
    fn a_resource_that_a_wider_one_covers_is_left_out() {
        let of = |all: &[&str]| without_covered(all.iter().map(|t| (*t).to_owned()).collect()).into_iter().collect::<Vec<_>>();
        assert_eq!(of(&["role/*", "role/a", "role/x/a"]), ["role/*"]);
        assert_eq!(of(&["role/team-*", "role/team-a*", "role/other"]), ["role/other", "role/team-*"]);
        assert_eq!(of(&["role/a?", "role/ab", "role/a*b"]), ["role/a*b", "role/a?"]);
    }

    #[test]
    fn what_is_allowed_anyway_is_not_said_twice() {
        let mut grants = Grants::default();
        let (all, one) = (["role/*".to_owned()], ["role/a".to_owned()]);
        grants.allow("Roles", &["iam:GetRole"], &all, ALWAYS);
        grants.allow("Given", &["iam:GetRole"], &all, json!({"Null": {"k": "true"}}));
        grants.allow("ReadRoles", &["iam:GetRole", "iam:GetRolePolicy"], &one, ALWAYS);
        grants.allow("AllRoles", &["iam:GetRole"], &["*".to_owned()], json!({"Null": {"k": "false"}}));
        let document = grants.document().unwrap();
        let sids: Vec<_> = policy::statements_of(&document).into_iter().map(|s| (s["Sid"].clone(), s["Action"].clone())).collect();
        assert_eq!(
            sids,
            [
                (json!("Roles"), json!("iam:GetRole")),
                (json!("ReadRoles"), json!("iam:GetRolePolicy")),
                (json!("AllRoles"), json!("iam:GetRole"))
            ]
        );
    }

    #[test]
    fn nothing_allowed_is_no_policy() {
        let mut grants = Grants::default();
        grants.allow("Roles", &["iam:GetRole"], &[], ALWAYS);
        assert_eq!(grants.document(), None);
    }
}
