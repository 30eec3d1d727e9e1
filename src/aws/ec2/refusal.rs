//! EC2's refusals: `<Response><Errors><Error><Code>…</Code><Message>…</Message></Error></Errors><RequestID>…</RequestID></Response>`.

use std::fmt;

use aws_sdk_sts::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::xml::Element;

/// What EC2 answered when it refused. EC2 models no errors: the code tells them apart (`aws::error`).
#[derive(Debug)]
pub(super) struct Refusal {
    metadata: ErrorMetadata,
    request_id: Option<String>,
}

impl Refusal {
    /// `None` where the document is no refusal.
    pub fn read(answer: &Element) -> Option<Self> {
        let error = answer.child("Errors").and_then(|errors| errors.child("Error"))?;
        let code = error.text("Code")?;
        // EC2's reference lists codes with a prefix for whose fault it is; answers mostly lack it.
        let code = code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server.")).unwrap_or(&code);
        let metadata = ErrorMetadata::builder().code(code).message(error.string("Message")).build();
        Some(Refusal { metadata, request_id: answer.text("RequestID") })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.metadata, f)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

/// The request id in the body, for answers whose headers lack it.
pub(super) fn request_id_in_body(error: &SdkError<Refusal, HttpResponse>) -> Option<Box<str>> {
    error.as_service_error().and_then(|refusal| refusal.request_id.as_deref()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Refusal> {
        Refusal::read(&Element::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_refusal_has_code_message_and_request_id() {
        let refusal = read(
            "<Response><Errors><Error><Code>Client.InvalidVpcID.NotFound</Code><Message>The vpc ID 'vpc-1' does not exist</Message>\
             </Error></Errors><RequestID>r-1</RequestID></Response>",
        )
        .unwrap();
        assert_eq!(refusal.code(), Some("InvalidVpcID.NotFound"));
        assert_eq!(refusal.message(), Some("The vpc ID 'vpc-1' does not exist"));
        assert_eq!(refusal.request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn other_documents_are_no_refusals() {
        assert!(read("<html><body>Bad gateway</body></html>").is_none());
        assert!(read("<Response><Errors><Error><Message>no code</Message></Error></Errors></Response>").is_none());
    }
}
