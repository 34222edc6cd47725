"""The desired state: YAML files read, parsed, typed and checked.

tree, gitref     which files there are, and their bytes: from a folder, or from git as it was
load             bytes to desired state; `explain` turns what pydantic refuses into problems with places
consistency      what is wrong only when tunnels are seen together: an error
warnings         what the API may take, and Cloudflare's guides or the eye advise against: a warning
excerpt          what a message may quote of a wrong line, which may hold a key
schema           both kinds of file as a JSON Schema, for editors
dump             live tunnels to new files, for `import`: what can be declared, as a person would write it
edit, patch      live values into files that are there, for `drift`
"""
