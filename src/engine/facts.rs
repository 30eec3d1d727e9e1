//! What a kind knows of its object beyond what the ledger holds, in the kind's own type.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The facts of one object: written by the `read` of its kind, and read by code that knows that kind.
#[derive(Clone, Default)]
pub struct Facts(Option<Arc<dyn Any + Send + Sync>>);

impl Facts {
    pub fn new<T: Any + Send + Sync>(facts: T) -> Self {
        Facts(Some(Arc::new(facts)))
    }

    /// `None` where the kind has no facts, or has them in another type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Facts(…)" } else { "Facts" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_in_the_type_that_they_were_written_in_and_in_no_other() {
        let facts = Facts::new("arn".to_owned());
        assert_eq!(facts.get::<String>().map(String::as_str), Some("arn"));
        assert_eq!(facts.get::<u8>(), None);
        assert_eq!(Facts::default().get::<String>(), None);
    }
}
