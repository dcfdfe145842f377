# Runs a command as the user whose runtime folder is $1: what is in that folder is theirs, links and sockets
# included. Without our terminal, which they could type on, and not for longer than a manager needs.
as_user() {
    runtime=$1
    shift
    timeout -k 5 60 setsid -w setpriv --reuid "${runtime##*/}" --regid "$(id -g "${runtime##*/}")" --init-groups \
        env -i PATH="$PATH" XDG_RUNTIME_DIR="$runtime" "$@" </dev/null
}

# Does something in that user's systemd. Asks its own socket, so that it needs neither D-Bus nor logind.
in_manager() {
    manager=$1
    shift
    as_user "$manager" systemctl --user "$@"
}

# The runtime folders of the users who are logged in.
managers() {
    for socket in /run/user/*/systemd/private; do
        if [ -S "$socket" ]; then echo "${socket%/systemd/private}"; fi
    done
}

# Does something in the systemd of each of them: `each_manager daemon-reload`.
each_manager() {
    for each in $(managers); do
        in_manager "$each" "$@" || true
    done
}

# The same with each agent that the system's systemd runs: `each_confined try-restart`.
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

# Opens the sockets where they are turned on, and no agent that somebody has started by hand would lose its own.
start_enabled() {
    for each in $(managers); do
        in_manager "$each" --quiet is-enabled pimento.socket || continue
        lock=$each/pimento/control.sock.lock
        if [ -e "$lock" ] && ! as_user "$each" flock -n "$lock" true; then continue; fi
        in_manager "$each" start pimento.socket || true
    done
}

# Stops the agents, and removes what points at them: the sockets' folders, and SSH_AUTH_SOCK where it
# is pimento's.
stop_all() {
    each_confined disable --now
    each_manager stop pimento.socket pimento.service
    for folder in /run/user/*/pimento; do
        [ -d "$folder" ] || continue
        each=${folder%/pimento}
        # shellcheck disable=SC2016 # It is the inner shell's.
        as_user "$each" sh -c 'rm -f "$1"/*.sock.lock; rmdir "$1" 2>/dev/null' sh "$folder" || true
        if in_manager "$each" show-environment 2>/dev/null |
            grep -qx "SSH_AUTH_SOCK=$folder/agent.sock"; then
            in_manager "$each" unset-environment SSH_AUTH_SOCK || true
        fi
    done
}
