//! Composite resources: pieces as data, the ledger of what exists, and one way to observe, plan, converge and remove them.
//!
//! Knows no AWS: what a piece does to the world it does through its own type and the world `W` that it is handed.

mod key;

pub use key::{Key, Side};
