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
        item: Its word for one of them, in answers.
        identity: Settings by which one is recognised, when the answer that would have named its id was lost.
        headers: What every call on it sends.
    """

    collection: str
    item: str
    identity: tuple[str, ...]
    headers: Mapping[str, str]


IPSEC_TUNNEL = Kind(
    collection="ipsec_tunnels",
    item="ipsec_tunnel",
    identity=("name", "interface_address", "cloudflare_endpoint", "customer_endpoint"),
    # (API: without it, a health check's target is a plain address and not an object.)
    headers={"x-magic-new-hc-target": "true"},
)
