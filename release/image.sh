#!/usr/bin/env bash
# Pushes the image of a release, made from nothing but the static program and the
# certificates of public servers, for linux on both processors, and prints its digest.
#
#   release/image.sh REGISTRY/NAME:TAG
#
# It takes dist/kasou_linux_*.tar.gz, and SOURCE_DATE_EPOCH for the times in the image: the
# same files give the same digest.
set -euo pipefail
image=$1
repository=${image%:*}
certificates=${KASOU_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}

crane() { go tool -modfile=tools/release/go.mod crane "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

parts=()
for processor in amd64 arm64; do
	root=$work/$processor
	mkdir -p "$root/etc/ssl/certs" "$root/tmp"
	tar -xzf "dist/kasou_linux_$processor.tar.gz" -C "$root" kasou
	cp "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
	chmod -R u=rwX,go=rX "$root" && chmod 1777 "$root/tmp"
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
		-C "$root" -cf "$work/$processor.tar" etc kasou tmp
	crane append --oci-empty-base --new_layer "$work/$processor.tar" --new_tag "$image-$processor" >&2
	crane mutate --set-platform "linux/$processor" --entrypoint /kasou --env KASOU_CACHE=/tmp/kasou \
		--label "org.opencontainers.image.source=https://${KASOU_REPOSITORY:-}" \
		--tag "$image-$processor" "$image-$processor" >&2
	parts+=(--manifest "$repository@$(crane digest "$image-$processor")")
done
crane index append "${parts[@]}" --tag "$image" >&2
crane digest "$image"
