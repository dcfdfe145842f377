#!/bin/sh
# Runs the script $1 beside a user manager of systemd, in namespaces of their own. HOME and
# XDG_RUNTIME_DIR are the manager's. Ends as the script does, or with 77 where this can't be done.
set -eu

# The rest of the machine sees this group of processes and its parts, so they go by its name.
group=pimento-test-$(basename "$HOME")

case ${2-outside} in
outside)
    if ! unshare --mount --pid --fork --mount-proc sh -c \
        'mount -t tmpfs none /mnt && mkdir /mnt/c && mount -t cgroup2 none /mnt/c' 2>/dev/null; then
        exit 77
    fi
    status=0
    unshare --mount --pid --fork --mount-proc sh "$0" "$1" mounts || status=$?
    groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    [ -z "$groups" ] || find "$groups/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    exit $status
    ;;
mounts)
    # The manager makes the credential's file system in a child, and it has to reach the service.
    mount --make-rshared /
    # By this folder a manager knows that the machine was booted with systemd.
    mkdir -p /run/systemd
    mount -t tmpfs none /run/systemd
    mkdir /run/systemd/system
    mount -t tmpfs none /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
    mkdir "/sys/fs/cgroup/$group"
    echo 0 > "/sys/fs/cgroup/$group/cgroup.procs"
    exec unshare --cgroup sh "$0" "$1" manager
    ;;
manager)
    # Once more, with the group at its root.
    umount /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
    /usr/lib/systemd/systemd --user --unit=basic.target &
    until [ -S "$XDG_RUNTIME_DIR/systemd/private" ]; do
        kill -0 $!
        sleep 0.02
    done
    status=0
    sh -euc "$1" || status=$?
    # Everything ends with the first process of the namespace, which this is.
    exit $status
    ;;
esac
