#!/usr/bin/env bash
#
# What a fresh machine lacks; to be sourced by the scripts in tools/ after `set -euo pipefail`.
#
#   say TEXT                         print one line of progress
#   die TEXT                         print TEXT to stderr and end with status 1
#   as_root COMMAND...               run COMMAND as root: directly, or through sudo; PATH stays as it is
#   install_system_packages PROFILE...
#                                    install what bindep.txt names for the profiles (demo, rabbit, test) and is missing
#   make_venv                        make $VENV from the system's python3, with tox and bindep in it
#   install_project                  install vethagent itself into $VENV, editable
#
# Each can be called again and does nothing where nothing is missing. Variables that are set here:
#
#   TOP    the checkout
#   VENV   the virtual environment of the tools, $TOP/.venv
#
# Packages are installed without starting or enabling their services, so RabbitMQ and Open vSwitch of this machine stay
# as they are: those that are used are started by the scripts themselves, in folders and namespaces of their own.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV=$TOP/.venv

# Units that come with the packages of bindep.txt. Those that were there before are left alone.
SERVICE_UNITS=(openvswitch-switch.service rabbitmq-server.service epmd.service epmd.socket)
POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='vethagent/tools/lib/install.sh'

export DEBIAN_FRONTEND=noninteractive
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Where a user has no /sbin in PATH; last, so that nothing is hidden by it.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() { "$TOP/tools/as-root" "$@"; }

# -- packages ---------------------------------------------------------------------------------------------------

install_system_packages() {
    local lines
    make_venv
    # bindep ends with 1 if something is missing, which is not an error here.
    lines=$(cd "$TOP" && "$VENV/bin/bindep" --brief "$@" || true)
    if [[ -z $lines ]]; then
        say "system packages for $*: all there"
        return
    fi
    local -a missing
    mapfile -t missing <<< "$lines"
    _apt_install "${missing[@]}"
    lines=$(cd "$TOP" && "$VENV/bin/bindep" --brief "$@") || die "still missing after installation: $lines"
}

_apt_install() {
    [[ -x /usr/bin/apt-get ]] || die "these packages are missing, and there is no apt-get to install them: $*"
    say "installing system packages: $*"
    local unit
    local -a new_units=()
    for unit in "${SERVICE_UNITS[@]}"; do
        _has_unit "$unit" || new_units+=("$unit")
    done
    (
        # In a subshell, so that the traps of the calling script stay as they are.
        trap _allow_services EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        _forbid_services
        _apt_get update
        _apt_get install --yes --no-install-recommends "$@"
    )
    for unit in "${new_units[@]}"; do
        _has_unit "$unit" || continue
        say "leaving the new $unit disabled"
        as_root systemctl --quiet disable "$unit" > /dev/null 2>&1 || true
    done
}

_apt_get() {
    # Without the wait a fresh machine fails: it holds the lock while it upgrades itself.
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get --quiet --quiet \
        --option DPkg::Lock::Timeout=600 --option APT::Acquire::Retries=3 --option Dpkg::Use-Pty=0 \
        "$@" < /dev/null
}

_has_unit() { [[ -e /lib/systemd/system/$1 || -e /usr/lib/systemd/system/$1 || -e /etc/systemd/system/$1 ]]; }

# invoke-rc.d(8) asks this file before a package starts its service. One that is not ours is kept.
_forbid_services() {
    [[ -e $POLICY ]] && return
    printf '#!/bin/sh\n# %s: removed again when the packages are installed\nexit 101\n' "$POLICY_MARK" |
        as_root tee "$POLICY" > /dev/null
    as_root chmod 755 "$POLICY"
}

_allow_services() {
    if grep --quiet --no-messages --fixed-strings "$POLICY_MARK" "$POLICY"; then
        as_root rm --force "$POLICY"
    fi
}

# -- Python -----------------------------------------------------------------------------------------------------

make_venv() {
    [[ -x $VENV/bin/bindep && -x $VENV/bin/tox ]] && return
    # The system's own interpreter: one from a home folder cannot be read by the service user.
    local python=/usr/bin/python3
    [[ -x $python ]] || _apt_install python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or later is needed, $python is $("$python" --version)"
    "$python" -c 'import ensurepip, venv' 2> /dev/null || _apt_install python3-venv
    command -v git > /dev/null || _apt_install git
    say "making $VENV"
    "$python" -m venv --clear "$VENV"
    "$VENV/bin/pip" install --quiet --upgrade pip
    "$VENV/bin/pip" install --quiet 'bindep>=2.12' 'tox>=4.28'
}

install_project() {
    make_venv
    describe_version
    say "installing vethagent into $VENV"
    "$VENV/bin/pip" install --quiet --editable "$TOP"
}

# pbr takes the version from git. Git refuses a checkout that belongs to somebody else, and an unpacked archive is none.
describe_version() {
    if ! git -C "$TOP" rev-parse > /dev/null 2>&1; then
        export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$TOP
    fi
    if ! git -C "$TOP" rev-parse --verify --quiet HEAD > /dev/null; then
        export PBR_VERSION=${PBR_VERSION:-0.0.1} SKIP_GENERATE_AUTHORS=1 SKIP_WRITE_GIT_CHANGELOG=1 SKIP_GIT_SDIST=1
    fi
}
