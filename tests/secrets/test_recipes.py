"""Runs the recipes of the documentation against stand-ins of the programs that they call."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.model.desired import CommandRef
from reconciler.secrets.secret import Secret
from reconciler.secrets.sinks import CommandSink, SinkError

DOCS = Path(__file__).parents[2] / ".github" / "docs" / "keys.md"

STANDINS = {
    "sops": """
case "$1 $2 $3 $4 $5" in
"encrypt --input-type binary --output-type binary") base64 "$8" ;;
"decrypt --input-type binary --output-type binary") base64 -d "$6" ;;
*) exit 9 ;;
esac""",
    "vault": """
verb=$2; shift 2; cas=
while :; do case $1 in -mount=secret | -field=psk) shift ;; -cas=0) cas=1; shift ;; *) break ;; esac; done
path=$STORE/$(echo "$1" | tr / _)
case $verb in
get) test -e "$path" || exit 2; cat "$path" ;;
put) test "$2" = psk=- || exit 9; test -z "$cas" || test ! -e "$path" || exit 2; cat >"$path"; echo Created ;;
esac""",
    "op": """
case "$1 $2" in
"item list")
  for f in "$STORE"/*.json; do test ! -e "$f" || jq --arg id "$(basename "$f" .json)" '. + {id: $id}' "$f"; done |
    jq -s 'map({id, title})' ;;
"item create") test "$5" = - || exit 9; n=$(ls "$STORE" | wc -l); cat >"$STORE/item$n$$.json" ;;
"item delete") rm "$STORE/$3.json" ;;
"item edit") jq --arg t "$7" '.title = $t' "$STORE/$3.json" >"$STORE/x" && mv "$STORE/x" "$STORE/$3.json" ;;
"read --no-newline") id=${3#op://tunnels/}; jq -j '.fields[0].value' "$STORE/${id%/password}.json" ;;
*) exit 9 ;;
esac""",
    "aws": """
verb=$2; shift 4
test -e "$STORE/stages" || echo '{"VersionIdsToStages":{"first":["AWSCURRENT"]}}' >"$STORE/stages"
edit() { jq "$@" "$STORE/stages" >"$STORE/x" && mv "$STORE/x" "$STORE/stages"; }
case "$verb $*" in
"describe-secret --output json") cat "$STORE/stages" ;;
"put-secret-value --version-stages AWSPENDING --secret-string file:///dev/stdin")
  v=v$$; cat >"$STORE/$v"; edit --arg v $v '.VersionIdsToStages[$v] = ["AWSPENDING"]' ;;
"get-secret-value --version-id "*) cat "$STORE/$2"; echo ;;
"update-secret-version-stage --version-stage AWSCURRENT --move-to-version-id "*)
  edit --arg n "$4" --arg o "$6" '.VersionIdsToStages[$n] += ["AWSCURRENT"] | .VersionIdsToStages[$o] = []' ;;
"update-secret-version-stage --version-stage AWSPENDING --remove-from-version-id "*)
  edit --arg n "$4" '.VersionIdsToStages[$n] -= ["AWSPENDING"]' ;;
*) exit 9 ;;
esac""",
    "gh": """
case "$1 $2" in
"secret list") ;;
"secret set") cat >"$STORE/github_$3" ;;
*) exit 9 ;;
esac""",
}
RECIPES = dict(re.findall(r"```sh\n(#!/bin/sh\n# (deliver-\w+)\n.*?)```", DOCS.read_text(), re.DOTALL))
RECIPES = {name: text for text, name in RECIPES.items()}
CURRENT = {
    "deliver-sops": "base64 -d keys/lon-a.enc",
    "deliver-vault": 'cat "$STORE/tunnels_lon-a"',
    "deliver-1password": "jq -j .fields[0].value $STORE/*.json",
    "deliver-aws": "cat $STORE/$(jq -r '.VersionIdsToStages | to_entries[]"
    """ | select(.value == ["AWSCURRENT"]) | .key' $STORE/stages)""",
    "deliver-github": 'cat "$STORE/github_LON_A_PSK"',
}

pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="the recipes use jq")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    for folder in ("bin", "keys", "store"):
        (tmp_path / folder).mkdir()
    scripts = {f"bin/{name}": "#!/bin/sh\nset -eu\n" + text for name, text in STANDINS.items()} | RECIPES
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o700)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    return {"PATH": path, "STORE": f"{tmp_path}/store", "DELIVER": f"{tmp_path}/deliver-vault"}


def test_every_recipe_is_found() -> None:
    assert set(RECIPES) == set(CURRENT)


@pytest.mark.parametrize("recipe", CURRENT)
def test_a_recipe_keeps_the_contract_twice_over(recipe: str, env: dict[str, str], tmp_path: Path) -> None:
    sink = CommandSink(CommandRef((f"./{recipe}",), str(tmp_path)), "lon-a", env)
    for text in ("first-K3y", "q\"'$x %s {0}"):
        sink.probe()
        assert sink.get() is None
        sink.put(Secret(text))
        assert sink.get() == Secret(text)
        sink.probe()
        assert sink.get() == Secret(text)
        sink.promote(Secret(text))
        assert sink.get() is None
        shown = subprocess.run(  # noqa: S603 - the table above
            ["/bin/sh", "-c", CURRENT[recipe]], cwd=tmp_path, env=env, capture_output=True, check=True
        )
        assert shown.stdout.decode() == text


@pytest.mark.parametrize("recipe", CURRENT)
def test_a_store_that_fails_is_never_taken_for_an_empty_one(recipe: str, env: dict[str, str], tmp_path: Path) -> None:
    sink = CommandSink(CommandRef((f"./{recipe}",), str(tmp_path)), "lon-a", env)
    sink.probe()
    sink.put(Secret("k3y"))
    for name in STANDINS:
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
    for use in (sink.probe, sink.get):
        with pytest.raises(SinkError):
            use()
