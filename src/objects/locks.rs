//! What one process must not do twice at the same time, since AWS has no lock for it: rewrite the trust policy of a role that several
//! resources add to, or delete what another resource has just begun to use.
//!
//! Terraform applies many resources at once, all through this one process. Other processes are not seen here.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

static EXCLUSIVE: LazyLock<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);
static SHARED: LazyLock<Mutex<HashMap<String, Arc<RwLock<()>>>>> = LazyLock::new(Mutex::default);
/// How many requests of this process rely on a shared object, and how many are about to leave it.
static RELYING: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);
static LEAVING: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);
static DELETED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
static CREATED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// What `exclusive` takes for a role: a write is refused while another one to the same role is under way, whatever it changes.
pub fn role(account_id: &str, name: &str) -> String {
    format!("{account_id}/{name}")
}

/// What `exclusive` takes for an access entry.
pub fn access_entry(cluster: &str, principal_arn: &str) -> String {
    format!("{cluster}/{principal_arn}")
}

/// The only writer of the object with that ARN in this process, while the guard is held. Waits for the one before it.
pub async fn exclusive(arn: &str) -> OwnedMutexGuard<()> {
    named(&EXCLUSIVE, arn).lock_owned().await
}

/// What `exclusive` takes for the settings of a shared object: deleting it takes its ARN.
pub fn settings(arn: &str) -> String {
    format!("{arn}/settings")
}

/// What `exclusive` takes for the creation of a shared object.
pub fn creation(arn: &str) -> String {
    format!("{arn}/creation")
}

/// The shared objects that a request relies on: no other request of this process deletes them before it ends. What it wrote to them, and
/// which of them it is about to leave.
#[derive(Debug, Default)]
pub struct Held {
    guards: Mutex<Vec<OwnedRwLockReadGuard<()>>>,
    relying: Counted,
    leaving: Counted,
    written: Mutex<HashSet<(String, String)>>,
}

impl Held {
    /// Relies on the object from now on. Waits while another request deletes it.
    pub async fn hold(&self, arn: &str) {
        let guard = named(&SHARED, arn).read_owned().await;
        self.guards.lock().push(guard);
        self.relying.add(&RELYING, arn);
    }

    /// Announces that the request will rely on the object, so that of several requests the last one looks at it once more.
    pub fn will_hold(&self, arn: &str) {
        self.relying.add(&RELYING, arn);
    }

    /// The request is done with what it does with the object. Whether another request of this process that relies on it is not.
    pub fn is_done(&self, arn: &str) -> bool {
        self.relying.remove(&RELYING, arn)
    }

    /// Announces that the request will leave the object with that ARN, so that of several requests the last one looks whether it is still used.
    pub fn will_leave(&self, arn: &str) {
        self.leaving.add(&LEAVING, arn);
    }

    /// Leaves it. Whether another request of this process is still about to.
    pub fn leave(&self, arn: &str) -> bool {
        self.leaving.remove(&LEAVING, arn)
    }

    /// Records that the request writes that setting of the object: what a read shows of it may be older.
    pub fn mark_written(&self, arn: &str, setting: &str) {
        self.written.lock().insert((arn.to_owned(), setting.to_owned()));
    }

    pub fn has_written(&self, arn: &str, setting: &str) -> bool {
        self.written.lock().contains(&(arn.to_owned(), setting.to_owned()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for (counted, all) in [(&self.relying, &RELYING), (&self.leaving, &LEAVING)] {
            let arns: Vec<String> = counted.0.lock().iter().cloned().collect();
            for arn in arns {
                counted.remove(all, &arn);
            }
        }
    }
}

/// The objects for which a request is counted.
#[derive(Debug, Default)]
struct Counted(Mutex<HashSet<String>>);

impl Counted {
    fn add(&self, all: &Mutex<HashMap<String, usize>>, arn: &str) {
        if self.0.lock().insert(arn.to_owned()) {
            *all.lock().entry(arn.to_owned()).or_default() += 1;
        }
    }

    /// No longer counts the request. Whether others are.
    fn remove(&self, all: &Mutex<HashMap<String, usize>>, arn: &str) -> bool {
        let mut all = all.lock();
        if self.0.lock().remove(arn)
            && let Some(count) = all.get_mut(arn)
        {
            *count -= 1;
            if *count == 0 {
                all.remove(arn);
            }
        }
        all.contains_key(arn)
    }
}

/// The right to delete a shared object; `None` while a request holds it. No request comes to hold it while the guard is held.
pub fn try_exclusive(arn: &str) -> Option<OwnedRwLockWriteGuard<()>> {
    named(&SHARED, arn).try_write_owned().ok()
}

/// What `mark_deleted` takes for a role that was removed from an instance profile.
pub fn membership(profile_id: &str, role: &str) -> String {
    format!("{profile_id}/{role}")
}

/// What `mark_deleted` takes for an inline policy of a role.
pub fn inline_policy(account_id: &str, role: &str, policy: &str) -> String {
    format!("{account_id}/{role}/{policy}")
}

/// Records that the role or instance profile with that ID was deleted: it relies on nothing any more, although a listing may still show it.
pub fn mark_deleted(id: &str) {
    DELETED.lock().insert(id.to_owned());
}

pub fn is_deleted(id: &str) -> bool {
    DELETED.lock().contains(id)
}

/// Records that what was deleted under a name that may be used once more was created again.
pub fn unmark_deleted(id: &str) {
    DELETED.lock().remove(id);
}

/// Records that the role with that RoleId was created: where IAM shows or refuses the ID in a policy, it does not know the role yet.
pub fn mark_created(role_id: &str) {
    CREATED.lock().insert(role_id.to_owned());
}

/// Whether this process created the role with that RoleId and did not delete it.
pub fn is_created(role_id: &str) -> bool {
    CREATED.lock().contains(role_id) && !is_deleted(role_id)
}

fn named<T: Default>(all: &Mutex<HashMap<String, Arc<T>>>, name: &str) -> Arc<T> {
    all.lock().entry(name.to_owned()).or_default().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_that_a_request_relies_on_is_not_deleted() {
        let (one, two) = (Held::default(), Held::default());
        one.hold("shared").await;
        two.hold("shared").await;
        assert!(try_exclusive("shared").is_none());
        drop(one);
        assert!(try_exclusive("shared").is_none());
        drop(two);
        let deleting = try_exclusive("shared");
        assert!(deleting.is_some() && try_exclusive("shared").is_none());
    }

    #[tokio::test]
    async fn a_request_that_comes_to_rely_on_an_object_waits_for_its_deletion() {
        let deleting = try_exclusive("awaited").unwrap();
        let held = Held::default();
        let mut hold = Box::pin(held.hold("awaited"));
        assert!(futures::poll!(&mut hold).is_pending());
        drop(deleting);
        hold.await;
        assert!(try_exclusive("awaited").is_none());
    }

    #[test]
    fn the_last_request_that_leaves_an_object_knows_it() {
        let (one, two, three) = (Held::default(), Held::default(), Held::default());
        [&one, &two, &three].into_iter().for_each(|held| held.will_leave("left"));
        one.will_leave("left");
        assert!(one.leave("left"));
        drop(two);
        assert!(!three.leave("left") && !one.leave("left"), "one failed on its way, and the other is the last");
    }

    #[tokio::test]
    async fn writers_of_one_object_come_one_after_the_other() {
        let first = exclusive("role").await;
        let mut second = Box::pin(exclusive("role"));
        assert!(futures::poll!(&mut second).is_pending());
        exclusive("another role").await;
        drop(first);
        second.await;
    }
}
