//! What the plan of this process did not find a moment ago. A create does not look for it once more: AWS refuses a create that meets
//! something.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::engine::Key;

/// For how long that counts. Terraform plans a resource, and applies it at once.
const MOMENT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Absences(Mutex<HashMap<String, Instant>>);

impl Absences {
    /// A plan of the composite did not find the object.
    pub fn note(&self, resource: &str, account_id: &str, key: &Key) {
        self.0.lock().insert(name(resource, account_id, key), Instant::now());
    }

    /// Whether that was a moment ago. It counts once.
    pub fn take(&self, resource: &str, account_id: &str, key: &Key) -> bool {
        self.0.lock().remove(&name(resource, account_id, key)).is_some_and(|at| at.elapsed() < MOMENT)
    }
}

fn name(resource: &str, account_id: &str, key: &Key) -> String {
    format!("{resource} {account_id} {key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;

    #[tokio::test(start_paused = true)]
    async fn an_absence_counts_once_and_for_a_moment() {
        let (absences, key) = (Absences::default(), Key::new(Side::Cluster, "iam_role", "r"));
        absences.note("a", "1", &key);
        assert!(!absences.take("b", "1", &key) && absences.take("a", "1", &key) && !absences.take("a", "1", &key));
        absences.note("a", "1", &key);
        tokio::time::advance(MOMENT).await;
        assert!(!absences.take("a", "1", &key));
    }
}
