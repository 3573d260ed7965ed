#!/usr/bin/env bash
# Runs kasou ci with the action's inputs, which come by the environment.
set -euo pipefail

arguments=(ci)
[ -z "$KASOU_COMMAND" ] || arguments+=("$KASOU_COMMAND")
arguments+=(--clusters "$KASOU_CLUSTERS" --toolchain "$KASOU_TOOLCHAIN")
[ -z "$KASOU_SHARD" ] || arguments+=(--shard "$KASOU_SHARD")
[ -z "$KASOU_PUBLISH" ] || arguments+=(--publish "$KASOU_PUBLISH")
while IFS= read -r line; do
	[ -z "$line" ] || arguments+=("$line")
done <<<"$KASOU_ARGUMENTS"

[ -z "$KASOU_TOKEN" ] || export GITHUB_TOKEN=$KASOU_TOKEN
if [ -n "$KASOU_KUBECONFIG" ]; then
	export KUBECONFIG=$RUNNER_TEMP/kasou-kubeconfig
	trap 'rm -f "$KUBECONFIG"' EXIT
	(umask 077 && printf '%s\n' "$KASOU_KUBECONFIG" >"$KUBECONFIG")
fi
unset KASOU_TOKEN KASOU_KUBECONFIG

run=("$KASOU_PROGRAM")
[ "$KASOU_TOOLCHAIN" != dagger ] || run=(dagger run "$KASOU_PROGRAM")
"${run[@]}" "${arguments[@]}"
