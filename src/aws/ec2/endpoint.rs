//! Where EC2 is asked in a region: its own address, by the rules of EC2's endpoint rule set, or one that the user gave.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::endpoint::{EndpointFuture, EndpointResolverParams, ResolveEndpoint};
use aws_smithy_types::endpoint::Endpoint;
use aws_types::service_config::ServiceConfigKey;

use crate::aws::arn::partition_of;

/// One region's address, or why there is none: the error of each call, as the SDK's clients do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address(Result<String, String>);

impl Address {
    /// `configured` is the provider's `endpoints.ec2`; next come AWS_ENDPOINT_URL_EC2, the profile's services and AWS_ENDPOINT_URL.
    pub fn of(config: &SdkConfig, region: &str, configured: Option<&str>) -> Self {
        let given = configured.map(str::to_owned).or_else(|| environments(config));
        let (fips, dualstack) = (config.use_fips().unwrap_or(false), config.use_dual_stack().unwrap_or(false));
        Address(match given {
            Some(_) if fips => Err("use_fips_endpoint can't be combined with a custom ec2 endpoint; remove one of them".to_owned()),
            Some(_) if dualstack => {
                Err("use_dualstack_endpoint can't be combined with a custom ec2 endpoint; remove one of them".to_owned())
            }
            Some(url) => Ok(url),
            None => own(region, fips, dualstack),
        })
    }
}

impl ResolveEndpoint for Address {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(match &self.0 {
            Ok(url) => Ok(Endpoint::builder().url(url.clone()).build()),
            Err(why) => Err(why.clone().into()),
        })
    }
}

fn environments(config: &SdkConfig) -> Option<String> {
    if config.get_origin("endpoint_url").is_client_config() {
        return config.endpoint_url().map(str::to_owned);
    }
    let key = ServiceConfigKey::builder().service_id("EC2").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    let own = config.service_config().and_then(|service| service.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

fn own(region: &str, fips: bool, dualstack: bool) -> Result<String, String> {
    let partition = partition_of(region);
    // Domains as in the SDKs' partitions.json; a partition without one for dual-stack has no such endpoints.
    let (domain, dualstack_domain) = match partition {
        "aws" | "aws-us-gov" => ("amazonaws.com", Some("api.aws")),
        "aws-cn" => ("amazonaws.com.cn", Some("api.amazonwebservices.com.cn")),
        "aws-iso" => ("c2s.ic.gov", Some("api.aws.ic.gov")),
        "aws-iso-b" => ("sc2s.sgov.gov", Some("api.aws.scloud")),
        "aws-iso-e" => ("cloud.adc-e.uk", Some("api.cloud-aws.adc-e.uk")),
        "aws-iso-f" => ("csp.hci.ic.gov", Some("api.aws.hci.ic.gov")),
        "aws-eusc" => ("amazonaws.eu", Some("api.amazonwebservices.eu")),
        _ => ("amazonaws.com", None),
    };
    let name = match (fips, dualstack) {
        // GovCloud's ordinary endpoints are FIPS endpoints.
        (true, false) if partition == "aws-us-gov" => "ec2",
        (true, _) => "ec2-fips",
        (false, _) => "ec2",
    };
    let domain = if dualstack {
        dualstack_domain.ok_or_else(|| format!("partition {partition} has no dual-stack endpoints; remove use_dualstack_endpoint"))?
    } else {
        domain
    };
    Ok(format!("https://{name}.{region}.{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_domains() {
        assert_eq!(own("ap-south-1", false, false).unwrap(), "https://ec2.ap-south-1.amazonaws.com");
        assert_eq!(own("ap-south-1", true, false).unwrap(), "https://ec2-fips.ap-south-1.amazonaws.com");
        assert_eq!(own("ap-south-1", false, true).unwrap(), "https://ec2.ap-south-1.api.aws");
        assert_eq!(own("ap-south-1", true, true).unwrap(), "https://ec2-fips.ap-south-1.api.aws");
        assert_eq!(own("cn-north-1", false, false).unwrap(), "https://ec2.cn-north-1.amazonaws.com.cn");
        assert_eq!(own("cn-north-1", false, true).unwrap(), "https://ec2.cn-north-1.api.amazonwebservices.com.cn");
        assert_eq!(own("us-gov-west-1", true, false).unwrap(), "https://ec2.us-gov-west-1.amazonaws.com");
        assert_eq!(own("us-gov-west-1", true, true).unwrap(), "https://ec2-fips.us-gov-west-1.api.aws");
    }

    #[test]
    fn a_configured_endpoint_comes_first_and_excludes_fips_and_dual_stack() {
        let environment = SdkConfig::builder().endpoint_url("http://everything").build();
        assert_eq!(Address::of(&environment, "eu-west-1", Some("http://mine")), Address(Ok("http://mine".into())));
        assert_eq!(Address::of(&environment, "eu-west-1", None), Address(Ok("http://everything".into())));
        let fips = SdkConfig::builder().use_fips(true).build();
        assert!(Address::of(&fips, "eu-west-1", Some("http://mine")).0.unwrap_err().contains("use_fips_endpoint"));
        assert_eq!(Address::of(&fips, "eu-west-1", None), Address(Ok("https://ec2-fips.eu-west-1.amazonaws.com".into())));
    }
}
