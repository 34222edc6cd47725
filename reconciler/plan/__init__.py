"""What would be done to an account: desired and live tunnels in, a plan out. No I/O, no clock.

    scope     who owns what, before anything is compared; a live tunnel that is nobody's is never touched
    diff      the changes that lead from live to declared, setting by setting
    claims    which change takes what another tunnel holds: a name, a network, an identity
    order     an order in which nothing is taken before it is free
    detour    a way out for changes that wait for each other in a circle
    plan      all of it together: the `Plan`
    guard     what forbids it
    build     makes it, with the digest of what was approved

`saved` writes a plan down for approval and compares it later, `baseline` says who made each difference, and `stale`
names lines and options that do nothing.
"""
