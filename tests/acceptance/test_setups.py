"""Every broken set-up is identified by its hop and reason, every sound one is allowed; docs/guides/broken-setups.md lists them all."""

import os
from pathlib import Path

import pytest
import setups_access
import setups_irsa
import setups_network
from setups import explain, page

pytestmark = pytest.mark.one_cli

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "broken-setups.md"
PARTS = (setups_access, setups_network, setups_irsa)
SETUPS = [*(one for part in PARTS for one in part.BROKEN), *(one for part in PARTS for one in part.SOUND)]


def test_every_broken_set_up_fails_at_its_hop_and_every_sound_one_is_allowed(cli, aws, tmp_path):
    explanations = explain(cli, aws, tmp_path, SETUPS)

    wrong = [f"{one.setup.name}: {'; '.join(one.wrong)}" for one in explanations if one.wrong]
    assert not wrong, "\n".join(wrong)
    if os.environ.get("XEKS_WRITE"):
        PAGE.write_text(page(explanations))
    assert PAGE.exists() and PAGE.read_text() == page(explanations), (
        "docs/guides/broken-setups.md is out of date: run `make docs`"
    )
