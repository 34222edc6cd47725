#!/usr/bin/env bash
# Fetches the report of the last apply in which the account RECONCILER_ACCOUNT could be planned, for --previous: it says
# what was rolled back and is still to be done. Without one an apply goes on; where GitHub doesn't answer it does not, as
# a schedule would then try again, unattended, what did harm before.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

previous=$RUNNER_TEMP/reconciler-previous.json
packed=$RUNNER_TEMP/reconciler-last.zip
artifacts=repos/$GITHUB_REPOSITORY/actions/artifacts

# Whoever makes an artifact chooses its name, so only those of this branch count, and no fork's with a branch of this name.
found=$(gh api "$artifacts?name=$(artifact_name)&per_page=30" | query '"\n".join(str(a["id"])
  for a in sorted(data["artifacts"], key=lambda a: a["created_at"], reverse=True)
  if not a["expired"] and (run := a["workflow_run"])["head_branch"] == args[0]
  and run["head_repository_id"] == run["repository_id"])' "$GITHUB_REF_NAME")

for id in $found; do
  gh api "$artifacts/$id/zip" >"$packed"
  python3 -I -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("report.json"))' \
    "$packed" >"$previous"
  planned=$(query 'bool(data["accounts"]) and all(a.get("digest") for a in data["accounts"])' <"$previous")
  if [[ $planned == true ]] && reconciler render "$previous" -o json >/dev/null; then exit 0; fi
done
rm -f "$previous"
if [[ $found ]]; then
  echo "::warning title=No report of the last apply::None of the reports of earlier applies can be read by this version:" \
    "what they rolled back is tried again."
fi
