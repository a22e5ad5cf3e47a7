#!/bin/bash
#
# Run the plugin as devstack does, with stand-ins for what devstack and the machine give it:
#
#   stand_ins.sh SANDBOX RUN...
#
# A RUN is "stack", "unstack" or "clean". Each call of a stand-in is a line of SANDBOX/calls, its words apart by tabs;
# what is written as root goes below SANDBOX/root. ENABLED_SERVICES and what else localrc would set come from the
# environment. Any error ends it, as in stack.sh, and so does a variable that nobody has set.

set -o errexit -o nounset

SANDBOX=$1
shift
PLUGIN=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../devstack" && pwd)

record() {
    local line word
    printf -v line '%s' "$1"
    for word in "${@:2}"; do
        printf -v line '%s\t%s' "$line" "$word"
    done
    printf '%s\n' "$line" >> "$SANDBOX/calls"
}

# -- the machine --------------------------------------------------------------------------------------------------

sudo() {
    record sudo "$@"
    case $1 in
        tee) install -D -m 0644 /dev/stdin "$SANDBOX/root$2" ;;
        install) if [[ " $* " != *" -d "* ]]; then install -D "${@: -2:1}" "$SANDBOX/root${*: -1}"; fi ;;
        ovs-vsctl) if [[ " $* " == *" find Port "* ]]; then printf 'eth1-br1\neth2-br2\n'; fi ;;
        systemctl) if [[ $2 == show ]]; then echo 0123456789abcdef; fi ;;
    esac
}

systemctl() { record systemctl "$@"; }

ip() {
    record ip "$@"
    if [[ $* == *"-o link show type veth" ]]; then
        printf '%s\n' \
            '7: phy-br1@eth1-br1: <UP> mtu 1500 \    link/ether 02:00:00:00:00:01 \    alias vethagent:5d1f' \
            '8: eth1-br1@phy-br1: <UP> mtu 1500 \    link/ether 02:00:00:00:00:02 \    alias vethagent:5d1f' \
            '9: foreign@other: <UP> mtu 1500 \    link/ether 02:00:00:00:00:03 \    alias somebody'
    elif [[ $* == "link show dev eth1-br1" ]]; then
        return 1
    fi
}

# -- devstack -----------------------------------------------------------------------------------------------------

is_service_enabled() {
    local service
    for service in "$@"; do
        if [[ ,$ENABLED_SERVICES, == *,$service,* ]]; then
            return 0
        fi
    done
    return 1
}

enable_service() { ENABLED_SERVICES+=$(printf ',%s' "$@"); }

die() {
    record die "$@"
    exit 1
}

get_python_exec_prefix() { echo "$SANDBOX/venv/bin"; }
ipv6_unquote() { echo "$1" | tr -d '[]'; }
is_ubuntu() { true; }
database_connection_url() { echo "mysql+pymysql://root:secret@127.0.0.1/$1?charset=utf8&plugin=dbcounter"; }

for name in configure_keystone_authtoken_middleware create_service_user define_plugin echo_summary \
    get_or_create_endpoint get_or_create_service iniset recreate_database run_process setup_develop setup_logging \
    start_service start_tls_proxy stop_process test_with_retry wait_for_service; do
    eval "$name() { record $name \"\$@\"; }"
done

# Only stack.sh has these.
give_rpc_backend() {
    get_transport_url() {
        if [[ -n ${RABBIT_HOST:-} && -n ${RABBIT_PASSWORD:-} ]]; then
            echo "rabbit://stackrabbit:$RABBIT_PASSWORD@$RABBIT_HOST:5672/"
        fi
    }
    iniset_rpc_backend() { record iniset_rpc_backend "$@"; }
}

SYSTEMCTL="sudo systemctl"
ENABLE_DEBUG_LOG_LEVEL=True
REGION_NAME=RegionOne
SERVICE_HOST=192.0.2.11
SERVICE_LISTEN_ADDRESS="[::]"
SERVICE_TIMEOUT=60
STACK_USER=$(id --user --name)
DATA_DIR=$SANDBOX/data
VETHAGENT_CONF_DIR=$SANDBOX/etc/vethagent
mkdir -p "$DATA_DIR/vethagent" "$SANDBOX/venv/bin"
printf '#!/bin/bash\nprintf "%%s\\n" "vethagent-manage $*" >> "%s/calls"\n' "$SANDBOX" > "$SANDBOX/venv/bin/vethagent-manage"
chmod +x "$SANDBOX/venv/bin/vethagent-manage"
# The plugin looks whether there is one before it asks; whether this machine has it must not matter.
mkdir -p "$SANDBOX/bin"
printf '#!/bin/bash\nexit 99\n' > "$SANDBOX/bin/ovs-vsctl"
chmod +x "$SANDBOX/bin/ovs-vsctl"
PATH=$SANDBOX/bin:$PATH

# Sourced in a function, as devstack does.
run_plugin() {
    record phase "$@"
    source "$PLUGIN/plugin.sh" "$@"
}

# Each run is a process of its own.
run() (
    local phase
    source "$PLUGIN/settings"
    if [[ $1 != stack ]]; then
        run_plugin "$1"
        return
    fi
    LOCAL_HOSTNAME=node1
    give_rpc_backend
    for phase in pre-install install post-config extra test-config; do
        run_plugin stack "$phase"
    done
)

for one in "$@"; do
    run "$one"
done
