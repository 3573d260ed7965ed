#!/usr/bin/env bash
# Puts the released program of the action's own commit on the PATH, where its digest and
# its attestation hold, and writes the output program. Where there is no such release the
# output stays empty, and the program is built; a release that does not hold is an error.
set -euo pipefail
source "$GITHUB_ACTION_PATH/action/where.sh"

none() {
	echo "kasou: $1: the program is built from the action's source"
	exit 0
}

[ "${KASOU_SOURCE:-auto}" = auto ] || none "source is ${KASOU_SOURCE}"
if [ -z "$repository" ] || [ -z "$ref" ]; then
	none "the action's commit is not known"
fi

# The tag of the commit, or the commit of the tag. An annotated tag has its commit on the
# line that ends with ^{}, which comes after its own.
tags=$(GIT_TERMINAL_PROMPT=0 git ls-remote --tags "$server/$repository" 2>/dev/null) || none "the tags of $repository cannot be read"
found=$(awk -v ref="$ref" '
	{ name = $2; sub(/^refs\/tags\//, "", name); sub(/\^\{\}$/, "", name); commit[name] = $1 }
	END {
		for (name in commit)
			if (name ~ /^v[0-9]+\.[0-9]+\.[0-9]+[-+.0-9A-Za-z]*$/ && (name == ref || commit[name] == ref)) { print name, commit[name]; exit }
	}' <<<"$tags")
[ -n "$found" ] || none "no release is of $ref"
tag=${found% *} commit=${found#* }

case ${RUNNER_OS:-}-${RUNNER_ARCH:-} in
Linux-X64) platform=linux_amd64 ;;
Linux-ARM64) platform=linux_arm64 ;;
macOS-X64) platform=darwin_amd64 ;;
macOS-ARM64) platform=darwin_arm64 ;;
Windows-X64) platform=windows_amd64 ;;
Windows-ARM64) platform=windows_arm64 ;;
*) none "there is no release for ${RUNNER_OS:-this system} on ${RUNNER_ARCH:-this processor}" ;;
esac
archive=kasou_$platform.tar.gz
[ "${platform#windows}" = "$platform" ] || archive=kasou_$platform.zip
command -v gh >/dev/null || none "the gh command, which verifies a release, is not there"

dir=$RUNNER_TEMP/kasou-release
mkdir -p "$dir"
for file in "$archive" checksums.txt attestation.jsonl; do
	curl --fail --silent --show-error --location --retry 3 --output "$dir/$file" \
		"$server/$repository/releases/download/$tag/$file" || none "the release $tag has no $file"
done

refuse() {
	echo "::error title=kasou::the release $tag of $repository is not what it says: $1. Use source: build, and tell its owner."
	exit 1
}
sum=sha256sum
command -v sha256sum >/dev/null || sum='shasum -a 256'
(cd "$dir" && grep -F "  $archive" checksums.txt | $sum --check >/dev/null 2>&1) || refuse "the digest of $archive is another one"
gh attestation verify "$dir/$archive" --bundle "$dir/attestation.jsonl" --repo "$repository" \
	--signer-workflow "${server#*://}/$repository/.github/workflows/release.yaml" \
	--source-digest "$commit" --deny-self-hosted-runners || refuse "its attestation does not hold for the commit $commit"

bin=$RUNNER_TEMP/kasou-bin
mkdir -p "$bin"
program=$bin/kasou
case $archive in
*.zip)
	program=$program.exe
	unzip -q -o "$dir/$archive" kasou.exe -d "$bin"
	;;
*) tar -xzf "$dir/$archive" -C "$bin" kasou ;;
esac
echo "program=$program" >>"$GITHUB_OUTPUT"
echo "$bin" >>"$GITHUB_PATH"
echo "kasou: $tag, commit $commit, verified"
