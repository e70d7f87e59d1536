"""Deliberate defects, planted while the simulation runs: a search that misses them proves nothing.

Functions get the code of the changed source and constants its values, wherever they are known.
"""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.mutants.defect import Defect, changed
from tests.simulation.simulation import Verdict, simulate

ENOUGH = 400
"""A defect that shows in none of so many seeds has survived."""


@contextmanager
def applied(defect: Defect) -> Iterator[None]:
    """The program has the defect in the body."""
    with ExitStack() as stack:
        for name, source in changed(defect).items():
            for change in _planted(importlib.import_module(name), source):
                stack.enter_context(change)
        yield


def caught(defect: Defect) -> Verdict | None:
    """The first verdict that notices it, in a seed where nothing is broken without it."""
    for seed in range(defect.seed or 0, (defect.seed or 0) + ENOUGH):
        with applied(defect):
            verdict = simulate(seed)
        if verdict.broken and not simulate(seed).broken:
            return verdict
    return None


def _planted(module: ModuleType, source: str) -> Iterator[AbstractContextManager[None]]:
    code = compile(source, module.__file__ or "", "exec")
    changed: dict[str, Any] = {"__name__": module.__name__}
    exec(code, changed)
    for name, value in vars(module).items():
        # Tables and their expressions cannot be compared, but as they are written.
        if not callable(value) and name.isupper() and repr(changed[name]) != repr(value):
            yield _set(module, name, changed[name])
    before = dict(_codes(compile(inspect.getsource(module), module.__file__ or "", "exec")))
    for name, new in _codes(code):
        if new.co_code != before[name].co_code or new.co_consts != before[name].co_consts:
            yield _set(_function(module, name), "__code__", new)


@contextmanager
def _set(target: object, name: str, new: object) -> Iterator[None]:
    old = getattr(target, name)
    setattr(target, name, new)
    try:
        yield
    finally:
        setattr(target, name, old)


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """The code of functions and methods, by the names under which they are found."""
    for one in code.co_consts:
        if isinstance(one, CodeType) and "<" not in one.co_name:
            is_class = not one.co_flags & inspect.CO_NEWLOCALS
            yield from _codes(one) if is_class else [(one.co_qualname, one)]


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    return inspect.unwrap(getattr(found, "fget", getattr(found, "__func__", found)))
