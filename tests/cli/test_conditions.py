from __future__ import annotations

import pytest
from click.testing import CliRunner

from rag_router.cli.ask import ask
from rag_router.errors import SettingsError


def test_a_condition_that_is_none_costs_no_model():
    result = CliRunner().invoke(ask, ["Who?", "--where", "nonsense"])
    with pytest.raises(SettingsError, match="'nonsense' is no condition"):
        raise result.exception
