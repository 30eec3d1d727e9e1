//! What an apply waits for when all its calls are made: until what it created is visible and what it deleted is not, and that no process
//! that wrote at the same time took something of it away.
//!
//! AWS shows writes late (IAM user guide, "Changes that I make are not always immediately visible"): a run that follows would take what it
//! can't see for deleted, and create or delete it once more.

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::explain;
use crate::aws::wait::{Limits, Pauses};
use crate::aws::{Error, Kind};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Backend, Contention, Converged, Entry, Failure, Key, Object};
use crate::objects::Context;
use crate::objects::context::{PROPAGATION, QUIET};

/// After a failure what was created may be gone again: the process that caused the failure may have taken it along.
const AFTER_A_FAILURE: Duration = Duration::from_secs(20);

/// Waits until what was created or updated is visible as it was written, and repairs what others took away. What is still not visible when
/// the time is over is a warning: AWS accepted every call.
pub(super) async fn until_visible(
    cx: &Context,
    objects: &[Box<dyn Object<Context>>],
    mut made: Converged<Error>,
    instance: &str,
    diagnostics: &mut Diagnostics,
) -> Converged<Error> {
    let mut open = engine::to_verify(cx, objects, &made);
    let limits = cx.limits().at_most(if made.failures.is_empty() { PROPAGATION } else { AFTER_A_FAILURE });
    let what = format!("AWS to show the new objects: {}", listed(open.keys()));
    let mut pauses = Pauses::new(&limits, &what);
    while !open.is_empty() && !cx.stopped() {
        if made.failures.is_empty() && open.values().any(|contention| *contention == Contention::LastWriteWins) {
            wait_for_late_writes(cx, &limits).await;
        }
        match engine::verify(cx, objects, &made, &open).await {
            Ok(verified) => {
                open.retain(|key, _| verified.pending.contains(key));
                let taken_over = |key| Failure { key, error: engine::Error::TakenOver };
                made.failures.extend(verified.taken_over.into_iter().map(taken_over));
            }
            Err(failure) => {
                unreadable(cx, &failure.error, "made", made.failures.is_empty(), diagnostics);
                break;
            }
        }
        let contended = open.iter().filter(|(_, contention)| **contention != Contention::Exclusive);
        let lost: BTreeSet<Key> = contended.map(|(key, _)| key.clone()).collect();
        if made.failures.is_empty() && !lost.is_empty() {
            made = engine::repair(cx, objects, made, instance, &lost).await;
        }
        let Some(key) = open.keys().next() else { break };
        if let Err(end) = pauses.next(&not_yet(cx, key)).await {
            let text = format!(
                "In {}: {} ({end}). AWS accepted every call, and the state contains all objects. Run plan in a few minutes to check that \
                 they are visible.",
                cx.label(key.side),
                listed(open.keys())
            );
            diagnostics.warning(Path::root(), "Some created objects are not visible in AWS yet", text);
            break;
        }
    }
    made
}

/// Waits until what was deleted is no longer visible: who creates it again must not take the old object for the new one. `alone`: whether
/// no call has failed.
pub(super) async fn until_gone(cx: &Context, deleted: &[(Key, Entry)], alone: bool, diagnostics: &mut Diagnostics) {
    if deleted.is_empty() {
        return;
    }
    let limits = cx.limits().at_most(PROPAGATION);
    let mut pauses = Pauses::new(&limits, "AWS to stop showing the deleted objects");
    while !cx.stopped() {
        match engine::still_visible(cx, deleted).await {
            Ok(visible) => {
                let Some(key) = visible.first() else { return };
                if pauses.next(&not_yet(cx, key)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                unreadable(cx, &error, "deleted", alone, diagnostics);
                return;
            }
        }
    }
}

/// The calls are done, and the next read will meet the same error: a warning, unless a call has failed already, of which there is an error.
fn unreadable(cx: &Context, error: &Error, done: &str, alone: bool, diagnostics: &mut Diagnostics) {
    tracing::info!("what was {done} can't be read: {error}");
    if alone {
        let text = format!(
            "{}\n\nAWS accepted every call, and the state contains all objects. Run plan in a few minutes to verify them.",
            explain(cx, error)
        );
        diagnostics.warning(Path::root(), format!("The objects just {done} can't be verified"), text);
    }
}

async fn wait_for_late_writes(cx: &Context, limits: &Limits) {
    let wake = (tokio::time::Instant::now() + QUIET).min(limits.deadline);
    tokio::select! {
        () = tokio::time::sleep_until(wake) => {}
        () = cx.stop.cancelled() => {}
    }
}

fn not_yet(cx: &Context, key: &Key) -> Error {
    Error::of_kind(Kind::NotYet, &key.kind, cx.label(key.side), key.name.clone())
}

/// The first few, and how many more.
fn listed<'a>(keys: impl ExactSizeIterator<Item = &'a Key>) -> String {
    const SHOWN: usize = 3;
    let more = keys.len().saturating_sub(SHOWN);
    let first: Vec<String> = keys.take(SHOWN).map(Key::to_string).collect();
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let keys: Vec<Key> = (0..5).map(|n| Key::new(Side::Cluster, "iam_role", format!("r{n}"))).collect();
        assert_eq!(listed(keys[..2].iter()), "cluster/iam_role/r0, cluster/iam_role/r1");
        assert!(listed(keys.iter()).ends_with("cluster/iam_role/r2 and 2 more"));
    }
}
