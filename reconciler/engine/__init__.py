"""The apply protocol, sans I/O: generators that yield `Send` and `Pause` steps and are fed the outcomes.

The same code runs over HTTP and, thousands of times a second, inside the fault battery. It reads no clock and draws no
random numbers; retries of single calls are the business of whatever carries the steps out.
"""
