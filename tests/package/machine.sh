#!/bin/sh
# Makes a machine that can be thrown away: the files of this one under a layer in memory, processes and
# control groups of its own. Stays until its standard input ends. $1: a folder that both see; $2: a user's id.
set -eu

case ${3-outside} in
outside)
    if ! unshare --mount --pid --fork sh -c 'mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/r /mnt/c &&
        mount -t overlay none -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r &&
        mount -t cgroup2 none /mnt/c' 2>/dev/null; then
        exit 77
    fi
    group=pimento-package-$$
    # It complains when what it waits for is killed, which is how the machine ends.
    unshare --mount --pid --fork --kill-child sh "$0" "$1" "$2" "$group" 2>/dev/null || status=$?
    groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    [ -z "$groups" ] || find "$groups/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    exit "${status-0}"
    ;;
esac
group=$3

if [ -z "${4-}" ]; then
    mount -t tmpfs none /mnt
    mkdir /mnt/groups
    mount -t cgroup2 none /mnt/groups
    mkdir "/mnt/groups/$group"
    chown -R "$2" "/mnt/groups/$group"
    echo $$ > "/mnt/groups/$group/cgroup.procs"
    # Once more, with the group at its root.
    exec unshare --cgroup sh "$0" "$1" "$2" "$group" inside
fi

# A manager makes file systems in a child, and they have to reach its services.
mount --make-rshared /
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay none -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cd /mnt/root
mount --rbind /dev dev
mount -t proc none proc
mount -t sysfs none sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs none run
mount --rbind "$1" "./$1"
# By this folder programs know that the machine was booted with systemd.
mkdir -p run/systemd/system "run/user/$2"
chown "$2:$2" "run/user/$2"
chmod 700 "run/user/$2"
# Nothing is done where this is not.
: > thrown-away
echo ready
# Commands come in through the namespaces of this process.
exec cat
