#!/usr/bin/env bash
# Builds the program from the action's own source, puts it on the PATH and writes the
# output program. The repository and its commit go into it, for kasou version and init.
set -euo pipefail
source "$GITHUB_ACTION_PATH/action/where.sh"

program=$RUNNER_TEMP/kasou-bin/kasou
[ "${RUNNER_OS:-}" != Windows ] || program=$program.exe
cd "$GITHUB_ACTION_PATH"
at=$(go list -m)/internal/cli
flags="-s -w"
[ -z "$repository" ] || flags="$flags -X $at.source=${server#*://}/$repository"
case $ref in
*[!0-9a-f]*) ;;
????????????????????????????????????????) flags="$flags -X $at.commit=$ref" ;;
esac
CGO_ENABLED=0 go build -trimpath -ldflags "$flags" -o "$program" .
echo "program=$program" >>"$GITHUB_OUTPUT"
dirname "$program" >>"$GITHUB_PATH"
