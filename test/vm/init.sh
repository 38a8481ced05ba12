#!/bin/sh
# The first process of the machine: makes it what systemd makes of a host with cgroup version 2 alone, runs the tests, and ends it.
# Its arguments are those of test/run.ts; `--shell` alone is a shell instead. The second serial line is standard output here, the
# first is the kernel's.
mount -t devtmpfs devtmpfs /dev
exec </dev/ttyS1 >/dev/ttyS1 2>&1
export PATH=/usr/local/bin:/usr/bin HOME=/root LANG=C.UTF-8
# No carriage returns in what the tests say.
[ "$1" = --shell ] || stty raw -echo

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mkdir /dev/pts /dev/shm
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
ln -s /proc/self/fd /dev/fd

# As systemd mounts it, and with the tests in a cgroup of their own as a service is.
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
echo '+cpuset +cpu +io +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/init.scope
echo 0 >/sys/fs/cgroup/init.scope/cgroup.procs

for module in $(cat /lib/modules/order); do insmod "/lib/modules/$module"; done
ip link set lo up
hostname caisson-vm

cd /caisson/checkout
export CAISSON=$PWD/build/caisson
# Emulated processors are slow, and slower when the host is busy.
export CAISSON_TEST_SLOWNESS=8
if [ "$1" = --shell ]; then
  setsid cttyhack sh
else
  scripts/bun test/run.ts "$@"
fi
poweroff -f
