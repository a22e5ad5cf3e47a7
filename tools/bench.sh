#!/usr/bin/env bash
#
# Run benchmarks on this machine.
#
#   tools/bench.sh [NAME [OPTION...]]     one of benchmarks/, or all of them with their defaults
#   tools/bench.sh --help
#
# Each measures vethagent side by side with what people use instead, in the same run, in network namespaces with an Open
# vSwitch and a RabbitMQ of their own; this machine's interfaces, Open vSwitch and RabbitMQ stay as they are. Prints a
# table and the same as one line of JSON. Ctrl-C and SIGTERM end it and remove all that it has made. Needs the same as
# tools/demo.sh.

set -euo pipefail
# shellcheck source=tools/lib/usage.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/usage.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A benchmark is a module that takes options; those that are started by one take none.
names=()
for file in $(grep --files-with-matches 'argparse.ArgumentParser' benchmarks/*.py); do
    names+=("$(basename "$file" .py)")
done

if [[ ${1-} == -h || ${1-} == --help ]]; then
    usage
    printf 'Benchmarks: %s\n' "${names[*]}"
    exit 0
fi
if [[ $# -gt 0 ]]; then
    if [[ " ${names[*]} " != *" $1 "* ]]; then
        printf 'error: there is no benchmark %s, only: %s\n' "$1" "${names[*]}" >&2
        exit 2
    fi
    names=("$1")
    shift
fi

exec < /dev/null
# shellcheck source=tools/lib/install.sh
. tools/lib/install.sh

install() {
    install_system_packages demo rabbit
    install_project
    # os-vif, which only this one is beside.
    if [[ " ${names[*]} " == *' hybrid '* ]]; then
        install_python --requirement benchmarks/requirements.txt
    fi
}

calmly install
become benchmarks "${names[*]}" "$@"
