//! When all objects of an account are read at once, and for which of them that counts.
//!
//! A process does not know how many objects it will be asked for. Reading all of them costs as many calls as it has pages: it is due once
//! as many single reads were made within a moment. So it never costs more than twice what the better of both would have.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// For how long single reads count together.
const MOMENT: Duration = Duration::from_secs(5);
/// So many single reads are made in any case.
const FEW: usize = 20;
/// Whether to read all however few are asked for: the tests run both ways.
const ALWAYS: bool = cfg!(feature = "all-roles-at-once");

#[derive(Debug, Default)]
pub struct Bulk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    singles: usize,
    /// How many calls reading all takes, once that is known.
    calls: usize,
    is_refused: bool,
    /// When this process last wrote an object, by its name.
    written: HashMap<String, Instant>,
}

impl Bulk {
    /// Counts one more object to be read. Whether reading all is due.
    pub fn is_due(&self) -> bool {
        let mut state = self.0.lock();
        let now = Instant::now();
        if state.since.is_none_or(|since| now.duration_since(since) >= MOMENT) {
            (state.since, state.singles) = (Some(now), 0);
        }
        state.singles += 1;
        !state.is_refused && (ALWAYS || state.singles > state.calls.max(FEW))
    }

    /// Reading all takes so many calls. Whether it is still due.
    pub fn takes(&self, calls: usize) -> bool {
        let mut state = self.0.lock();
        state.calls = calls;
        ALWAYS || state.singles > calls.max(FEW)
    }

    /// The caller may not read all.
    pub fn refuse(&self) {
        self.0.lock().is_refused = true;
    }

    /// This process is about to write the object.
    pub fn write(&self, name: &str) {
        self.0.lock().written.insert(name.to_owned(), Instant::now());
    }

    /// Whether what was read from then on shows all writes of this process to the object.
    pub fn is_unwritten_since(&self, name: &str, read: Instant) -> bool {
        self.0.lock().written.get(name).is_none_or(|written| *written < read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reading_all_is_due_after_as_many_single_reads() {
        let bulk = Bulk::default();
        assert!((0..FEW).all(|_| !bulk.is_due()) && bulk.is_due());
        assert!(!bulk.takes(2 * FEW));
        assert!((FEW + 1..2 * FEW).all(|_| !bulk.is_due()) && bulk.is_due() && bulk.takes(2 * FEW));
        tokio::time::advance(MOMENT).await;
        assert!(!bulk.is_due(), "what was read before no longer counts");
        let refused = Bulk::default();
        refused.refuse();
        assert!((0..2 * FEW).all(|_| !refused.is_due()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_since_is_not_known() {
        let (bulk, read) = (Bulk::default(), Instant::now());
        tokio::time::advance(MOMENT).await;
        bulk.write("r");
        assert!(!bulk.is_unwritten_since("r", read) && bulk.is_unwritten_since("other", read));
        tokio::time::advance(MOMENT).await;
        assert!(bulk.is_unwritten_since("r", Instant::now()));
    }
}
