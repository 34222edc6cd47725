"""Packs groups of updates into bulk calls."""

from collections import deque
from collections.abc import Iterable

from reconciler.plan.change import Change

Group = tuple[Change, ...]


def take(queue: deque[Group], size: int) -> list[Group]:
    """Takes the next batch off a queue: as many whole groups as fit, in order, and always one.

    Args:
        queue: At least one group of updates that must stay together, in an order in which what frees comes first.
        size: Items of one batch. A larger group is a batch of its own, since splitting it could never work.
    """
    batch = [queue.popleft()]
    count = len(batch[0])
    while queue and count + len(queue[0]) <= size:
        count += len(queue[0])
        batch.append(queue.popleft())
    return batch


def pack(groups: Iterable[Group], size: int) -> list[list[Group]]:
    """All batches of these groups, as `take` takes them while nothing changes the size."""
    queue = deque(groups)
    batches = []
    while queue:
        batches.append(take(queue, size))
    return batches
