"""What each access policy for people allows: the tables of the EKS user guide, "Review access policy permissions".

Owns: access_policies.json, which names its source. Must not know: who asks.
"""

import functools
import json
from pathlib import Path


@functools.cache
def access_policies() -> dict[str, list[tuple[str, list[str], list[str]]]]:
    """Name of the policy → its rules: API group, resources, verbs."""
    return json.loads(Path(__file__).with_suffix(".json").read_text())["policies"]
