"""Everything that speaks to Cloudflare. No other part of the program knows HTTP, or what an answer looks like.

    call       calls and their outcomes as values, and the steps of a conversation: what the engine speaks
    exchange   one call to its outcome: waits for its turn, sends, tries again where that is safe
    wire       a call to an HTTP request; an HTTP reply to an outcome, by its status
    answers    what the body of a reply says, read strictly, and how much of it may be repeated
    retry      whether and when a try is repeated
    pace       when the next call of a token may go
    http       HTTP over the network; the only one that does I/O
    baseurl, proxy   where the API is, and which way leads there

Read `call` first. A call takes this way: `Client.run` gets it from the engine, `exchange` has `wire.encode` make a
`Request` of it, a `Port` (`http.HttpPort`, or a simulator) carries that out, `wire.decode` makes an outcome of the
`Reply`, and the engine is sent it.
"""
