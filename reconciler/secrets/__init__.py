"""Keys and tokens: where they come from, where they go, and what keeps them out of every output.

secret                       a key that can't be shown by accident
resolve                      references in the files to keys, in a ring by tunnel name
steps, rotate, made          protocols that set keys, make new ones, have Cloudflare make some; pure
deliver                      the generated keys of an apply
sinks, file_sink, program    where generated keys go: the steps of a protocol, done
redact                       takes secrets out of every text that leaves the program
status                       how old each key is, and which are in doubt
"""
