#!/bin/bash
# login.sh: a Debian root file system, as its users start it: its own kernel and initrd, a disk, a network card without
# root's help, and a login on hvc0; over PCI and over MMIO. tests/guests/run.sh makes things ready and starts it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=Debian
. tests/guests/common.sh

port=7707
if [ ! -e "$guests/debian-12.img" ] || ! command -v passt >/dev/null; then
	printf 'skip\t0\tDebian: login\tno image or no passt\n' >>"${CHECK_RESULTS:-/dev/null}"
	exit 0
fi

# says COMMAND PATTERN: what a command in the guest's shell prints; the pattern must not match the command's echo.
says() {
	type_line "$1"
	expect "$2"
}

for transport in pci mmio; do
	begin "login over $transport"
	cp --sparse=always "$guests/debian-12.img" "$work/root.img"
	busybox nc -l -p $port >"$work/heard" </dev/null &
	initramfs=debian-12.img.initrd start debian-12.img.vmlinuz --disk "$work/root.img" --transport $transport \
		--net passt --append 'root=/dev/vda console=hvc0'
	check "it gets to a login on hvc0" expect 'Debian GNU/Linux 12 .*hvc0'
	type_line root
	check "root logs in" expect 'ABSOLUTELY NO WARRANTY|programs included'
	# shellcheck disable=SC2016 # for the guest's shell
	check "the network is up" says '/lib/systemd/systemd-networkd-wait-online --any; echo online=$?' 'online=0$'
	# shellcheck disable=SC2016
	check "it has an address" says 'ip -4 -o address show scope global | sed "s/.*inet/address/"' 'address [0-9.]+/'
	# shellcheck disable=SC2016
	check "it reaches this host" says 'echo "from the guest" >/dev/tcp/$(ip route | sed -n "s/^default via \([0-9.]*\).*/\1/p")/'$port'; echo sent=$?' 'sent=0$'
	# shellcheck disable=SC2016
	check "the root is the disk, for writing" says 'touch /x && findmnt -n -o SOURCE,OPTIONS / | sed "s/^/root /"' 'root /dev/vda .*rw'
	type_line poweroff
	end
	check "poweroff ends it with 0" is "$status" 0
	check "the host heard it" grep -q 'from the guest' "$work/heard"
	check "the file system is clean" e2fsck -fn "$work/root.img" >"$work/fsck" 2>&1
	report
	kill %% 2>/dev/null
done
echo "login: $passed passed, $failed failed"
[ $failed -eq 0 ]
