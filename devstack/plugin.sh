# The devstack plugin of vethagent: which function of lib/vethagent runs when.
#
# devstack sources this file as `plugin.sh MODE [PHASE]`, in stack.sh with errexit. The services start in the phase
# `extra` and not before: only then is local.conf merged into their configuration.

_XTRACE_VETHAGENT_PLUGIN=$(set +o | grep xtrace)
set +o xtrace
source "$(dirname "${BASH_SOURCE[0]}")/lib/vethagent"
$_XTRACE_VETHAGENT_PLUGIN

if is_service_enabled vethagent-controller vethagent-api vethagent-agent; then
    case "$1 ${2:-}" in
        "stack install")
            echo_summary "Installing vethagent"
            install_vethagent
            ;;
        "stack post-config")
            echo_summary "Configuring vethagent"
            configure_vethagent
            create_vethagent_accounts
            ;;
        "stack extra")
            echo_summary "Starting vethagent"
            init_vethagent
            start_vethagent
            ;;
        "unstack ")
            stop_vethagent
            ;;
        "clean ")
            cleanup_vethagent
            ;;
    esac
fi
