"""What the tests of the checker share."""

import pytest

from clearprop.check.handwritten import judging


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search for a cause as long as it takes: what is found must not depend on a busy machine."""
    monkeypatch.setattr(judging, "SECONDS", 20.0)
