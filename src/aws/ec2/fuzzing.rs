//! EC2's answers, and any other bytes in their place (`crate::fuzzing`).

use super::refusal::Refusal;
use super::xml::Element;
use super::*;

/// The bytes are a document.
pub fn ec2_answers(data: &[u8]) {
    let Ok(root) = Element::parse(data) else { return };
    let held = root.weight();
    assert!(held <= data.len(), "{held} characters of {}: something was made more of", data.len());
    let _ = Refusal::read(&root);
    for set in ["item", "vpcSet", "routeTableSet", "securityGroupInfo", "securityGroupRuleSet", "subnetSet", "networkAclSet"] {
        root.items(set).for_each(read);
    }
    read(&root);
}

/// Whatever it is, as each kind of object.
fn read(item: &Element) {
    let _ = (Vpc::read(item), Subnet::read(item), NatGateway::read(item), NetworkAcl::read(item), item.tags());
    let _ = (RouteTable::read(item), Route::read(item), PeeringConnection::read(item));
    let _ = (SecurityGroup::read(item), SecurityGroupRule::read(item));
}
