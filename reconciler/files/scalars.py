"""The scalars of the files: how each is checked, and what an editor's schema says of it."""

from reconciler.files.shapes import Items, Json, Scalar
from reconciler.model import checks as values
from reconciler.model.tunnel import RULE_PATHS


def _string(pattern: str) -> Json:
    return {"type": "string", "pattern": pattern}


def _number(most: int, **told: int) -> Scalar:
    return Scalar(values.number(0, most), {"type": "integer", "minimum": 0, **told})


def _choice(*choices: str) -> Scalar:
    return Scalar(values.choice(*choices), {"type": "string", "enum": list(choices)})


_SCALAR: Json = {"type": ["string", "number", "boolean"]}
_STRING: Json = {"type": "string", "minLength": 1}

TEXT = Scalar(values.text, _SCALAR)
NAME = Scalar(values.filled, _SCALAR)
FLAG = Scalar(values.flag, {"type": "boolean"})
ENDPOINT = Scalar(values.endpoint, _STRING)
OPTIONAL_ENDPOINT = Scalar(values.optional_endpoint, {"type": "string"})
INTERFACE = Scalar(values.interface, _string("/3[01]$"))
INTERFACE6 = Scalar(values.interface6, _string("^$|/127$"))
PREFIX = Scalar(values.prefix, _string("/[0-9]+$"))
MD5_KEY = Scalar(values.md5_key, _SCALAR)
FQDN = Scalar(values.fqdn, _string(r"^$|\.custom\.ipsec\.cloudflare\.com$"))
ASN = _number(values.MAX_ASN, maximum=values.MAX_ASN)
PERCENT = _number(values.MAX_PERCENT, maximum=values.MAX_PERCENT)
COUNT = _number(1_000_000)
RATE = _choice("low", "mid", "high")
TYPE = _choice("reply", "request")
DIRECTION = _choice("unidirectional", "bidirectional")
VARIABLE = Scalar(values.variable, _string("^[A-Za-z_][A-Za-z0-9_]*$"))
ACCOUNT_ID = Scalar(values.account_id, _string("^[0-9a-f]{32}$"))
DAY = Scalar(values.day, _string("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))
AGE = Scalar(values.age, {"type": ["string", "integer"], "pattern": "^[1-9][0-9]*[dw]?$", "minimum": 1})
PARKING = Scalar(values.parking, {"type": "string"})
FIELD_PATH = Scalar(values.one_of_paths(RULE_PATHS), {"type": "string", "enum": list(RULE_PATHS)})
ARGV = Items(Scalar(values.word, _SCALAR), least=1)
FILE_PATH = Scalar(values.filled, _STRING)
GENERATE = Scalar(values.generate, {"enum": [True, values.CLOUDFLARE], "default": True})
