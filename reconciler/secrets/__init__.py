"""Keys and tokens: where they come from, where they go, and what keeps them out of every output.

secret                     a key that can't be shown by accident
resolve, program           references in the files to keys, by tunnel name; the commands that some of them run
steps                      what all protocols ask of a sink and of the keys at hand; these are pure:
rotate, made, deliver      set and rotate keys; have Cloudflare make some; those of the tunnels that an apply makes
sinks                      where generated keys go: the steps of a protocol, done
redact                     takes secrets out of every text that leaves the program
status                     how old each key is, and which are in doubt
"""
