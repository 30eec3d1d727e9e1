"""Two VPCs as network namespaces: what AWS routes and lets in, the kernel does.

The team's instance is in a namespace of its own. It reaches AWS's public endpoints always, and the API server only by
the peering connection: once that is active, both VPCs route to each other, and the cluster security group lets in port
443. Anything else is dropped without an answer, as a VPC does.

    team's namespace    10.30.0.10   p1 ------ p0   10.20.0.10  API server   the control plane's namespace
                        10.255.0.2   t1 ------ t0   10.255.0.1  AWS
                                     x1 ------ x0   nowhere: what has no route ends here

Knows iproute2 and EC2 of the emulated AWS.
"""

import subprocess

from machine import API_SERVER_ADDRESS, AWS_ADDRESS, METADATA_ADDRESS, run
from network import Network
from world import World

CLUSTER_BLOCK, TEAM_BLOCK, INSTANCE = "10.20.0.0/16", "10.30.0.0/16", "10.30.0.10"
#: Replies of the API server that the cluster security group would not have let in.
DROPPED = ("from", API_SERVER_ADDRESS, "to", TEAM_BLOCK, "priority", "100", "blackhole")


class PrivateNetwork:
    """A context manager; `enter` runs a command where the instance is."""

    def __init__(self, world: World):
        self._network = Network(world.aws)
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.enter = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]
        self._in_force: set[str] = set()

    def __enter__(self) -> "PrivateNetwork":
        for inner, outer in (("t1", "t0"), ("p1", "p0"), ("x1", "x0")):
            run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", str(self._holder.pid))
            run("ip", "link", "set", outer, "up")
            self._inside("link", "set", inner, "up")
        run("ip", "address", "add", "10.255.0.1/30", "dev", "t0")
        self._inside("link", "set", "lo", "up")
        self._inside("address", "add", "10.255.0.2/30", "dev", "t1")
        self._inside("address", "add", f"{INSTANCE}/32", "dev", "p1")
        for address in (AWS_ADDRESS, METADATA_ADDRESS):
            self._inside("route", "add", address, "via", "10.255.0.1", "dev", "t1")
        # Without a resolution of addresses, nothing says that nothing is there.
        self._inside("link", "set", "x1", "arp", "off")
        self._inside("route", "add", "default", "dev", "x1", "src", INSTANCE)
        run("ip", "rule", "add", *DROPPED)
        self.reconcile()
        return self

    def __exit__(self, *_) -> None:
        if "rule" not in self._in_force:
            run("ip", "rule", "delete", *DROPPED[:-1])
        self._holder.kill()
        self._holder.wait()

    def reconcile(self) -> None:
        """Routes and rules in the kernel, as EC2 has them now."""
        wanted, connections = set(), {each["VpcPeeringConnectionId"] for each in self._network.connections()}
        for account, block in (("workload", CLUSTER_BLOCK), ("cluster", TEAM_BLOCK)):
            routes = self._network.routes(account)
            if any(route.endswith(f"/{block}") and target in connections for route, target in routes.items()):
                wanted.add(account)
        if TEAM_BLOCK in self._network.rules():
            wanted.add("rule")
        changes = {
            "workload": lambda verb: self._inside("route", verb, CLUSTER_BLOCK, "dev", "p1", "src", INSTANCE),
            "cluster": lambda verb: run("ip", "route", verb, TEAM_BLOCK, "dev", "p0"),
            # The rule of the security group takes the kernel's away.
            "rule": lambda verb: (
                run("ip", "rule", "delete", *DROPPED[:-1]) if verb == "add" else run("ip", "rule", "add", *DROPPED)
            ),
        }
        for name, change in changes.items():
            if (name in wanted) != (name in self._in_force):
                change("add" if name in wanted else "delete")
        self._in_force = wanted

    def _inside(self, *arguments: str) -> None:
        run(*self.enter, "ip", *arguments)
