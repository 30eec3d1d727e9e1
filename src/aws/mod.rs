//! AWS: the accounts and their clients, what an error means, ARNs and names, IAM documents, and bounded waits.
//!
//! Knows no Terraform: neither resources nor the wire. SDK types stay here and in `objects`.

mod account;
pub mod accounts;
mod answers;
pub mod api_server;
pub mod arn;
mod bulk;
pub mod cidr;
mod credentials;
pub mod duration;
pub mod ec2;
pub mod error;
pub mod identity_center;
pub mod names;
pub mod oidc_providers;
mod pace;
pub mod policy;
pub mod principal_patterns;
pub mod principals;
pub mod sessions;
pub mod settings;
mod side;
pub mod tags;
pub mod token;
mod transport;
pub mod wait;

#[cfg(any(test, fuzzing))]
pub use account::NoCalls;
pub use accounts::{Account, Accounts, Identity, Pair};
pub use arn::Arn;
pub use error::{Answer, Error, Kind, Named};
pub use side::Side;
