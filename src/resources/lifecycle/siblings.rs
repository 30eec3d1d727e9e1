//! Two resources of one run that are the same thing twice: where there can be one only, the second is refused in the plan.
//!
//! Terraform does not tell which resource of the configuration a plan is for. Within one run each is planned once, but for a
//! replacement, whose create half is planned a second time and is told by the private data that the first one answered with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::provider::Configured;

#[derive(Debug, Default)]
pub struct Siblings(Mutex<Run>);

/// One run begins with its configuration of the provider.
#[derive(Debug, Default)]
struct Run {
    provider: Weak<Configured>,
    planned: BTreeMap<String, Planned>,
}

#[derive(Debug, Default)]
struct Planned {
    creates: usize,
    all: usize,
}

impl Siblings {
    /// Takes down a plan for that identity. Whether another resource of this run has it too, and one of them is yet to be made.
    pub fn meet(&self, provider: &Arc<Configured>, resource: &str, creates: bool) -> bool {
        // A panic of another task leaves the counts whole.
        let mut run = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !run.provider.upgrade().is_some_and(|known| Arc::ptr_eq(&known, provider)) {
            *run = Run { provider: Arc::downgrade(provider), planned: BTreeMap::new() };
        }
        let planned = run.planned.entry(resource.to_owned()).or_default();
        planned.creates += usize::from(creates);
        planned.all += 1;
        planned.creates > 0 && planned.all > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_met_whichever_is_planned_first_and_runs_do_not_mix() {
        let (run, next) = (Arc::new(Configured::default()), Arc::new(Configured::default()));
        let siblings = Siblings::default();
        assert!(!siblings.meet(&run, "a", false) && !siblings.meet(&run, "b", true));
        assert!(siblings.meet(&run, "a", true), "one stands, another is to be made");
        assert!(siblings.meet(&run, "b", false), "the other way round");
        assert!(!siblings.meet(&run, "c", false) && !siblings.meet(&run, "c", false), "both stand: nothing to refuse");
        assert!(!siblings.meet(&next, "a", true), "another run");
    }
}
