#!/usr/bin/env bash
#
# Build the Debian package of vethagent, for the release of Debian or Ubuntu that this machine runs.
#
#   tools/build-deb.sh [FOLDER]     into FOLDER, dist/ of this checkout if none is named
#   tools/build-deb.sh --help
#
# As root or as a user with sudo, if packages for building are missing (bindep.txt, profile deb). Prints the path of the
# package.

set -euo pipefail
# shellcheck source=tools/lib/usage.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/usage.sh"

case ${1-} in
    -h | --help) usage; exit 0 ;;
    -*) wrong "unknown argument: $1" ;;
esac
[[ $# -le 1 ]] || wrong "one folder is enough, not: $*"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$(mkdir -p "${1:-$top/dist}" && cd "${1:-$top/dist}" && pwd)
cd "$top"
exec < /dev/null
# shellcheck source=tools/lib/install.sh
. tools/lib/install.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vethagent-deb-XXXXXX")
trap 'rm -rf "$work"' EXIT
source=$work/source

install_system_packages deb
make_venv
describe_version

say "building the wheel"
mkdir "$source"
_quietly "$VENV/bin/pip" wheel --no-deps --wheel-dir "$source/dist" "$TOP"
wheel=$(basename "$source"/dist/*.whl)
version=${wheel#vethagent-}
# A development version comes before its release.
version=$(sed 's/\.dev/~dev/' <<< "${version%%-*}")

say "building the package, version $version"
cp -r debian etc README.rst LICENSE "$source/"
{
    printf 'vethagent (%s) unstable; urgency=medium\n\n  * See the release notes.\n\n' "$version"
    printf ' -- vethagent maintainers <maintainers@vethagent.invalid>  %s\n' \
        "$(date --rfc-email --date="@${SOURCE_DATE_EPOCH:-$(date +%s)}")"
} > "$source/debian/changelog"
cd "$source"
_quietly dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes
cp "$work"/vethagent_*.deb "$target/"
say "built: $(cd "$target" && ls -t "$PWD"/vethagent_*.deb | head -1)"
