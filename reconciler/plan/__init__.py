"""The pure core: values and functions from desired and live tunnels to a plan and a report. No I/O, no clock."""
