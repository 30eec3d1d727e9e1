"""The whole state of the AWS: dumped in canonical JSON, and wiped.

Every store is a module-level AccountScopedDict or AccountRegionScopedDict, ministack's and the extension's alike:
they are found by looking, so a new store needs no registration.
"""

import importlib
import json
import pickle

from ministack import app as stock_app
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

from . import api_server, consistency, ec2_security_groups, eks_clusters, faults, iam_quotas, journal, lags

# In each service: ministack's module, then the extension's (a module that does not exist has no stores).
_MODULES = {
    "eks": ("ministack.services.eks", "aws_emulator.extension.eks_clusters", "aws_emulator.extension.eks_access"),
    "iam": ("ministack.services.iam", "aws_emulator.extension.iam"),
    "ec2": ("ministack.services.ec2", "aws_emulator.extension.ec2"),
}

#: ministack's own account, for requests without credentials: no credentials belong to it.
_NOBODY = "000000000000"


def dump() -> dict:
    """account -> service -> store -> key -> value, sorted, as plain JSON; temporary sessions are left out."""
    ec2_security_groups.number_rules()
    found: dict = {}
    for service, modules in _MODULES.items():
        for module in modules:
            for name, store in _stores(module):
                for key, value in store._data.items():
                    # What is empty is as good as absent: ministack keeps a count of 0 attachments, for one.
                    if key[0] == _NOBODY or not value:
                        continue
                    account, rest = key[0], "/".join(str(part).replace("\x00", "|") for part in key[1:])
                    place = found.setdefault(account, {}).setdefault(service, {}).setdefault(name.lstrip("_"), {})
                    place[rest] = value
    return _documents(json.loads(json.dumps(found, sort_keys=True, default=_plain)))


def _documents(value):
    """IAM documents as the JSON that they are: white space and the order of keys mean nothing in them."""
    if isinstance(value, dict):
        return {key: _documents(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_documents(member) for member in value]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def reset() -> None:
    """Forget everything: all accounts, sessions, faults, the log and the settings. The caller seeds again."""
    stock_app._reset_all_state()
    api_server.close_all()
    for module in {module for modules in _MODULES.values() for module in modules if module.startswith("aws_emulator.")}:
        for _, store in _stores(module):
            store._data.clear()
    faults.reset()
    journal.clear()
    reset_settings()


def reset_settings() -> None:
    """Every delay, duration and quota as after the start."""
    consistency.set_delay(0)
    consistency.set_list_delay(0)
    lags.reset()
    iam_quotas.reset()
    eks_clusters.set_update_seconds(eks_clusters.UPDATE_SECONDS)


_snapshots: list[bytes] = []


def snapshot() -> int:
    """Remember all that the accounts hold, sessions excepted; returns what `restore` takes. For a state at rest:
    what is on its way to the next state would arrive at once after a restore."""
    modules = {module for modules in _MODULES.values() for module in modules}
    # In one piece: an object that two stores hold stays one object.
    held = {module: {name: store._data for name, store in _stores(module)} for module in modules}
    _snapshots.append(pickle.dumps(held, pickle.HIGHEST_PROTOCOL))
    return len(_snapshots) - 1


def restore(number: int) -> None:
    """Back to a snapshot. Faults and the log are cleared; settings stay, and API servers of clusters made since."""
    for module, stores in pickle.loads(_snapshots[number]).items():
        for name, data in stores.items():
            store = getattr(importlib.import_module(module), name)
            store._data.clear()
            store._data.update(data)
    faults.reset()
    journal.clear()
    consistency.forget()
    lags.forget()


def _stores(module_name: str):
    module = importlib.import_module(module_name)
    for name, value in sorted(vars(module).items()):
        if isinstance(value, (AccountScopedDict, AccountRegionScopedDict)):
            yield name, value


def _plain(value):
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else str(value)
