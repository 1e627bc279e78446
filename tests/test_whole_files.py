"""What somebody names is written in whole, and what is no file stays what it is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clearprop import interop, nn
from clearprop.cli.files import must_be_writable, write_whole
from clearprop.whole_files import whole_file

_NET = nn.Sequential(nn.Affine(np.eye(2), np.zeros(2)))
_WRITERS = {
    "cli": lambda path: write_whole(path, "text"),
    "safetensors": lambda path: interop.save_safetensors(_NET, path),
    "numpy": lambda path: interop.to_numpy(_NET, np.ones((3, 2)), path),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("write", _WRITERS.values(), ids=_WRITERS)
def test_a_pipe_is_written_into_and_stays_one(
    write: Callable[[Path], object], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    must_be_writable(pipe)
    read: list[bytes] = []
    keeper = os.open(pipe, os.O_RDWR)  # nobody waits for the other end, whatever is wrong
    reader = threading.Thread(target=lambda: read.append(os.read(keeper, 1 << 16)), daemon=True)
    reader.start()
    try:
        write(pipe)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        reader.join(10)
        assert len(read[0]) > 3
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    finally:
        os.close(keeper)


@pytest.mark.parametrize("write", _WRITERS.values(), ids=_WRITERS)
def test_a_link_stays_one(write: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "file", tmp_path / "link"
    file.write_bytes(b"before")
    link.symlink_to(file)
    write(link)
    assert link.is_symlink()
    assert file.read_bytes() not in (b"before", b"")
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_what_was_there_stays_where_the_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def interrupted() -> None:
        with whole_file(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no full device")
def test_a_full_disk_under_the_screen_is_one_paragraph(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"settings": {"lr": 0.2}}')
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "clearprop", "show", tmp_path],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: show: the output cannot be written: No space left")
    assert "Traceback" not in done.stderr
