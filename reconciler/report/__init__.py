"""Pure: from plans, verdicts and lists to the `Report` that every format draws.

values     the report: what every format draws, and what the JSON format is word by word
make       from plans and from how they ended to a report
drift      a plan as drift: classes, severities, ages, ways out
tunnels    single live tunnels, and what their devices must have
doctor     what `doctor` found, each with what to do
outcome    how a run ends: names, exit codes, which of several it is
"""
