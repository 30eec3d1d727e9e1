//! What one process must not do twice at the same time, since AWS has no lock for it: rewriting the document of a role that
//! several resources add to, and deleting what another resource has just begun to use.
//!
//! Terraform applies many resources at once, all through this one process. Other processes are not seen here.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

static TURNS: LazyLock<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);
static SHARED: LazyLock<Mutex<HashMap<String, Arc<RwLock<()>>>>> = LazyLock::new(Mutex::default);
/// A RoleId is never given twice, so nothing has to be taken out again.
static GONE: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Waits for one's turn at the object of that ARN. Whoever holds the guard is the only one.
pub async fn turn(arn: &str) -> OwnedMutexGuard<()> {
    named(&TURNS, arn).lock_owned().await
}

/// The shared objects that a request relies on: nobody in this process deletes them before it ends.
#[derive(Debug, Default)]
pub struct Uses(Mutex<Vec<OwnedRwLockReadGuard<()>>>);

impl Uses {
    /// Relies on the object from now on. Waits while somebody is deleting it.
    pub async fn hold(&self, arn: &str) {
        let guard = named(&SHARED, arn).read_owned().await;
        lock(&self.0).push(guard);
    }
}

/// The role with that RoleId was deleted: it relies on nothing any more, although a listing may still show it.
pub fn leave(role_id: &str) {
    lock(&GONE).insert(role_id.to_owned());
}

pub fn is_gone(role_id: &str) -> bool {
    lock(&GONE).contains(role_id)
}

/// The right to delete a shared object; `None` while a request relies on it. Nobody begins to while the guard is held.
pub fn alone(arn: &str) -> Option<OwnedRwLockWriteGuard<()>> {
    named(&SHARED, arn).try_write_owned().ok()
}

fn named<T: Default>(all: &Mutex<HashMap<String, Arc<T>>>, name: &str) -> Arc<T> {
    lock(all).entry(name.to_owned()).or_default().clone()
}

/// What lies in these locks is whole after a panic of another task: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_deletes_what_a_request_relies_on() {
        let (one, two) = (Uses::default(), Uses::default());
        one.hold("shared").await;
        two.hold("shared").await;
        assert!(alone("shared").is_none());
        drop(one);
        assert!(alone("shared").is_none());
        drop(two);
        let deleting = alone("shared");
        assert!(deleting.is_some() && alone("shared").is_none());
    }

    #[tokio::test]
    async fn who_begins_to_use_waits_for_the_deletion() {
        let deleting = alone("awaited").unwrap();
        let uses = Uses::default();
        let mut hold = Box::pin(uses.hold("awaited"));
        assert!(futures::poll!(&mut hold).is_pending());
        drop(deleting);
        hold.await;
        assert!(alone("awaited").is_none());
    }

    #[tokio::test]
    async fn turns_are_taken_one_after_the_other() {
        let first = turn("role").await;
        let mut second = Box::pin(turn("role"));
        assert!(futures::poll!(&mut second).is_pending());
        turn("another role").await;
        drop(first);
        second.await;
    }
}
