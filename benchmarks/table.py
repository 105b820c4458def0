"""Samples into the lines of the printed table: ratios of runs made side by side, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.targets import CPU, FINAL, Target, targets_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HEADER = ("work", "ours", "peer", "ratio median (min-max)", "target", "met?", "found")
MISSED = "MISSED"
MB = "{:.0f} MB"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, already in words."""

    work: str
    ours: str = "-"
    peer: str = "-"
    ratio: str = "-"
    target: str = "-"
    met: str = "-"
    found: str = "-"

    def cells(self) -> tuple[str, ...]:
        """In the order of the header."""
        return (self.work, self.ours, self.peer, self.ratio, self.target, self.met, self.found)


def ratio_row(work: str, measure: str, peer: str, pairs: Sequence[tuple[float, float]], found: str) -> Row:
    """Seconds of both sides, (ours, theirs) for each round; a ratio is of two runs of one round.

    `found` says how many planted keys each side found; with one missed there is no verdict.
    """
    ratios = [ours / max(theirs, 1e-6) for ours, theirs in pairs]
    middle = median(ratios)
    verdict = _verdict(targets_for(work, peer), middle, "{:.2f}")
    if MISSED in found:
        verdict["met"] = "void"
    return Row(
        work=f"{work}, {measure}",
        ours=f"{median(ours for ours, _ in pairs):.3g} s",
        peer=f"{peer} {median(theirs for _, theirs in pairs):.3g} s",
        ratio=f"{middle:.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        **verdict,
        found=found or "-",
    )


def memory_row(work: str, peak: int, others: str) -> Row:
    """Bytes of our largest Python process against the limit in MB."""
    megabytes = peak / 1e6
    targets = targets_for(work, "memory")
    if not peak:
        return Row(f"{work}, peak memory", "needs Linux /proc", others, target=_limits(targets, MB))
    return Row(f"{work}, peak memory", MB.format(megabytes), others, **_verdict(targets, megabytes, MB))


def flood_row(floods: Sequence[tuple[float, str, bool]], remark: Callable[[str], None]) -> Row:
    """Seconds of processor time for a MB, names, and whether the key behind was found; dearest first."""
    for seconds, name, found in floods:
        remark(f"floods, {name}: {seconds:.2f} s/MB" + ("" if found else f", key {MISSED}"))
    most, name, _ = floods[0]
    return Row(
        work="floods, cpu for a MB",
        ours=f"{most:.2f} s at most ({name})",
        peer=f"median {median(seconds for seconds, _, _ in floods):.2f} s",
        found=f"{sum(found for _, _, found in floods)}/{len(floods)}",
        **_verdict(targets_for("floods", CPU), most, "{:.2f} s"),
    )


def not_measured(work: str, peer: str, why: str, ours: str = "-", found: str = "") -> Row:
    """Return a row with the reason that there is no figure, and with its target."""
    target = _limits(targets_for(work, peer), "{:.2f}")
    return Row(work, ours, f"{peer}: {why}", target=target, met="not measured", found=found or "-")


def render(rows: Iterable[Row]) -> str:
    """A Markdown table, padded so that it also reads well in a terminal."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    shown = [f"| {' | '.join(cells)} |" for cells in padded]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def _limits(targets: Sequence[Target], form: str) -> str:
    return "; ".join(f"{_stage(target)}≤ {form.format(target.limit)}" for target in targets) or "-"


def _verdict(targets: Sequence[Target], figure: float, form: str) -> dict[str, str]:
    met = [_stage(target) + ("yes" if figure <= target.limit else "NO") for target in targets]
    return {"target": _limits(targets, form), "met": "; ".join(met) or "-"}


def _stage(target: Target) -> str:
    return "final " if target.stage == FINAL else ""
