"""YAML text to plain data with places, in one pass, and back. Of tunnels it knows only which fields hold secrets.

screen     what is refused before anything is parsed: size, encoding, what nobody can see
events     the pass over a parser's events: data, places, and what is refused on the way
read       one file from bytes to data with places, or to all that is wrong with it
write      data to text
"""
