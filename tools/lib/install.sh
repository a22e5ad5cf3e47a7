#!/usr/bin/env bash
#
# What a fresh machine lacks; to be sourced by the scripts in tools/ after `set -euo pipefail`.
#
#   say TEXT                         print one line of progress
#   die TEXT                         print TEXT to stderr and end with status 1
#   as_root COMMAND...               run COMMAND as root: directly, or through sudo; PATH stays as it is
#   install_system_packages PROFILE...
#                                    install what bindep.txt names for the profiles (demo, rabbit, test) and is missing
#   make_venv                        make $VENV from the system's python3, with bindep, uv and tox in it
#   install_project                  install vethagent itself into $VENV, editable
#   install_python ARGUMENT...       install into $VENV with uv: libraries, or --requirement FILE
#   become MODULE ARGUMENT...        go on as a module of the checkout, as root, with the Python of $VENV
#   calmly COMMAND...                run a COMMAND that installs; what it says on stderr is shown only if it fails, and
#                                    Ctrl-C ends the script with one word
#   need_root                        end with one clear line unless as_root will work; sudo may ask for the password
#
# Each can be called again and does nothing where nothing is missing. Variables that are set here:
#
#   TOP    the checkout
#   VENV   the virtual environment of the tools, $TOP/.venv
#
# Packages are installed without starting or enabling their services, so RabbitMQ and Open vSwitch of this machine stay
# as they are: those that are used are started by the scripts themselves, in folders and namespaces of their own. What
# apt and pip print is shown only if they fail.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV=$TOP/.venv

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

# Before anything that takes time, and with a text that says more than sudo's own.
need_root() {
    [[ $(id -u) != 0 ]] || return 0
    command -v sudo > /dev/null || die "root is needed: run this as root, or install sudo"
    ! sudo -n true 2> /dev/null || return 0
    # Without a terminal there is nobody to ask.
    if { : < /dev/tty; } 2> /dev/null && sudo -v; then
        return
    fi
    die "root is needed, and sudo does not let $(id -un) in: run this as root, or as a user with sudo"
}

# Run a command; show the end of what it printed only if it fails, and say where the rest is. In a subshell, so that
# the log goes also if a signal ends it, and the traps of the calling script stay as they are.
_quietly() (
    log=$(mktemp "${TMPDIR:-/tmp}/vethagent-install-XXXXXX.log")
    status=0
    trap 'rm --force "$log"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$@" > "$log" 2>&1 || status=$?
    [[ $status != 0 ]] || exit 0
    trap - EXIT
    {
        tail --lines=20 "$log"
        printf 'error: status %s from: %s\nerror: all that it printed is in %s\n' "$status" "$*" "$log"
    } >&2
    exit "$status"
)

# At a Ctrl-C what the installers say is a traceback of Python's.
calmly() {
    errors=$(mktemp)
    trap 'cat "$errors" >&3 || true; rm --force "$errors"' EXIT
    trap 'true > "$errors"; echo interrupted >&3; exit 130' INT
    exec 3>&2 2> "$errors"
    "$@"
    exec 2>&3 3>&-
    rm "$errors"
    trap - EXIT INT
}

# -- packages ---------------------------------------------------------------------------------------------------

install_system_packages() {
    local lines
    # Checks and unit tests run without root, if nothing is missing for them.
    [[ $* == build ]] || need_root
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
    need_root
    say "installing system packages: $*"
    (
        # In a subshell, so that the traps of the calling script stay as they are.
        enabled_before=$(_enabled_units)
        trap _leave_services EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        _forbid_services
        _finish_interrupted
        _quietly _apt_get update
        _quietly _apt_get install --yes --no-install-recommends "$@"
    )
}

_apt_get() {
    # Without the wait a fresh machine fails: it holds the lock while it upgrades itself.
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get --quiet --quiet \
        --option DPkg::Lock::Timeout=600 --option APT::Acquire::Retries=3 --option Dpkg::Use-Pty=0 \
        "$@" < /dev/null
}

# After an installation that was broken off apt-get refuses everything until this is done. If it cannot be, because
# somebody else is installing at this moment, what follows waits for that, or says what is wrong.
_finish_interrupted() {
    if [[ -n $(as_root dpkg --audit) || -n $(find /var/lib/dpkg/updates -name '[0-9]*') ]]; then
        say "finishing an installation that was interrupted"
        as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a < /dev/null > /dev/null 2>&1 || true
        _apt_get install --yes --no-install-recommends --fix-broken > /dev/null 2>&1 || true
    fi
}

# -- services that packages bring ---------------------------------------------------------------------------------

# Read from the files, so that it works where no systemd runs; nothing where there is none.
_enabled_units() {
    command -v systemctl > /dev/null || return 0
    systemctl --root=/ list-unit-files --state=enabled --no-legend --no-pager --plain | cut --delimiter=' ' --fields=1
}

# Units that were enabled before stay so; those that have been enabled since are not wanted.
_leave_services() {
    trap '' INT TERM
    local unit
    for unit in $(_enabled_units); do
        [[ $'\n'$enabled_before$'\n' != *$'\n'$unit$'\n'* ]] || continue
        say "leaving the new $unit disabled"
        as_root systemctl --quiet disable "$unit" > /dev/null 2>&1 || true
    done
    _allow_services
}

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
    if _has_tools; then
        _configure_uv
        return
    fi
    # The system's own interpreter: one from a home folder cannot be read by the service user.
    local python=/usr/bin/python3
    [[ -x $python ]] || _apt_install python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or later is needed, $python is $("$python" --version)"
    "$python" -c 'import ensurepip, venv' 2> /dev/null || _apt_install python3-venv
    command -v git > /dev/null || _apt_install git
    say "making $VENV"
    "$python" -m venv --clear "$VENV"
    _quietly "$VENV/bin/pip" install --upgrade pip
    _quietly "$VENV/bin/pip" install 'bindep>=2.12' 'tox>=4.28' 'tox-uv>=1.29'
    _configure_uv
}

_has_tools() { [[ -x $VENV/bin/bindep && -x $VENV/bin/uv && -x $VENV/bin/tox ]]; }

# uv, which tox too makes its environments with, reads neither pip's files nor the certificates of the system by itself.
_configure_uv() {
    local index
    index=${PIP_INDEX_URL:-$("$VENV/bin/pip" config get global.index-url 2> /dev/null || true)}
    [[ -z $index ]] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
    # Once here, and not at each start of a process.
    export UV_COMPILE_BYTECODE=${UV_COMPILE_BYTECODE:-true}
}

install_python() { _quietly "$VENV/bin/uv" pip install --python "$VENV/bin/python" "$@"; }

install_project() {
    make_venv
    describe_version
    local stamp=$VENV/installed now
    now=$(_installation)
    if [[ -e $stamp && $(< "$stamp") == "$now" && -x $VENV/bin/vethctl ]]; then
        return
    fi
    say "installing vethagent into $VENV"
    rm --force "$stamp"
    install_python --editable "$TOP"
    # As an installation has it: what root compiles it is not to leave in the checkout, and an editable one comes
    # without.
    "$VENV/bin/python" -m compileall -q "$TOP/vethagent"
    printf '%s\n' "$now" > "$stamp"
}

# What an editable installation is made from: where the code is, its commands and requirements, and its version.
_installation() {
    printf '%s\n' "$TOP" "${PBR_VERSION-}"
    git -C "$TOP" rev-parse --verify --quiet HEAD || true
    (cd "$TOP" && sha256sum pyproject.toml requirements.txt setup.cfg)
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

# What root compiles would stay in the checkout.
become() { exec "$TOP/tools/as-root" env "PYTHONPATH=$TOP" PYTHONDONTWRITEBYTECODE=1 "$VENV/bin/python" -m "$@"; }
