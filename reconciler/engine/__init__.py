"""The apply protocol, sans I/O: it says what to send and how long to wait, and somebody else does it.

A protocol is a generator, a `Conversation`. It yields a step, is sent the outcomes of that step's calls, and returns a
value in the end. `api.call.drive` runs one with whatever carries steps out: `api.exchange.Client` over HTTP, and in the
fault battery a simulator with a virtual clock, thousands of times a second. So nothing here reads a clock, sleeps or
draws a random number. Neither does it see pacing and retries: `api.exchange` tries a call again by itself where that is
surely harmless, and what reaches the engine is how it ended (`api.call.CallOutcome`).

An example, with `lon` and `par` to be updated, `rom` to be made and `old` to be deleted. The connection breaks while
the update is on its way:

    what `apply` yields               what it is sent
    Send(UPDATE lon, par)             Ambiguous    it may have been carried out, so the list is asked:
    Send(LIST)                        Answered     lon is as declared, par as it was
    Pause(2.0)                        ()           what is sent again is the same, and waits a little
    Send(UPDATE par)                  Answered
    Send(CREATE rom)                  Answered
    Send(DELETE old)                  Answered     last, and only because all else was applied
    Send(LIST)                        Answered     nothing differs any more
    returns Applied(verdicts={…: APPLIED, …}, left=())

The rules that every protocol here keeps:

1. An answer that can be believed decides. After any other the list decides, and a write goes again only if a list shows
   that it was not done (`write.write` for updates; `creates` and `deletes` do the same, each in its way).
2. Without a whole list nobody knows what is there: the account stops (`run.Run.observe`).
3. A change is sent only while its tunnel is as the plan saw it or as this run left it. What others did meanwhile is
   never overwritten (`run.Run.left_to_do`).
4. A change is sent only after those that free what it takes were applied, or in one call with them where they free
   it for each other (`run.Run.ready`).
5. The last list decides. It corrects the verdicts, whatever the answers said (`verify`).
6. No list tells which key a tunnel has. So for keys an answer is the only proof, and the same key is sent again until
   there is one (`psk`, `run.Run.unproved`).

Read `run` (what is known while it goes on) and `write` first, then `deletes`, `updates`, `creates`, `verify`, and
`apply` which puts them in order; `rollout` watches waves and takes back what does harm, `psk` sets keys.
`server_check` asks the server about a plan without changing anything; `listing` reads one list. `measure` finds out
what the API leaves undocumented, on scratch tunnels of its own (`bench`, `experiments`).
"""
