"""Packs groups of updates into bulk calls."""

from collections.abc import Iterable

from reconciler.core.change import Change

Group = tuple[Change, ...]


def pack(groups: Iterable[Group], size: int) -> tuple[tuple[Group, ...], ...]:
    """Fills batches with whole groups, in order.

    Args:
        groups: Updates that must stay together, in an order in which what frees comes first.
        size: Items of one batch. A larger group is a batch of its own, since splitting it could never work.
    """
    batches: list[tuple[Group, ...]] = []
    current: list[Group] = []
    count = 0
    for group in groups:
        if current and count + len(group) > size:
            batches.append(tuple(current))
            current, count = [], 0
        current.append(group)
        count += len(group)
    if current:
        batches.append(tuple(current))
    return tuple(batches)
