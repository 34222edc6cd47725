"""The command line: arguments, environment, clock, files and exit codes; wires the pure parts together.

    main        from the arguments to the exit code; imports the command that runs
    options     the tables of commands and options, and the options' type
    arguments   from the words of the command line to the options, the help, or what is wrong; `about` is `--version`
    context     what a command gets from its surroundings, and `Halt`, the way to end it early
    output      the standard streams, behind the fence that hides secrets
    named       files that options name: tried out first, read, written; no output may be an input
    files       what the YAML of the selected accounts declares
    clients     the way to Cloudflare or the sandbox; `tokens` for it, `progress` and `log` of it
    planning    lists and plans accounts side by side
    psk_supply  pre-shared keys and sinks, before and after the changes
    approval    asks the person at the terminal
    lock        one writing run at a time
    begin       what an account begins with
    reports     the report, in every format

The commands are `plan`, `apply`, `drift`, `show`, `init`, `import_`, `psk`, `doctor`, `simulate`, `completion`, and
those of a few lines in `small`. Each takes a `Context` and returns a report, or an exit code where it has none. None
imports another.

One command on its way: `main` has `arguments` parse the words, makes a `Context`, has `named` try out the files that
are to be written, and runs `plan`. That has `files` load the YAML, opens `clients`, and has `planning` list and plan
each account: what comes back is a plan, or the report of an account that could not be read. `main` has `reports` write
the report and ends with its exit code. Whatever ends it before is raised: a `UsageError`, or a `Halt` with its
outcome.
"""
