//! Listing for `terraform query`: no resource can be listed yet, and the schema offers none.

use tonic::Status;

pub fn unimplemented(type_name: &str) -> Status {
    Status::unimplemented(format!("xeks can't list {type_name}: it has no list resources"))
}
