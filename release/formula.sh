#!/usr/bin/env bash
# Prints the Homebrew formula of a release, from dist/checksums.txt.
#
#   release/formula.sh github.com/OWNER/kasou v1.2.3
set -euo pipefail
repository=$1 tag=$2

archive() { # indentation, system, processor
	local name=kasou_$2_$3.tar.gz sum
	sum=$(awk -v name="$name" '$2 == name { print $1 }' dist/checksums.txt)
	[ -n "$sum" ] || { echo "dist/checksums.txt has no $name" >&2; exit 1; }
	printf '%surl "https://%s/releases/download/%s/%s"\n%ssha256 "%s"\n' "$1" "$repository" "$tag" "$name" "$1" "$sum"
}

# Each by itself: in a text, a failure would go unseen.
macos_arm=$(archive '      ' darwin arm64)
macos_intel=$(archive '      ' darwin amd64)
linux_arm=$(archive '      ' linux arm64)
linux_intel=$(archive '      ' linux amd64)

cat <<FORMULA
class Kasou < Formula
  desc "Virtual Kubernetes clusters by GitOps"
  homepage "https://$repository"
  version "${tag#v}"
  license "Apache-2.0"

  on_macos do
    on_arm do
$macos_arm
    end
    on_intel do
$macos_intel
    end
  end

  on_linux do
    on_arm do
$linux_arm
    end
    on_intel do
$linux_intel
    end
  end

  def install
    bin.install "kasou"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/kasou.bash" => "kasou"
    zsh_completion.install "completions/_kasou"
    fish_completion.install "completions/kasou.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kasou version")
  end
end
FORMULA
