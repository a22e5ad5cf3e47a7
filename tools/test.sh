#!/usr/bin/env bash
#
# Run the checks and tests of vethagent on this machine, and install first what it lacks.
#
#   tools/test.sh [lint] [unit] [functional] [fullstack]     all of them if none is named
#   tools/test.sh --help
#
# Needs Debian 12 or later, or Ubuntu 24.04 or later, with git and python3, as root or as a user with sudo.
# functional and fullstack run as root, in network namespaces of their own with an Open vSwitch and a RabbitMQ of their
# own: this machine's interfaces, Open vSwitch and RabbitMQ stay as they are. Packages that are missing (bindep.txt) are
# installed without starting their services. Python libraries go into .venv and .tox of this checkout.
#
# Ends with 0 only if every part passed, with 2 if there is no such part, with 130 by Ctrl-C. All parts are run,
# whatever the ones before gave.

set -euo pipefail
# shellcheck source=tools/lib/usage.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/usage.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec < /dev/null
# shellcheck source=tools/lib/install.sh
. tools/lib/install.sh

PARTS=(lint unit functional fullstack)

environments_of() {
    case $1 in
        lint) echo pep8 docs ;;
        unit) echo py3 ;;
        *) echo "$1" ;;
    esac
}

prepare() {
    local started=$SECONDS
    if [[ " ${chosen[*]} " == *[\ ]f* ]]; then
        install_system_packages test
    else
        install_system_packages build
    fi
    describe_version
    # tox would make it so that no other user gets in, and the service user of the tests runs what is in it.
    mkdir -p .tox
    chmod 755 .tox
    times+=("preparation: $((SECONDS - started)) s")
}

run_part() {
    local part=$1 started=$SECONDS environment result=passed
    for environment in $(environments_of "$part"); do
        say "$part: tox -e $environment"
        # The system's interpreter first, also where another is nearer in PATH.
        PATH=/usr/bin:$PATH "$VENV/bin/tox" run -e "$environment" || result=FAILED
    done
    [[ $result == passed ]] || failed+=("$part")
    times+=("$part: $result, $((SECONDS - started)) s")
}

chosen=()
for argument in "$@"; do
    case $argument in
        -h | --help) usage; exit 0 ;;
        lint | unit | functional | fullstack) chosen+=("$argument") ;;
        *) wrong "unknown part: $argument" ;;
    esac
done
[[ ${#chosen[@]} -gt 0 ]] || chosen=("${PARTS[@]}")

times=()
failed=()
calmly prepare
# tox has ended by then, and what has not begun does not.
trap 'echo interrupted >&2; exit 130' INT
for part in "${chosen[@]}"; do
    run_part "$part"
done

say "done in $SECONDS s"
printf '    %s\n' "${times[@]}"
[[ ${#failed[@]} -eq 0 ]] || die "failed: ${failed[*]}"
