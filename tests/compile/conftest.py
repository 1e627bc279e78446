"""Tests of machine code keep it in a folder of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("code") / "cache"
        patch.setenv("CLEARPROP_CACHE", str(folder))
        yield folder
