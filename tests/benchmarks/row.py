"""One line of the table: a figure, what it may be at most, and whether it is."""

from dataclasses import dataclass

HEAD = "| figure | value | limit (goal) | verdict | measured |\n| --- | ---: | ---: | --- | --- |"


@dataclass(frozen=True)
class Row:
    """A figure. Past the limit the program is too slow; the goal is where it shall come to."""

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
        if self.goal is None:
            return "kept"
        return "goal met" if self.value <= self.goal else "kept, goal missed"

    def markdown(self) -> str:
        """The line."""
        exact = self.unit in ("MiB", "calls")
        value = f"{self.value:.0f} {self.unit}" if exact else f"{self.value:.2f} {self.unit}"
        limit = "" if self.limit is None else f"{self.limit:g}"
        goal = "" if self.goal is None else f" ({self.goal:g})"
        return f"| {self.figure} | {value} | {limit}{goal} | {self.verdict} | {self.measured} |"
