"""Modules of the user that stand beside a file: imported for their definitions, never run."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clearprop.check.handwritten.reading import Block, read

Fill = Callable[[types.ModuleType, list[Block]], None]


@contextmanager
def importing_from(folder: Path, fill: Fill) -> Iterator[None]:
    """Let imports find the modules of a folder and of the one above, executed by ``fill``."""
    for name in [name for name, module in sys.modules.items() if _is_ours(module)]:
        del sys.modules[name]  # another file's module of the same name
    finder = _Finder([folder, folder.parent], fill)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _is_ours(module: object) -> bool:
    return isinstance(getattr(getattr(module, "__spec__", None), "loader", None), _Loader)


class _Loader(importlib.abc.Loader):
    def __init__(self, file: Path | None, fill: Fill) -> None:
        self.file = file
        self.fill = fill

    def exec_module(self, module: types.ModuleType) -> None:
        if self.file is not None:
            module.__file__ = str(self.file)
            self.fill(module, read(self.file))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, folders: list[Path], fill: Fill) -> None:
        self.folders = folders
        self.fill = fill

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        last = name.rpartition(".")[2]
        if path is None and (last in sys.stdlib_module_names or last in {"numpy", "clearprop"}):
            return None
        if path is not None and not any(
            _is_ours(sys.modules.get(name.rpartition(".")[0])) for _ in path
        ):
            return None
        for folder in self.folders if path is None else map(Path, path):
            file, package = folder / f"{last}.py", folder / last
            if file.is_file():
                return importlib.machinery.ModuleSpec(name, _Loader(file, self.fill))
            if package.is_dir() and any(package.glob("*.py")):
                init = package / "__init__.py"
                loader = _Loader(init if init.is_file() else None, self.fill)
                spec = importlib.machinery.ModuleSpec(name, loader, is_package=True)
                spec.submodule_search_locations = [str(package)]
                return spec
        return None
