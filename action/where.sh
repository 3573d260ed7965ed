# Sets repository (OWNER/NAME) and ref (a commit, tag or branch) of the action that runs:
# as uses: has them, or, for uses: ./, as its working copy has them. Both may be empty.
repository=${KASOU_REPOSITORY:-}
ref=${KASOU_REF:-}
server=${GITHUB_SERVER_URL:-https://github.com}
if [ -z "$repository" ]; then
	url=$(git -C "$GITHUB_ACTION_PATH" config --get remote.origin.url || true)
	url=${url%.git}
	case $url in
	"$server"/*) repository=${url#"$server/"} ;;
	esac
	ref=$(git -C "$GITHUB_ACTION_PATH" rev-parse --verify --quiet HEAD || true)
fi
