//! How much a value that was sent may hold: a host's few bytes must not become gigabytes here.

use super::DecodeError;
use crate::diagnostics::Path;

/// Nesting deeper than any schema of xeks is refused, so that no host can exhaust the stack.
pub(super) const MAX_DEPTH: usize = 64;
/// Values in one value, null attributes that are filled in included: about a hundred megabytes. Ten thousand service accounts are
/// thirty thousand values.
pub(super) const MAX_VALUES: usize = 1_000_000;
/// Bytes of a dynamic value's type.
pub(super) const MAX_TYPE: usize = 64 << 10;

/// What is left of it.
pub(super) struct Budget(usize);

impl Budget {
    pub fn new() -> Self {
        Budget(MAX_VALUES)
    }

    /// Takes that many values at this depth.
    pub fn take(&mut self, values: usize, depth: usize, path: &Path) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::new(path, format!("it is nested more than {MAX_DEPTH} deep")));
        }
        self.0 = self.0.checked_sub(values).ok_or_else(|| DecodeError::new(path, format!("it contains more than {MAX_VALUES} values")))?;
        Ok(())
    }
}
