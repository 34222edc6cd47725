"""The built-in simulator of the IPsec tunnel API: the project's only test double, and its sandbox.

`semantics` holds a switch for everything the published contract leaves open; `server` answers requests and is pure;
`faults` describes what can go wrong with one request, and `script` which request meets which. The edges are `transport`
(httpx, in process), `http` (loopback server) and `sandbox` (the state file). Nothing is imported here, so that each
user pays only for its part.
"""
