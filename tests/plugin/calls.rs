//! Every call of the protocol gets an answer, whatever is asked and in whatever order.

use tonic::Code;
use xeks::protocol::wire::provider_client::ProviderClient;
use xeks::protocol::wire::*;

use crate::host::Host;

/// Asks for something that is not on offer, with everything else left out.
macro_rules! refused {
    ($client:ident: $($call:ident)*) => {
        $({
            let answer = $client.$call($call::Request::default()).await.expect(stringify!($call)).into_inner();
            let [diagnostic] = answer.diagnostics.as_slice() else { panic!("{} answers {answer:?}", stringify!($call)) };
            assert_eq!(diagnostic.severity(), diagnostic::Severity::Error);
            assert!(!diagnostic.summary.is_empty() && !diagnostic.detail.is_empty());
        })*
    };
}

macro_rules! answered {
    ($client:ident: $($call:ident)*) => {
        $({
            let answer = $client.$call($call::Request::default()).await.expect(stringify!($call)).into_inner();
            assert!(answer.diagnostics.is_empty(), "{} answers {answer:?}", stringify!($call));
        })*
    };
}

macro_rules! unimplemented {
    ($client:ident: $($call:ident)*) => {
        $({
            let status = $client.$call($call::Request::default()).await.expect_err(stringify!($call));
            assert_eq!(status.code(), Code::Unimplemented);
            assert!(status.message().starts_with("xeks "), "{}", status.message());
        })*
    };
}

#[tokio::test]
async fn each_of_the_36_calls_is_answered() {
    let host = Host::new();
    let plugin = host.start();
    let mut client = ProviderClient::new(plugin.connect(Some(&host.identity)).await.unwrap());

    answered!(client: get_metadata get_provider_schema get_resource_identity_schemas get_functions validate_provider_config);
    refused!(client:
        validate_resource_config validate_data_resource_config upgrade_resource_state upgrade_resource_identity read_resource
        plan_resource_change apply_resource_change import_resource_state move_resource_state read_data_source
        validate_ephemeral_resource_config open_ephemeral_resource renew_ephemeral_resource close_ephemeral_resource);
    unimplemented!(client:
        generate_resource_config list_resource validate_list_resource_config validate_action_config plan_action invoke_action
        validate_state_store_config configure_state_store read_state_bytes lock_state unlock_state get_states delete_state);

    let upload = client.write_state_bytes(tokio_stream::iter([write_state_bytes::RequestChunk::default()])).await;
    assert_eq!(upload.unwrap_err().code(), Code::Unimplemented);
    let function = client.call_function(call_function::Request { name: "nothing".into(), arguments: vec![] }).await.unwrap();
    assert!(function.into_inner().error.unwrap().text.contains("Unknown function nothing"));
    assert_eq!(client.stop_provider(stop_provider::Request {}).await.unwrap().into_inner().error, "");
    // Last, and not checked for more than an answer: what it says depends on the accounts of this machine.
    client.configure_provider(configure_provider::Request::default()).await.unwrap();
}

#[tokio::test]
async fn messages_beyond_the_usual_4_mib_pass() {
    let host = Host::new();
    let plugin = host.start();
    let mut client = ProviderClient::new(plugin.connect(Some(&host.identity)).await.unwrap()).max_encoding_message_size(usize::MAX);
    let argument = DynamicValue { msgpack: vec![0; 20 << 20], json: vec![] };
    let large = call_function::Request { name: "nothing".into(), arguments: vec![argument] };
    let answer = client.call_function(large).await;
    let answer = answer.expect("20 MiB are accepted").into_inner();
    assert!(answer.error.is_some());
}
