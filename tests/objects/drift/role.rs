//! What can drift on any IAM role that a resource created, and what such a role is configured with: a description, a session duration, a
//! boundary, a tag of its own and one of the resource.

use serde_json::{Value as Json, json};
use xeks::aws::{Pair, Side};

use super::{Row, object};
use crate::by_hand::{Change, OnRole, deny, trusts};
use crate::emulator::{CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT};

pub const BUCKETS: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const DURATION: i32 = 7200;

/// The policies that boundaries name.
pub async fn prepare(root: &Pair) {
    for account in [root.side(Side::Cluster), root.side(Side::Workload)] {
        for name in ["boundary", "other"] {
            account.iam().create_policy().policy_name(name).policy_document(deny().to_string()).send().await.unwrap();
        }
    }
}

/// The configuration of such a role, and more of it.
pub fn configured(side: Side, name: &str, more: Json) -> Json {
    let mut role = json!({
        "name": name,
        "description": "d",
        "max_session_duration": DURATION,
        "permissions_boundary": boundary(side, "boundary"),
        "tags": {"side": "one"},
        "exclusive": true,
    });
    role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    role
}

/// `attribute` configures the role; `inline` names an inline policy that the resource puts.
pub fn rows(side: Side, attribute: &str, role: &'static str, inline: &'static str) -> Vec<Row> {
    let own = object(side, "iam_role", role);
    let policy = object(side, "iam_role_policy", &format!("{role}/{inline}"));
    let (tags, bound) = (format!("{own}.tags"), format!("{attribute}.permissions_boundary"));
    let rows = [
        ("trust policy", OnRole::Trust(trusts("lambda.amazonaws.com")), format!("{own}.document")),
        ("description", OnRole::Description("x", DURATION), format!("{attribute}.description")),
        ("session duration", OnRole::Duration(3600), format!("{attribute}.max_session_duration")),
        ("boundary changed", OnRole::Boundary(boundary(side, "other")), bound.clone()),
        ("boundary removed", OnRole::NoBoundary, bound),
        ("tag changed", OnRole::Tag("team", "y"), tags.clone()),
        ("own tag changed", OnRole::Tag("side", "y"), tags.clone()),
        ("tag removed", OnRole::Untag("team"), tags),
        ("inline policy changed", OnRole::PutPolicy(inline, deny()), format!("{policy}.document")),
        ("inline policy deleted", OnRole::DeletePolicy(inline), policy.clone()),
        ("inline policy added", OnRole::PutPolicy("stray", deny()), object(side, "iam_role_policy", &format!("{role}/stray"))),
        ("managed policy attached", OnRole::Attach(READ_ONLY), String::new()),
        ("deleted together with its policies", OnRole::Delete, own),
    ];
    rows.into_iter().map(|(what, change, path)| Row::new(format!("{attribute}: {what}"), Change::Role(side, role, change), path)).collect()
}

fn boundary(side: Side, name: &str) -> String {
    let account = if side == Side::Cluster { CLUSTER_ACCOUNT } else { WORKLOAD_ACCOUNT };
    format!("arn:aws:iam::{account}:policy/{name}")
}
