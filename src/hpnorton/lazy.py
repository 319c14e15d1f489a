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
from threading import RLock, local
from types import ModuleType
from typing import Any


@contextmanager
def lazy_imports() -> Iterator[None]:
    """Delay the imports in this block until the module that each imports is first used.

    Only modules can be imported lazily, as in `from package import module`; the package is delayed
    too. Modules that are written in C, or were imported before, are not delayed. An annotation uses
    a module at once, unless the file begins with `from __future__ import annotations`.
    """
    _block.depth += 1
    sys.meta_path.insert(0, _FINDER)
    try:
        yield
    finally:
        sys.meta_path.remove(_FINDER)
        _block.depth -= 1


def is_imported(name: str) -> bool:
    """Return whether a module's code has run."""
    return name in sys.modules and not isinstance(sys.modules[name], _LazyModule)


class _LazyModule(ModuleType):
    """A module whose code has not run yet, or runs now."""

    def __getattr__(self, name: str) -> Any:
        """Run the module's code, and return what it defines; other threads wait for that.

        `from package import module` asks the package for the module first: it is imported next.
        """
        if _block.depth:
            raise AttributeError(f"{self.__name__} is imported lazily, and {name} is no module")
        loader = self.__loader__
        assert isinstance(loader, _LazyLoader)
        loader.run(self, name)
        return getattr(self, name)


class _LazyLoader(SourceFileLoader):
    """A loader that leaves a module's code for the first use of the module."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._lock = RLock()
        self._is_running = self._has_run = False

    def exec_module(self, module: ModuleType) -> None:
        """Make the module one whose code runs later."""
        module.__class__ = _LazyModule

    def run(self, module: ModuleType, name: str) -> None:
        """Run the module's code, unless another thread has run it by now.

        Raises AttributeError if the code itself, which runs now, asks for `name`.
        """
        with self._lock:
            if self._is_running:
                raise AttributeError(f"{self.name} does not define {name} yet")
            if self._has_run:
                return
            self._is_running = True
            try:
                super().exec_module(module)
                module.__class__ = ModuleType
                self._has_run = True
            finally:
                self._is_running = False


class _LazyFinder:
    """A finder of the modules on sys.path that are written in Python."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return where a module is and how to load it lazily, or None for another kind."""
        spec = PathFinder.find_spec(name, path, target) if _block.depth else None
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _LazyLoader(name, spec.loader.path)
        return spec


class _Block(local):
    """How many blocks of lazy imports this thread is in."""

    depth = 0


_FINDER = _LazyFinder()
_block = _Block()
