"""The table: what was measured, the number, its bar, and whether it is met."""

from dataclasses import dataclass

_WIDTHS = (10, 45, 58, 20, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measurement; without a bar it stands there for comparison."""

    what: str
    measured: str
    bar: str = ""
    is_met: bool | None = None


def print_header() -> None:
    _print_cells("benchmark", "what", "measured", "bar", "met")
    _print_cells(*("-" * width for width in _WIDTHS))


def print_line(benchmark: str, line: Line) -> None:
    met = {None: "", True: "yes", False: "NO"}[line.is_met]
    _print_cells(benchmark, line.what, line.measured, line.bar, met)


def _print_cells(*cells: str) -> None:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    print("  ".join(padded).rstrip(), flush=True)
