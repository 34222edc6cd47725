"""Pure: from plans, verdicts and lists to the `Report` that every format draws."""
