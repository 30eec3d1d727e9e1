//! Actions: there are none yet, and the schema offers none.

use tonic::Status;

pub fn unimplemented(action_type: &str) -> Status {
    Status::unimplemented(format!("xeks has no action {action_type}: it has no actions"))
}
