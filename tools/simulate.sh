#!/usr/bin/env bash
#
# Run a real controller against many simulated agents, and measure.
#
#   tools/simulate.sh [--agents N] [--links M] [--interval S] [--seconds S] [--controllers N]
#                     [--database mariadb|postgresql|sqlite] [--backlog N] [--json FILE]
#   tools/simulate.sh --help
#
#   --agents N            how many agents (default: 100)
#   --links M             how many links are created and deleted again, 0 for none (default: 100)
#   --interval S          seconds between two state reports of an agent (default: 30)
#   --seconds S           how long state reports alone are measured (default: 60)
#   --controllers N       how many controllers, and APIs (default: 1)
#   --database KIND       where they keep what they know (default: mariadb)
#   --backlog N           how many state reports wait for the controllers at the end, 0 for none (default: 0)
#   --json FILE           write the figures there too
#
# Agents are the real ones but for kernel, Open vSwitch and threads: their hosts are in memory, and all are in one
# process, with one connection to RabbitMQ for what they say and one for what they hear. RabbitMQ, database, controllers
# and APIs are real, in a network namespace of their own; this machine's interfaces, RabbitMQ and databases stay as they
# are.
#
# Phases: all agents report for the first time, within one interval; they report and nothing else happens; links are
# created; links are deleted; reports that wait are worked off. For each it prints calls to the controller with their
# times as the agents see them, the depth of the controller's queue, and CPU and memory of each process with its
# children.
#
# A process of 10,000 agents takes 3 GiB and, reporting each 30 s, most of a core. Needs Debian 12 or later, or Ubuntu
# 24.04 or later, with git and python3, as root or as a user with sudo. Packages that are missing (bindep.txt) are
# installed without starting their services; Python libraries go into .venv.
#
# Ends with 2 if an option is wrong. However it ends, by Ctrl-C or with its terminal closed, it leaves nothing behind.

set -euo pipefail
# shellcheck source=tools/lib/usage.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/usage.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

options=()
while [[ $# -gt 0 ]]; do
    argument=$1
    if [[ $argument == --*=* ]]; then
        set -- "${argument%%=*}" "${argument#*=}" "${@:2}"
    fi
    case $1 in
        -h | --help) usage; exit 0 ;;
        --agents)
            [[ ${2-} =~ ^[1-9][0-9]{0,4}$ ]] || wrong "--agents must be a number from 1 to 99999, not '${2-}'" ;;
        --links | --backlog)
            [[ ${2-} =~ ^(0|[1-9][0-9]{0,5})$ ]] || wrong "$1 must be a number from 0 to 999999, not '${2-}'" ;;
        --interval | --seconds)
            [[ ${2-} =~ ^[1-9][0-9]{0,3}$ ]] || wrong "$1 must be a number from 1 to 9999, not '${2-}'" ;;
        --controllers)
            [[ ${2-} =~ ^[1-9]$ ]] || wrong "--controllers must be a number from 1 to 9, not '${2-}'" ;;
        --database)
            [[ ${2-} =~ ^(mariadb|postgresql|sqlite)$ ]] ||
                wrong "--database must be mariadb, postgresql or sqlite, not '${2-}'" ;;
        --json)
            [[ -n ${2-} ]] || wrong "--json needs a file"
            set -- "$1" "$(cd "$FROM" && realpath --canonicalize-missing "$2")" "${@:3}"
            [[ -d $(dirname "$2") ]] || wrong "--json: there is no folder $(dirname "$2")"
            [[ ! -d $2 ]] || wrong "--json: $2 is a folder" ;;
        *) wrong "unknown argument: $argument" ;;
    esac
    options+=("$1" "$2")
    shift 2
done

exec < /dev/null
# shellcheck source=tools/lib/install.sh
. tools/lib/install.sh

install() {
    install_system_packages demo rabbit simulate
    install_project
    if ! "$VENV/bin/python" -c 'import psycopg2, pymysql' 2> /dev/null; then
        mapfile -t drivers < <(grep --extended-regexp '^(PyMySQL|psycopg2)' test-requirements.txt)
        install_python "${drivers[@]}"
    fi
}

calmly install
become tools.simulate "${options[@]}"
