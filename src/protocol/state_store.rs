//! State stores: xeks stores no state, and the schema offers none.

use tonic::Status;

pub fn unimplemented() -> Status {
    Status::unimplemented("xeks has no state stores")
}
