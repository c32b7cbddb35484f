#!/bin/sh
# boot.sh ROOT PYTHON PIP-WORDS: ROOT becomes /, the bridge is installed in it, and systemd takes over. Called by real.py
# in namespaces of its own: what is mounted here, nobody else sees.
set -e
mount --bind "$1" "$1"
cd "$1"
mkdir -p usr proc sys dev tmp run root old var/log etc/systemd/system
mount --bind /usr usr
mount -o remount,bind,ro usr
for name in bin sbin lib lib32 lib64; do
  [ -L /$name ] && [ ! -e $name ] && ln -s "$(readlink /$name)" $name
done
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for name in null zero full random urandom tty; do
  touch dev/$name
  mount --bind /dev/$name dev/$name
done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' > etc/passwd
printf 'root:x:0:\nsystemd-journal:x:999:\nnogroup:x:65534:\n' > etc/group
printf 'passwd: files systemd\ngroup: files systemd\nhosts: files\n' > etc/nsswitch.conf
printf '127.0.0.1 localhost\n' > etc/hosts
echo 0123456789abcdef0123456789abcdef > etc/machine-id
ln -sf /usr/lib/systemd/system/basic.target etc/systemd/system/default.target
for unit in dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
  sys-fs-fuse-connections.mount systemd-sysctl.service systemd-random-seed.service systemd-modules-load.service; do
  ln -sf /dev/null etc/systemd/system/$unit
done
pivot_root . old
umount -l old
mount --make-rshared / # else credentials, which a helper of systemd's mounts, are seen by nobody
"$2" -m venv /opt/vms-bridge
# shellcheck disable=SC2086
/opt/vms-bridge/bin/pip $3 --find-links /packages vms-bridge
exec env -i container=vms-bridge-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --log-target=console --show-status=no
