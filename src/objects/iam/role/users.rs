//! The other resources of this provider that rely on a statement of a role's trust policy.
//!
//! Several trusts in mode `chained` may share a pod role and its service accounts. The trust policy then has the web identity statement
//! once, with the Sid of the resource that added it; the inline policy of each resource names it. A resource that no longer wants its
//! statement gives it to another one that relies on it.

use serde_json::Value;

use super::inline_names;
use crate::aws::{Answer, Error, Side, policy};
use crate::objects::ownership::{Mark, OWN_POLICIES, Ownership, statement_digest};
use crate::objects::{Context, locks};

/// The document `after` a change, with those of its web identity statements of `before` that others rely on.
pub(super) async fn keep(cx: &Context, side: Side, role: &str, before: &Value, after: Value) -> Result<Value, Error> {
    cx.look.end();
    let gone = gone(before, &after);
    if gone.is_empty() {
        return Ok(after);
    }
    let users = users(cx, side, role, &gone).await?;
    Ok(handed_over(after, &gone, &users))
}

/// Whether the change takes a web identity statement away.
pub(super) fn takes_away(before: &Value, after: &Value) -> bool {
    !gone(before, after).is_empty()
}

fn gone<'a>(before: &'a Value, after: &Value) -> Vec<&'a Value> {
    let kept: Vec<String> = policy::statements_of(after).into_iter().map(statement_digest).collect();
    let is_gone = |statement: &&Value| is_web_identity(statement) && !kept.contains(&statement_digest(statement));
    policy::statements_of(before).into_iter().filter(is_gone).collect()
}

/// Whether pods are let in by the statement.
pub(super) fn is_web_identity(statement: &Value) -> bool {
    policy::values_of(&statement["Action"]).iter().any(|action| action.eq_ignore_ascii_case("sts:AssumeRoleWithWebIdentity"))
}

fn handed_over(document: Value, statements: &[&Value], users: &[Mark]) -> Value {
    let user = |statement: &Value| users.iter().find(|user| user.relies_on.contains(&statement_digest(statement)));
    statements.iter().filter_map(|statement| Some((statement, user(statement)?))).fold(document, |document, (statement, user)| {
        let taken = |sid: &String| policy::find(&document, sid).is_some();
        let sid = (0..).map(|index| user.sid(index)).find(|sid| !taken(sid)).unwrap_or_default();
        policy::upsert(&document, &policy::with_sid(statement, sid))
    })
}

/// For each of the statements one resource that relies on it, if there is one. Read one after the other, since the first is most often enough.
async fn users(cx: &Context, side: Side, role: &str, statements: &[&Value]) -> Result<Vec<Mark>, Error> {
    let account_id = &cx.account(side).identity().account_id;
    let mut open: Vec<String> = statements.iter().map(|statement| statement_digest(statement)).collect();
    let mut users = Vec::new();
    for name in inline_names(cx, side, role).await? {
        let is_own = name.ends_with(cx.ownership.connection());
        if open.is_empty() || is_own || !name.starts_with(OWN_POLICIES) || locks::is_deleted(&locks::inline_policy(account_id, role, &name))
        {
            continue;
        }
        let found = marks(&policy_of(cx, side, role, &name).await?);
        open.retain(|digest| !found.iter().any(|mark| mark.relies_on.contains(digest)));
        users.extend(found);
    }
    Ok(users)
}

fn marks(document: &Value) -> Vec<Mark> {
    policy::statements_of(document).into_iter().filter_map(policy::sid_of).filter_map(Mark::of).collect()
}

/// Null where there is no such policy, or it can't be read.
async fn policy_of(cx: &Context, side: Side, role: &str, name: &str) -> Result<Value, Error> {
    let iam = cx.iam(side);
    let send = || iam.get_role_policy().role_name(role).policy_name(name).send();
    let answer = cx.ask("iam:GetRolePolicy", side, send).await.absent_is_none()?;
    Ok(answer.and_then(|answer| policy::parse(answer.policy_document()).ok()).unwrap_or_default())
}

/// Whether the trust policy of a foreign role lets in already what this resource wants: a statement of others, or an equal web identity statement
/// of another resource of this provider, which keeps it for as long as this one relies on it.
pub(super) fn others_let_in(document: &Value, ownership: &Ownership, wanted: &Value) -> bool {
    let lets_in = |statement: &Value| match policy::sid_of(statement) {
        Some(sid) if ownership.sid_instance(sid).is_some() => false,
        Some(sid) if Ownership::is_sid_of_any(sid) => is_web_identity(wanted) && statement_digest(statement) == statement_digest(wanted),
        _ => policy::lets_in(statement, wanted),
    };
    policy::statements_of(document).into_iter().any(lets_in)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods(subject: &str) -> Value {
        json!({
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::183295435445:oidc-provider/oidc.example"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"oidc.example:sub": subject}},
        })
    }

    #[test]
    fn a_statement_goes_to_one_that_relies_on_it_and_else_away() {
        let (us, them) = (Ownership::new(&["us"]), Ownership::new(&["them"]));
        let before = policy::document([policy::with_sid(&pods("a"), us.sid("i1", 0)), policy::with_sid(&pods("b"), us.sid("i1", 1))]);
        let after = policy::document([]);
        let (gone, sid) = (gone(&before, &after), them.sid_relying_on("i2", 0, &[statement_digest(&pods("b"))]));
        assert_eq!(gone.len(), 2);
        let kept = handed_over(after, &gone, &[Mark::of(&sid).unwrap()]);
        assert_eq!(kept, policy::document([policy::with_sid(&pods("b"), them.sid("i2", 0))]));
        assert!(!takes_away(&before, &policy::document([pods("b"), pods("a")])), "whatever the Sids");
    }

    #[test]
    fn a_sid_that_is_in_use_is_not_given_twice() {
        let them = Ownership::new(&["them"]);
        let user = Mark { relies_on: vec![statement_digest(&pods("b"))], ..Mark::of(&them.sid("i2", 0)).unwrap() };
        let document = policy::document([policy::with_sid(&pods("a"), them.sid("i2", 0))]);
        let kept = handed_over(document, &[&pods("b")], &[user]);
        assert!(policy::find(&kept, &them.sid("i2", 1)).is_some());
    }

    #[test]
    fn equal_statements_of_other_resources_count_for_pods_alone_and_those_of_others_for_all() {
        let (us, them) = (Ownership::new(&["us"]), Ownership::new(&["them"]));
        let role = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::185863138492:role/a"}, "Action": "sts:AssumeRole"});
        let of = |statement: &Value, sid: String| policy::document([policy::with_sid(statement, sid)]);
        assert!(others_let_in(&of(&pods("a"), them.sid("i", 0)), &us, &pods("a")));
        assert!(!others_let_in(&of(&pods("a"), us.sid("i", 0)), &us, &pods("a")), "its own");
        assert!(!others_let_in(&of(&role, them.sid("i", 0)), &us, &role), "theirs, to be removed by them");
        assert!(others_let_in(&of(&role, "Ops".into()), &us, &role));
    }
}
