"""What there is: tunnels, accounts, what is desired and what is live. No I/O, no YAML, no HTTP.

Read `tunnel` first, since all else follows from its table of settings. Then:

    kind         the API's words for the kind of resource that the table describes
    settings     a tunnel's canonical form, and the request bodies that are made of it
    written      what the models of the files share; `account` and `reference` say what a file may hold
    checks       one value of a file: `checks.flag` gives it its type, or refuses it and says why
    canonical    one value of a file or of the API: `canonical.flag` gives the one spelling of what both mean
    desired      what the files declare, checked and canonical
    live         what the API lists, refused when it may not be the whole list
    psk          what is known of a tunnel's pre-shared key, which nobody can read back
    verdict, problems, document   how things ended, why they failed, and how reports and saved plans hold that
"""
