"""A sample of what `make sweep` does: one operation of each resource in each mode, a few cases of each."""

import pytest
from sweep import sweep

CASES_EACH = 4


def test_after_any_interruption_the_next_apply_converges_and_a_destroy_leaves_nothing(request, cli, tmp_path):
    given = request.config.getoption("--cli")
    if given and cli.executable != given[0]:
        pytest.skip("runs with the first CLI only, for the time that it takes")

    report = sweep(cli, tmp_path, sample=CASES_EACH, workers=1)

    assert report.run.total() > 20
    assert report.sound, report.summary(0)
