"""Imports that run when the imported module is first used, so that `--help` answers at once.

They stand at the top of a module, as other imports do:

    with lazy_imports():
        from hpnorton.rental import queries

    queries.find(store, "tent")  # runs the import

Python 3.15 has the same as a statement, `lazy import`.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any


@contextmanager
def lazy_imports() -> Iterator[None]:
    """Delay the imports in this block until the module that each imports is first used.

    Only modules can be imported so: `from package import module`. The parent packages are delayed
    too. Annotations use a module unless `from __future__ import annotations` is in force. What is
    written in C, or was imported before, is not delayed.
    """
    sys.meta_path.insert(0, _FINDER)
    try:
        yield
    finally:
        sys.meta_path.remove(_FINDER)


def is_imported(name: str) -> bool:
    """Return whether a module's code has run, or is running."""
    return name in sys.modules and not isinstance(sys.modules[name], _LazyModule)


class _LazyModule(ModuleType):
    """A module whose code has not run yet."""

    def __getattr__(self, name: str) -> Any:
        """Run the module's code, and return what it defines.

        `from package import module` asks the package for the module first: it is imported next.
        """
        if _FINDER in sys.meta_path:
            raise AttributeError(f"{self.__name__} is imported lazily, and {name} is no module")
        module: ModuleType = self
        module.__class__ = ModuleType
        loader = module.__loader__
        assert isinstance(loader, _LazyLoader)
        try:
            loader.run(module)
        except BaseException:
            module.__class__ = _LazyModule
            raise
        return getattr(module, name)


class _LazyLoader(SourceFileLoader):
    """A loader that leaves a module's code for the first use of the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Make the module one whose code runs later."""
        module.__class__ = _LazyModule

    def run(self, module: ModuleType) -> None:
        """Run the module's code."""
        super().exec_module(module)


class _LazyFinder:
    """A finder of the modules on sys.path that are written in Python."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return where a module is and how to load it lazily, or None for another kind."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _LazyLoader(name, spec.loader.path)
        return spec


_FINDER = _LazyFinder()
