# Boots a systemd that sees nothing of this machine and that this machine sees nothing of: its own
# processes, mounts, network (loopback only), host name and control groups. Run by
# test_systemd.py, as root: unshare --mount boot.sh SCRATCH UNIT PYTHON DRIVER...
set -eu
mount --make-rprivate /
scratch=$1
if [ "${2:-}" != inner ]; then
    shift
    mkdir "$scratch/cgroup"
    mount -t cgroup2 cgroup2 "$scratch/cgroup"
    mkdir "$scratch/cgroup/$(basename "$scratch")"
    echo $$ >"$scratch/cgroup/$(basename "$scratch")/cgroup.procs"
    exec unshare --fork --kill-child --pid --mount-proc --net --uts --ipc --cgroup \
        sh "$0" "$scratch" inner "$@"
fi
unit=$3
shift 3
mount -t tmpfs tmpfs /run
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for directory in /lib/systemd/system /etc/systemd/system /var/lib; do
    mount -t tmpfs tmpfs "$directory"
done
for name in sysinit basic shutdown multi-user network-online umount final poweroff; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$name" \
        >"/lib/systemd/system/$name.target"
done
cp "$unit" /etc/systemd/system/
ip link set lo up
"$@" >"$scratch/driver.log" 2>&1 &
export container=test
exec /lib/systemd/systemd --system --unit=multi-user.target --show-status=no >"$scratch/boot.log" 2>&1
