#!/usr/bin/env bash
#
# What each script in tools/ says of itself; to be sourced by it after `set -euo pipefail`, before it changes the folder.
#
#   usage                            print the comment at the top of the script, up to the first empty line
#   wrong TEXT                       print the usage to stderr, say what is wrong with the arguments and end with status 2
#
# Variables that are set here:
#
#   FROM   the folder that the script was started in

FROM=$PWD
_SCRIPT=$(realpath "${BASH_SOURCE[1]}")

usage() { sed -n '3,/^$/s/^#\( \|$\)//p' "$_SCRIPT"; }

wrong() {
    usage >&2
    # Last, where it is seen also if the rest does not fit.
    printf 'error: %s\n' "$1" >&2
    exit 2
}
