"""`make bench`: what the provider costs: its process, and plan, apply, empty plan and destroy of many resources.

Writes docs/benchmarks.md. What was measured is kept in tests/bench/measured.json: a run with a selection replaces its
part.

    make bench                                                     # all: an hour and a half on two cores
    make bench BENCH='--counts 1 --latencies 100 --parts jobs'     # some
"""

import argparse
import json
import platform
import subprocess
import tempfile
from pathlib import Path

import page
from accounts import CLUSTER
from aws_emulator.client import Aws
from commands import Shell, story_1, story_2
from harness import Cli, Workspace, clean_environment
from kinds import KINDS, Kind
from measure import Job
from profiles import administrators, write_profiles
from runner_policies import allow_all_roles
from workspaces import PROVIDER

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "measured.json"
PAGE = ROOT / "docs" / "benchmarks.md"
PARTS = ("process", "jobs", "limited", "commands")
#: A token bucket for IAM's calls of each account.
RATE, BURST = 15, 30
#: Terraform's default.
PARALLELISM = 10
JOBS = {
    "plan": ("plan", "-out=tfplan"),
    "apply": ("apply", "-auto-approve"),
    "empty plan": ("plan", "-detailed-exitcode"),
    "destroy": ("destroy", "-auto-approve"),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--provider", type=Path, required=True)
    arguments.add_argument("--cli", required=True)
    arguments.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    arguments.add_argument("--counts", nargs="+", type=int, default=[1, 10, 100, 500])
    arguments.add_argument("--latencies", nargs="+", type=int, default=[0, 50, 200], help="milliseconds of each call")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md as it is")
    given = arguments.parse_args()

    measured = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    bench = Bench(given.cli, given.provider.resolve(), given.runs)
    measured |= {
        "cli": bench.version,
        "machine": f"{platform.system()} {platform.machine()}",
        "parallelism": PARALLELISM,
    }
    measured |= {"rate": RATE, "burst": BURST, "runs": given.runs}
    for part in given.parts:
        for name, found in getattr(bench, part)(given):
            measured.setdefault(part, {})[name] = found
            print(page.line(part, name, found), flush=True)
            KEPT.write_text(json.dumps(measured) + "\n")
    if not given.no_page:
        PAGE.write_text(page.rendered(measured))


class Bench:
    def __init__(self, cli: str, provider: Path, runs: int):
        self.executable, self.provider, self.runs = cli, provider, runs
        output = subprocess.run([cli, "version"], check=True, capture_output=True, text=True).stdout
        self.version = output.splitlines()[0]

    def process(self, _):
        """Of the release binary by itself: tests/plugin/bench.rs, which fails beyond its limits."""
        output = subprocess.run([ROOT / "tests" / "bench" / "run"], check=True, capture_output=True, text=True).stdout
        for line in output.splitlines():
            if "(limit " in line:
                what, measured = line.strip().split("  ", 1)
                value, unit = measured.split()[:2]
                yield what, [float(value), unit]

    def jobs(self, given):
        """Each job of each kind, by how many there are and how long each call takes."""
        for kind in (KINDS[name] for name in given.kinds):
            for count in kind.counts(given.counts):
                for latency in given.latencies:
                    yield f"{kind.name}/{count}/{latency}", self._measure(kind, count, latency)

    def limited(self, given):
        """The same where IAM accepts a few calls a second only."""
        for count in (10, 50):
            for kind in (KINDS[name] for name in given.kinds if name != "xeks_cluster_peering"):
                yield f"{kind.name}/{count}", self._measure(kind, count, 50, limited=True)

    def commands(self, given):
        """The stories typed with the AWS CLI."""
        with Aws(story=True) as aws, tempfile.TemporaryDirectory(prefix="xeks-bench-") as scratch:
            profiles = write_profiles(aws, Path(scratch) / "aws", **administrators(aws))
            environments = {
                name: clean_environment(Path(scratch), Path("/dev/null"), AWS_PROFILE=f"{name}-admin", **profiles)
                for name in ("platform", "workload")
            }
            shell = Shell(aws, environments)
            issuer = aws.client("cluster", "eks").describe_cluster(name=CLUSTER)["cluster"]["identity"]["oidc"][
                "issuer"
            ]
            scripts = {"story 1": story_1(), "story 2": story_2(issuer.removeprefix("https://"))}
            for latency in given.latencies:
                aws.faults.clear()
                aws.faults.add("latency", times=None, seconds=latency / 1000)
                for story, script in scripts.items():
                    for at_once in (False, True):
                        found = {"create": [], "delete": []}
                        for _ in range(self.runs):
                            found["create"].append(shell.seconds(script.create, at_once))
                            found["delete"].append(shell.seconds(script.delete, at_once))
                        yield f"{story}/{'parallel' if at_once else 'sequential'}/{latency}", found

    def _measure(self, kind: Kind, count: int, latency: int, limited: bool = False) -> dict[str, dict]:
        """All jobs, so many times, in accounts of their own."""
        with Aws(story=True) as aws, tempfile.TemporaryDirectory(prefix="xeks-bench-") as scratch:
            allow_all_roles(aws)
            root = self._workspace(aws, Path(scratch), kind.hcl(aws, count))
            aws.faults.add("latency", times=None, seconds=latency / 1000)
            if limited:
                aws.faults.add("throttle", service="iam", times=None, rate=RATE, burst=BURST)
            jobs = {job: Job() for job in JOBS}
            for _ in range(self.runs):
                for job, words in JOBS.items():
                    jobs[job].run(aws, root, *words, f"-parallelism={PARALLELISM}")
            return {job: measured.kept() for job, measured in jobs.items()}

    def _workspace(self, aws: Aws, scratch: Path, hcl: str) -> Workspace:
        cli = Cli(self.executable, self.provider, scratch)
        root = cli.workspace(scratch / "root", **write_profiles(aws, scratch / "root" / "aws"))
        root.write(PROVIDER % "", "provider.tf")
        return root.write(hcl)


if __name__ == "__main__":
    main()
