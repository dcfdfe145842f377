# Does something in the systemd of each user who is logged in: `each_manager daemon-reload`.
# Asks its own socket, as that user, so that it needs neither D-Bus nor logind.
each_manager() {
    for socket in /run/user/*/systemd/private; do
        [ -S "$socket" ] || continue
        in_manager "${socket%/systemd/private}" "$@" || true
    done
}

# The same for the user whose runtime folder is $1.
in_manager() {
    runtime=$1
    shift
    setpriv --reuid "${runtime##*/}" --regid "$(id -g "${runtime##*/}")" --init-groups \
        env -i PATH="$PATH" XDG_RUNTIME_DIR="$runtime" systemctl --user "$@"
}

# Does something with each agent that the system's systemd runs: `each_confined try-restart`.
each_confined() {
    for link in /etc/systemd/system/user@*.service.wants/pimento@*.service; do
        [ -L "$link" ] || continue
        systemctl "$@" "${link##*/}" || true
    done
}

# Has all managers read their units again.
reload_all() {
    if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
    each_manager daemon-reload
}

# Stops the agents, and removes what points at them: the sockets' folders, and SSH_AUTH_SOCK where it
# is pimento's.
stop_all() {
    each_confined disable --now
    each_manager stop pimento.socket pimento.service
    for folder in /run/user/*/pimento; do
        [ -d "$folder" ] || continue
        rm -f "$folder"/*.sock.lock
        rmdir "$folder" 2>/dev/null || true
        runtime=${folder%/pimento}
        if in_manager "$runtime" show-environment 2>/dev/null |
            grep -qx "SSH_AUTH_SOCK=$folder/agent.sock"; then
            in_manager "$runtime" unset-environment SSH_AUTH_SOCK || true
        fi
    done
}
