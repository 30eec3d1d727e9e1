//! Which call goes where: the generated trait, one line a call, and what all calls have in common.
//!
//! A panic becomes the call's error diagnostic, so that one bug neither ends the process nor the other calls under way.

use futures::stream::Empty;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::diagnose::{Answer, bug};
use super::wire::{self, provider_server::Provider};
use super::{Protocol, unsupported};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::plugin::panics::caught;

/// Answers one call. `subject` is the type, data source or function asked for, for the log.
async fn answer<R: Answer>(
    rpc: &'static str,
    subject: &str,
    call: impl Future<Output = Result<R, Diagnostic>>,
) -> Result<Response<R>, Status> {
    let span = tracing::debug_span!("call", rpc, subject);
    async {
        let begin = std::time::Instant::now();
        let answer = match caught(call).await {
            Ok(answer) => answer,
            Err(panic) => Err(bug(rpc, &panic)),
        };
        tracing::debug!(milliseconds = begin.elapsed().as_secs_f64() * 1000.0, failed = answer.is_err(), "answered");
        Ok(Response::new(answer.unwrap_or_else(|failure| R::failed(Diagnostics::from(failure)))))
    }
    .instrument(span)
    .await
}

#[tonic::async_trait]
impl Provider for Protocol {
    async fn get_metadata(&self, _: Request<wire::get_metadata::Request>) -> Result<Response<wire::get_metadata::Response>, Status> {
        answer("GetMetadata", "", async { Ok(self.metadata()) }).await
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Result<Response<wire::get_provider_schema::Response>, Status> {
        answer("GetProviderSchema", "", async { Ok(self.provider_schema()) }).await
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Result<Response<wire::get_resource_identity_schemas::Response>, Status> {
        answer("GetResourceIdentitySchemas", "", async { Ok(self.identity_schemas()) }).await
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Result<Response<wire::validate_provider_config::Response>, Status> {
        let request = request.into_inner();
        answer("ValidateProviderConfig", "", async { self.provider_validate(&request) }).await
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Result<Response<wire::validate_resource_config::Response>, Status> {
        let request = request.into_inner();
        answer("ValidateResourceConfig", &request.type_name, async { self.resource_validate(&request) }).await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Result<Response<wire::validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        answer("ValidateDataResourceConfig", &request.type_name, async { self.data_source_validate(&request) }).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Result<Response<wire::upgrade_resource_state::Response>, Status> {
        let request = request.into_inner();
        answer("UpgradeResourceState", &request.type_name, async { self.resource_upgrade(&request) }).await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Result<Response<wire::upgrade_resource_identity::Response>, Status> {
        let request = request.into_inner();
        answer("UpgradeResourceIdentity", &request.type_name, async { self.identity_upgrade(&request) }).await
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Result<Response<wire::configure_provider::Response>, Status> {
        let request = request.into_inner();
        answer("ConfigureProvider", "", async { self.provider_configure(&request).await }).await
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Result<Response<wire::read_resource::Response>, Status> {
        let request = request.into_inner();
        answer("ReadResource", &request.type_name, async { self.resource_read(&request).await }).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Result<Response<wire::plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        answer("PlanResourceChange", &request.type_name, async { self.resource_plan(&request).await }).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Result<Response<wire::apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        answer("ApplyResourceChange", &request.type_name, async { self.resource_apply(&request).await }).await
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Result<Response<wire::import_resource_state::Response>, Status> {
        let request = request.into_inner();
        answer("ImportResourceState", &request.type_name, async { self.resource_import(&request).await }).await
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Result<Response<wire::move_resource_state::Response>, Status> {
        let request = request.into_inner();
        answer("MoveResourceState", &request.target_type_name, async { self.resource_move(&request) }).await
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Result<Response<wire::read_data_source::Response>, Status> {
        let request = request.into_inner();
        answer("ReadDataSource", &request.type_name, async { self.data_source_read(&request).await }).await
    }

    async fn generate_resource_config(
        &self,
        _: Request<wire::generate_resource_config::Request>,
    ) -> Result<Response<wire::generate_resource_config::Response>, Status> {
        Err(unsupported::generated_configuration())
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Result<Response<wire::validate_ephemeral_resource_config::Response>, Status> {
        let request = request.into_inner();
        answer("ValidateEphemeralResourceConfig", &request.type_name, async { self.ephemeral_validate(&request) }).await
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Result<Response<wire::open_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        answer("OpenEphemeralResource", &request.type_name, async { self.ephemeral_open(&request).await }).await
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Result<Response<wire::renew_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        answer("RenewEphemeralResource", &request.type_name, async { self.ephemeral_renew(&request) }).await
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Result<Response<wire::close_ephemeral_resource::Response>, Status> {
        let request = request.into_inner();
        answer("CloseEphemeralResource", &request.type_name, async { self.ephemeral_close(&request) }).await
    }

    type ListResourceStream = Empty<Result<wire::list_resource::Event, Status>>;

    async fn list_resource(&self, request: Request<wire::list_resource::Request>) -> Result<Response<Self::ListResourceStream>, Status> {
        Err(unsupported::list(&request.into_inner().type_name))
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<wire::validate_list_resource_config::Request>,
    ) -> Result<Response<wire::validate_list_resource_config::Response>, Status> {
        Err(unsupported::list(&request.into_inner().type_name))
    }

    async fn get_functions(&self, _: Request<wire::get_functions::Request>) -> Result<Response<wire::get_functions::Response>, Status> {
        answer("GetFunctions", "", async { Ok(self.functions()) }).await
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Result<Response<wire::call_function::Response>, Status> {
        let request = request.into_inner();
        answer("CallFunction", &request.name, async { self.function_call(&request) }).await
    }

    async fn validate_action_config(
        &self,
        request: Request<wire::validate_action_config::Request>,
    ) -> Result<Response<wire::validate_action_config::Response>, Status> {
        Err(unsupported::action(&request.into_inner().action_type))
    }

    async fn plan_action(&self, request: Request<wire::plan_action::Request>) -> Result<Response<wire::plan_action::Response>, Status> {
        Err(unsupported::action(&request.into_inner().action_type))
    }

    type InvokeActionStream = Empty<Result<wire::invoke_action::Event, Status>>;

    async fn invoke_action(&self, request: Request<wire::invoke_action::Request>) -> Result<Response<Self::InvokeActionStream>, Status> {
        Err(unsupported::action(&request.into_inner().action_type))
    }

    async fn validate_state_store_config(
        &self,
        _: Request<wire::validate_state_store_config::Request>,
    ) -> Result<Response<wire::validate_state_store_config::Response>, Status> {
        Err(unsupported::state_store())
    }

    async fn configure_state_store(
        &self,
        _: Request<wire::configure_state_store::Request>,
    ) -> Result<Response<wire::configure_state_store::Response>, Status> {
        Err(unsupported::state_store())
    }

    type ReadStateBytesStream = Empty<Result<wire::read_state_bytes::ResponseChunk, Status>>;

    async fn read_state_bytes(&self, _: Request<wire::read_state_bytes::Request>) -> Result<Response<Self::ReadStateBytesStream>, Status> {
        Err(unsupported::state_store())
    }

    async fn write_state_bytes(
        &self,
        _: Request<Streaming<wire::write_state_bytes::RequestChunk>>,
    ) -> Result<Response<wire::write_state_bytes::Response>, Status> {
        Err(unsupported::state_store())
    }

    async fn lock_state(&self, _: Request<wire::lock_state::Request>) -> Result<Response<wire::lock_state::Response>, Status> {
        Err(unsupported::state_store())
    }

    async fn unlock_state(&self, _: Request<wire::unlock_state::Request>) -> Result<Response<wire::unlock_state::Response>, Status> {
        Err(unsupported::state_store())
    }

    async fn get_states(&self, _: Request<wire::get_states::Request>) -> Result<Response<wire::get_states::Response>, Status> {
        Err(unsupported::state_store())
    }

    async fn delete_state(&self, _: Request<wire::delete_state::Request>) -> Result<Response<wire::delete_state::Response>, Status> {
        Err(unsupported::state_store())
    }

    async fn stop_provider(&self, _: Request<wire::stop_provider::Request>) -> Result<Response<wire::stop_provider::Response>, Status> {
        answer("StopProvider", "", async { Ok(self.provider_stop()) }).await
    }
}
