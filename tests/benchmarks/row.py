"""One line of the table: a figure, what it may be at most, and whether it is."""

from dataclasses import dataclass

HEAD = "| figure | value | limit (goal) | verdict | measured |\n| --- | ---: | ---: | --- | --- |"


@dataclass(frozen=True)
class Row:
    """A figure; over the limit it is a fault, and the goal is what we would like."""

    figure: str
    value: float
    unit: str  # "x" for a ratio
    measured: str = ""
    limit: float | None = None
    goal: float | None = None

    @property
    def verdict(self) -> str:
        """Empty without a limit."""
        if self.limit is None:
            return ""
        if self.value > self.limit:
            return "**over the limit**"
        return "goal met" if self.goal is not None and self.value <= self.goal else "limit kept"

    def markdown(self) -> str:
        """The line."""
        exact = self.unit in ("MiB", "calls")
        value = f"{self.value:.0f} {self.unit}" if exact else f"{self.value:.2f} {self.unit}"
        limit = "" if self.limit is None else f"{self.limit:g}"
        goal = "" if self.goal is None else f" ({self.goal:g})"
        return f"| {self.figure} | {value} | {limit}{goal} | {self.verdict} | {self.measured} |"
