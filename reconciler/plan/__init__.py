"""What would be done to an account: desired and live tunnels in, a plan out. No I/O, no clock.

    scope     who owns what, before anything is compared; a live tunnel that is nobody's is never touched
    diff      the changes that lead from live to declared, setting by setting
    claims    what only one tunnel may hold: a name, a network, an identity; which change takes it from which
    order     an order in which nothing is taken before it is free, and which deletes go first or last
    detour    a way out for changes that wait for each other in a circle
    waves     the same order in waves, for a rollout
    plan      all of it together: the `Plan`
    digest    what tells whether two plans are the same
    guard     what forbids a plan
    build     makes it

Of a plan that was made, `routes` says what it takes from static routes, `windows` what has to wait, `baseline` who made
each difference, and `stale` which lines and options do nothing. `saved` writes it down for approval and compares later.
"""
