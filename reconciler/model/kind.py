"""The kind of resource that is reconciled, in the API's words.

Calls, answers and engine would treat a GRE tunnel as they treat an IPsec tunnel: list, compare, write, list again. So
they read the API's words here, and what to compare in the table of settings (`model.tunnel`). There is one kind today;
another one would also need its own claims (`plan.claims`) and its own checks of files.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of resource.

    Attributes:
        collection: The API's word for all of them: in the path, around the list, around the body of a bulk update.
        item: Its word for one of them, in the keys of answers: `modified_ipsec_tunnel`, `ipsec_tunnel_id`.
        recognised_by: Paths of the settings by which a list shows a new one, if the answer with its id was lost.
        headers: Sent with every call, except those that set or generate a key.
    """

    collection: str
    item: str
    recognised_by: tuple[str, ...]
    headers: Mapping[str, str]


IPSEC_TUNNEL = Kind(
    collection="ipsec_tunnels",
    item="ipsec_tunnel",
    recognised_by=("name", "interface_address", "cloudflare_endpoint", "customer_endpoint"),
    # (API: with it, a health check's target is an object everywhere, in requests and in lists; without it, a string.)
    headers={"x-magic-new-hc-target": "true"},
)
