//! What an apply waits for when all its calls are made: that what it made is to be seen, that what it deleted is not, and that
//! nobody who wrote at the same time took its part away.
//!
//! AWS shows writes late (IAM user guide, "Changes that I make are not always immediately visible"): a run that follows would take
//! what it can't see for deleted, and make or remove it once more.

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::explain;
use crate::aws::wait::{Limits, Pauses};
use crate::aws::{Error, Kind};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{self, Backend, Contention, Converged, Failure, Key, Object};
use crate::objects::Context;
use crate::objects::context::{PROPAGATION, QUIET};

/// After a failure what was made may be gone again: whoever failed it may have taken it along.
const AFTER_A_FAILURE: Duration = Duration::from_secs(20);

/// Waits until what was made can be seen as it was made, and makes again what others took away. What can't be seen when the time is
/// over is told of as a warning: AWS took every call.
pub(super) async fn until_seen(
    cx: &Context,
    objects: &[Box<dyn Object<Context>>],
    mut made: Converged<Error>,
    instance: &str,
    diagnostics: &mut Diagnostics,
) -> Converged<Error> {
    let mut open = engine::unverified(objects, &made);
    let limits = cx.limits().at_most(if made.failures.is_empty() { PROPAGATION } else { AFTER_A_FAILURE });
    let what = format!("AWS to show what was just made: {}", listed(open.keys()));
    let mut pauses = Pauses::new(&limits, &what);
    while !open.is_empty() && !cx.stopped() {
        if made.failures.is_empty() && open.values().any(|contention| *contention == Contention::LastWriteWins) {
            quiet(cx, &limits).await;
        }
        match engine::look_again(cx, objects, &made, &open).await {
            Ok(look) => {
                open.retain(|key, _| look.missing.contains(key));
                made.failures.extend(look.taken.into_iter().map(|key| taken(cx, key)));
            }
            Err(failure) => {
                unseen(&failure.error, "made", made.failures.is_empty(), diagnostics);
                break;
            }
        }
        let lost: BTreeSet<Key> =
            open.iter().filter(|(_, contention)| **contention != Contention::Exclusive).map(|(key, _)| key.clone()).collect();
        if made.failures.is_empty() && !lost.is_empty() {
            made = engine::mend(cx, objects, made, instance, &lost).await;
        }
        let Some(key) = open.keys().next() else { break };
        if let Err(end) = pauses.next(&not_yet(cx, key)).await {
            let text = format!(
                "In {}: {} ({end}). AWS took every call, and the state names all of it; a plan in a while says whether it is there.",
                cx.label(key.side),
                listed(open.keys())
            );
            diagnostics.warning(Path::root(), "AWS does not show all that was made", text);
            break;
        }
    }
    made
}

/// Waits until what was deleted is shown no more: who makes it anew must not take the old one for it.
pub(super) async fn until_gone(cx: &Context, failures: &[Failure<Error>], diagnostics: &mut Diagnostics) {
    let limits = cx.limits().at_most(PROPAGATION);
    let mut pauses = Pauses::new(&limits, "AWS to stop showing what was just deleted");
    while !cx.stopped() {
        match cx.still_shown().await {
            Ok(shown) => {
                let Some(key) = shown.first() else { return };
                if pauses.next(&not_yet(cx, key)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                unseen(&error, "deleted", failures.is_empty(), diagnostics);
                return;
            }
        }
    }
}

/// The calls are done, and the next read will meet the same error: a warning, unless a call has failed already, of which there is an error.
fn unseen(error: &Error, done: &str, alone: bool, diagnostics: &mut Diagnostics) {
    tracing::info!("what was {done} can't be looked at: {error}");
    if alone {
        let text =
            format!("{}\n\nAWS took every call, and the state names all of it; a plan in a while says whether it is so.", explain(error));
        diagnostics.warning(Path::root(), format!("What was just {done} can't be looked at"), text);
    }
}

/// Another state of the same names took over what this run had made.
fn taken(cx: &Context, key: Key) -> Failure<Error> {
    let message = format!(
        "{} was made by this run and is another one's by now: a second state wants the same name, and ran at the same time. Give one of the \
         two other names, or keep one of them only; two states of the very same names can't be told apart",
        key.name
    );
    let error = Error::of_kind(Kind::Exists, &key.kind, cx.label(key.side), message);
    Failure { key, verb: "keep", error }
}

async fn quiet(cx: &Context, limits: &Limits) {
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
