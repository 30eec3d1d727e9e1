//! Drift as tables: something is changed by hand, the plan names it, an apply corrects it, and the next plan is empty.
//!
//! All rows of a table run against the same applied configuration, which a corrected row leaves as it was; after a row that fails,
//! another one is applied. tests/acceptance has a sample of these rows with the CLIs.

mod access;
mod irsa;
mod peering;
mod role;

use xeks::aws::{Pair, Side};

use crate::by_hand::Change;
use crate::emulator::Aws;
use crate::managed::Managed;
use crate::snapshot::Snapshot;

/// One change by hand, and where a plan shows it.
struct Row {
    /// What is changed, for people: "access role: trust policy".
    name: String,
    change: Change,
    /// The path that the plan names, as a prefix: `kubernetes.username`, `objects["cluster/iam_role/x"].document`.
    path: String,
}

impl Row {
    fn new(name: impl Into<String>, change: Change, path: impl Into<String>) -> Self {
        Row { name: name.into(), change, path: path.into() }
    }
}

/// The path of an object in the plan.
fn object(side: Side, kind: &str, name: &str) -> String {
    let side = if side == Side::Cluster { "cluster" } else { "workload" };
    format!("objects[\"{side}/{kind}/{name}\"]")
}

/// Runs each row. `begin` prepares the accounts, which were reset, and says what is applied and what then drifts.
async fn run(aws: &Aws, begin: impl AsyncFn(&Pair) -> (Managed, Vec<Row>)) {
    let root = aws.root().await;
    let (mut at, mut failed) = (0, Vec::new());
    loop {
        aws.admin("reset", serde_json::json!({}));
        let (mut managed, rows) = begin(&root).await;
        managed.apply(aws).await;
        managed.settled(aws).await.expect("no change after the apply");
        let mut in_place = true;
        while let Some(row) = rows.get(at).filter(|_| in_place) {
            if let Err(why) = check(aws, &root, row, &mut managed).await {
                failed.push(format!("{}: {why}", row.name));
                in_place = false;
            }
            at += 1;
        }
        if at == rows.len() {
            break;
        }
    }
    assert!(failed.is_empty(), "{} of {at} rows:\n{}", failed.len(), failed.join("\n"));
}

async fn check(aws: &Aws, root: &Pair, row: &Row, managed: &mut Managed) -> Result<(), String> {
    let before = Snapshot::of(aws, root, managed.ledger()).await;
    row.change.make(root).await;
    if Snapshot::of(aws, root, managed.ledger()).await.differences_from(&before).is_empty() {
        return Err("the row changes nothing".into());
    }
    let plan = managed.plan(aws).await?;
    let changed = plan.changed();
    if plan.replaces || plan.prior.is_null() {
        return Err(format!("the plan is no update: {changed:?}"));
    }
    if !changed.iter().any(|path| path.starts_with(&row.path)) {
        return Err(format!("the plan does not name {} but {changed:?}", row.path));
    }
    managed.carry_out(aws, plan).await?;
    let differences = Snapshot::of(aws, root, managed.ledger()).await.differences_from(&before);
    if !differences.is_empty() {
        return Err(format!("the apply does not correct it: {differences:#?}"));
    }
    managed.settled(aws).await
}
