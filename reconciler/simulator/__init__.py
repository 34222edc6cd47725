"""The built-in simulator of the IPsec tunnel API: the project's only test double, and its sandbox.

It is a second witness of what the API does, so it shares no code with the program: a misreading in one of them shows as
a difference between the two.

A request goes through `server` (who may call, how often, which account; a write works on a copy of it), `message`
(routes and the envelope), `operations` (the endpoints), `account` (who holds which name and address), `checks`
(what is refused) and `tunnels` (a tunnel as it is kept and shown). `semantics` has a switch for everything that the
published contract leaves open, and `faults` has what can go wrong with one request. All of these are pure. The edges
are `transport` (httpx, in process), `http` (a server on loopback) and `sandbox` (the state file).
"""
