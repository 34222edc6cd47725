"""Combinations of the simulator's switches under which the program has to be right."""

from typing import NamedTuple

from reconciler.simulator.semantics import Semantics


class Variant(NamedTuple):
    """A named combination of switches."""

    name: str
    semantics: Semantics


# Pairwise over put x bulk x create shape x unset text x unique names x list lag; the other switches ride along.
ALL_VARIANTS: tuple[Variant, ...] = tuple(
    Variant(name, Semantics.parse(text))
    for name, text in (
        ("default", ""),
        (
            "replace",
            "put=replace,create_shape=collection,unset=null,order=name,list_lag=1,names_unique=false,empty_list=null",
        ),
        (
            "explicit",
            "unset=explicit,create_shape=collection,names_unique=false,spelling=odd,server_fields=true,names=nfc",
        ),
        (
            "lag",
            "list_lag=1,order=shuffled,put=replace,unset=explicit,server_fields=true,text=trimmed,empty_list=null",
        ),
        ("sequential", "bulk=sequential,list_lag=1,create_shape=collection,spelling=canonical,unset=absent"),
        (
            "sequential-replace",
            "bulk=sequential,put=replace,unset=null,server_fields=true,unset_target=absent,empty_list=null",
        ),
        (
            "sequential-explicit",
            "bulk=sequential,unset=explicit,unset_object=absent,names_unique=false,list_lag=1,object_put=merge,order=reverse",
        ),
        (
            "prefix",
            "bulk=prefix,create_shape=collection,names_unique=false,put=replace,spelling=odd,unset_target=empty,unset_flag=false",
        ),
        (
            "prefix-null",
            "bulk=prefix,unset=null,list_lag=1,object_put=merge,modified_flag=effective,null_object=clears",
        ),
        (
            "prefix-explicit",
            "bulk=prefix,unset=explicit,empty_list=null,put=replace,replaced_psk=cleared,modified_flag=false",
        ),
        (
            "no-bulk",
            "bulk_body=none,empty_list=null,unset=null,unset_target=empty,server_fields=true,default_direction=bidirectional",
        ),
        (
            "array-bulk",
            "bulk_body=array,put=replace,list_lag=1,order=name,null_object=ignored,names=nfc,unset_object=zero",
        ),
        ("small-bulk", "bulk=sequential,bulk_limit=2,object_put=merge,read_only=refused,unset_flag=null"),
        (
            "mixed-put",
            "single_put=replace,bulk_put=merge,bulk=prefix,bulk_limit=3,bulk_limit_status=400,list_lag=2",
        ),
        (
            "free-for-all",
            "addresses_unique=false,names_unique=false,unset=null,order=shuffled,list_lag=1,empty_list=null",
        ),
        (
            "strict",
            "unset=explicit,conflict_status=409,empty_text=refused,read_only=refused,coupler_integration=false,asn_max=2147483647",
        ),
    )
)
