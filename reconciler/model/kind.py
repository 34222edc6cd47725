"""The kind of resource that is reconciled, in the API's words.

Calls, answers, plan and engine would treat a GRE tunnel as they treat an IPsec tunnel: list, compare, order, write,
list again. What differs stands here and in the table of settings (`model.tunnel`), so that nothing else has to name the
kind. There is one kind today.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of resource.

    Attributes:
        collection: The API's word for all of them: in the path, around the list, around the body of a bulk update.
        item: Its word for one of them, in the keys of answers: `modified_ipsec_tunnel`, `ipsec_tunnel_id`.
        identity: Paths of the settings by which a new one is recognised in a list if the answer with its id was lost.
        headers: Sent with every call, except those that set or generate a key.
    """

    collection: str
    item: str
    identity: tuple[str, ...]
    headers: Mapping[str, str]


IPSEC_TUNNEL = Kind(
    collection="ipsec_tunnels",
    item="ipsec_tunnel",
    identity=("name", "interface_address", "cloudflare_endpoint", "customer_endpoint"),
    # (API: with it, a health check's target is an object everywhere, in requests and in lists; without it, a string.)
    headers={"x-magic-new-hc-target": "true"},
)
