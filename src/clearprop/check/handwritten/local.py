"""Modules of the user that stand beside a file: imported for their definitions, never run."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clearprop.check.handwritten.reading import Block, read
from clearprop.places import installed_folders

Fill = Callable[[types.ModuleType, list[Block]], None]


@contextmanager
def importing_from(folder: Path, fill: Fill) -> Iterator[None]:
    """Let imports find the modules of a folder and of the one above, executed by ``fill``.

    In a package, those of the folder that holds it too: ``from package.functions import f``.
    """
    for name in [name for name, module in sys.modules.items() if _is_ours(module)]:
        del sys.modules[name]  # another file's module of the same name
    installed = installed_folders()
    looked = dict.fromkeys((folder, folder.parent, _root_of(folder)))
    folders = [each for each in looked if not str(each).startswith(installed)]
    finder = _Finder(folders, fill)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _root_of(folder: Path) -> Path:
    """Give the folder that holds the outermost package around a folder."""
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


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
        if path is not None and not _is_ours(sys.modules.get(name.rpartition(".")[0])):
            return None
        for folder in self.folders if path is None else map(Path, path):
            file, package = folder / f"{last}.py", folder / last
            init = package / "__init__.py"
            if init.is_file() or (not file.is_file() and any(package.glob("*.py"))):
                return _package(name, package, _Loader(init if init.is_file() else None, self.fill))
            if file.is_file():
                return importlib.machinery.ModuleSpec(name, _Loader(file, self.fill))
        return None


def _package(name: str, folder: Path, loader: _Loader) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(name, loader, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def package_above(folder: Path, levels: int, fill: Fill) -> str:
    """Make empty packages of a folder and those above it, for ``from ..functions import f``."""
    names: list[str] = []
    for each in reversed([folder, *folder.parents][:levels]):
        names.append(f"checked_{each.name}".replace(".", "_"))
        spec = _package(".".join(names), each, _Loader(None, fill))
        module = importlib.util.module_from_spec(spec)
        if (each / "__init__.py").is_file():
            vars(module)["__getattr__"] = _late(module, each / "__init__.py", fill)
        sys.modules[spec.name] = module
    return ".".join(names)


def _late(module: types.ModuleType, init: Path, fill: Fill) -> Callable[[str], object]:
    """Give a ``__getattr__`` that executes a package's own file when a name of it is asked for."""

    def attribute(name: str) -> object:
        if vars(module).pop("__getattr__", None) and not name.startswith("__"):
            fill(module, read(init))
            if name in vars(module):
                return vars(module)[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    return attribute
