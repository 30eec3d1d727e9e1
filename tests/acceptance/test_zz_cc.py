import os, sys
from collections import Counter
import pytest
sys.path[:0] = ["tests/sweep"]
from cross_account_access import access, ACCESS, WORKLOAD
from irsa_trust import trust, ROLE, POLICY
from cluster_peering import peering
from network import Network

def run(aws, root, hcl, n=1, par=10):
    root.write(hcl)
    out = {}
    def calls():
        aws.quiet(); c = Counter()
        for x in aws.calls():
            c[f"{x['service']}:{x['action']}{' ' + x['error'] if x['error'] else ''}"] += 1
        aws.clear_calls(); return c
    calls()
    root.apply(f"-parallelism={par}"); out["apply"] = calls()
    root.assert_empty_plan(); out["plan"] = calls()
    root.destroy(f"-parallelism={par}"); out["destroy"] = calls()
    return out

JOBS = {
 "story1": lambda aws: access(f'name = "{ACCESS}"', f'name = "{WORKLOAD}", instance_profile = true', 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }'),
 "story2": lambda aws: trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}'),
 "network": lambda aws: peering(Network(aws).workload_vpc),
 "story2x50": lambda aws: trust('name = "r${count.index}", inline_policies = { bucket = %s }' % POLICY, '{ namespace = "n${count.index}", name = "x" }', more="count = 50"),
 "story1x50": lambda aws: access('name = "a${count.index}"', 'name = "w${count.index}", instance_profile = true', 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }', "count = 50"),
}
@pytest.mark.parametrize("job", os.environ.get("JOBS", "story1,story2,network").split(","))
def test_calls(workspace, aws, job):
    hcl = JOBS[job](aws)
    out = run(aws, workspace(""), hcl)
    print("==", job, {k: sum(v.values()) for k, v in out.items()})
    for k, v in out.items():
        print("  ", k, dict(sorted(v.items())))
