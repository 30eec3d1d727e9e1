"""`make races`: every case many times, by the real CLI. Prints how often each ran and lost something.

Knows the command line and the report. What is raced is in `race_cases`, how in `race`.
"""

import argparse
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from aws_emulator.client import Aws
from harness import Cli
from race import Race
from race_cases import CASES


@dataclass
class Tally:
    runs: int = 0
    lost: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run_races(cli: Cli, directory: Path, cases: list, count: int, workers: int) -> dict[str, Tally]:
    """All cases so many times, several at a time, each worker in accounts of its own."""
    tallies = {case.__name__: Tally() for case in cases}
    idle: SimpleQueue[Aws] = SimpleQueue()

    def one(case, number: int) -> None:
        aws, tally, begun = idle.get(), tallies[case.__name__], time.monotonic()
        try:
            # By its own seed, so that it can be had again as far as timing repeats.
            seed = zlib.crc32(case.__name__.encode()) + number
            case(Race(cli, aws, directory / f"{case.__name__}-{number}", seed))
        except Exception as lost:
            tally.lost.append(f"run {number}: {type(lost).__name__}: {lost}")
            print(f"!!! {case.__name__}, {tally.lost[-1]}", flush=True)
        finally:
            tally.runs += 1
            tally.seconds += time.monotonic() - begun
            idle.put(aws)
            if tally.runs == count:
                print(line(case.__name__, tally), flush=True)

    started = [Aws(story=True).__enter__() for _ in range(workers)]
    try:
        for aws in started:
            idle.put(aws)
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(one, case, number) for case in cases for number in range(count)]:
                done.result()
    finally:
        for aws in started:
            aws.__exit__()
    return tallies


def line(name: str, tally: Tally) -> str:
    each = tally.seconds / max(tally.runs, 1)
    return f"{name.replace('_', ' '):52} {tally.runs:4} runs  {len(tally.lost):3} lost updates  {each:5.1f} s each"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--provider", required=True, type=Path)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--count", type=int, default=20, help="runs of each case")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--workers", type=int, default=4, help="cases at a time: most of a run is waiting")
    asked = parser.parse_args()
    cases = [case for case in CASES if asked.only.replace(" ", "_") in case.__name__]
    if not cases:
        parser.error(f"no case has {asked.only!r} in its name")
    with tempfile.TemporaryDirectory(prefix="xeks-races-") as folder:
        directory = Path(folder)
        (directory / "cli").mkdir()
        cli, begun = Cli(asked.cli, asked.provider.resolve(), directory / "cli"), time.monotonic()
        tallies = run_races(cli, directory / "runs", cases, asked.count, asked.workers)
    runs, lost = sum(t.runs for t in tallies.values()), sum(len(t.lost) for t in tallies.values())
    print(f"\n{len(cases)} cases, {runs} runs, {lost} lost updates, {(time.monotonic() - begun) / 60:.1f} minutes")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
