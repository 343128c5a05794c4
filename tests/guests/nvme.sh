#!/bin/bash
# nvme.sh: stock kernels, and Debian, with a root file system on NVMe and no initrd; see linux.sh for how the scripts here
# run. What NVMe disks have to stand besides is in disk.sh.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=NVMe
. tests/guests/common.sh
initramfs=none

fact() { sed -n "s/^probe: $1 //p" "$log" | tail -n 1; }
same() { [ "$(grep -c "^probe: $1 " "$log")" -eq 2 ] && [ "$(grep "^probe: $1 " "$log" | sort -u | wc -l)" -eq 1 ]; }
at_most() { [ "${1:-none}" -le "$2" ]; }

# Writes to the controller's registers and its vector table that came to user space.
exits() { awk '$1 == "disk0" && $(NF) == "writes" { sum += $(NF - 1) } END { print sum + 0 }' "$work/err"; }

# root KERNEL CPUS QUEUES OPTION...: two boots in one machine, of which the second finds what the first has written.
root() {
	local kernel=$1 cpus=$2 queues=$3
	shift 3
	[ -e "$guests/$kernel.bzImage" ] || return
	begin "$kernel, root without an initrd, $cpus CPUs, $queues queues"
	cp "$guests/root.img" "$work/root.img"
	start "$kernel.bzImage" --cpus "$cpus" --mem 512M --stats --disk "$work/root.img,model=nvme,queues=$queues" "$@" \
		--append "quiet panic=-1 root=/dev/nvme0n1 rw -- nvme-probe"
	check "it is the root" expect '^probe: root /dev/(root|nvme0n1) ext4'
	check "the second boot reads what the first wrote" expect '^probe: read-back OK'
	end
	check "power-off ends it with 0" is "$status" 0
	check "as many queues as asked for" is "$(fact queues)" $((queues + 1))
	check "each with a message interrupt" is "$(fact vectors)" $((queues + 1))
	check "a serial number that stays" same serial
	check "a qualified name that stays" same name
	check "a namespace with a UUID that stays" same uuid
	check "2000 commands, few of them by exits" at_most "$(exits)" 500
	check "the kernel complains of nothing" hasnt 'probe: complaint'
	check "fsck outside the guest finds nothing" e2fsck -fn "$work/root.img" >/dev/null 2>&1
	report
}

# says COMMAND PATTERN: what a command in the guest's shell prints; the pattern must not match the command's echo.
says() {
	type_line "$1"
	expect "$2"
}

# The shortest way to a Debian guest, and one that does not know what it runs on: systemd takes the machine-id from the
# command line only.
debian() {
	local uuid=5f9d3c1a-7b2e-4d60-8a11-c0ffee5eed42
	[ -e "$guests/debian-12.img" ] || return
	begin "Debian in full mode, root without an initrd"
	cp --sparse=always "$guests/debian-12.img" "$work/debian.img"
	start debian-12.img.vmlinuz --mode full --disk "$work/debian.img,model=nvme" --uuid $uuid --identity cmdline \
		--append 'root=/dev/nvme0n1 quiet'
	check "it gets to a login" expect 'Debian GNU/Linux 12 .*ttyS0'
	type_line root
	check "root logs in" expect 'ABSOLUTELY NO WARRANTY|programs included'
	# shellcheck disable=SC2016 # for the guest's shell
	check "systemd sees no hypervisor" says 'echo virt=$(systemd-detect-virt)' 'virt=none'
	# shellcheck disable=SC2016
	check "nor does virt-what" says 'echo what=$(virt-what)=' 'what==$'
	# shellcheck disable=SC2016
	check "the machine-id is the chosen one" says 'echo id=$(cat /etc/machine-id)' "id=${uuid//-/}"
	check "the root is the disk, for writing" says 'findmnt -n -o SOURCE,OPTIONS / | sed "s/^/root /"' \
		'root /dev/(root|nvme0n1) .*rw'
	type_line poweroff
	end
	check "poweroff ends it with 0" is "$status" 0
	check "the file system is clean" e2fsck -fn "$work/debian.img" >/dev/null 2>&1
	report
}

root cloud-6.1 1 1
root cloud-6.1 2 2
root cloud-6.12 1 1 --mode full
root cloud-6.12 2 2 --transport mmio
debian
echo "nvme: $passed passed, $failed failed"
[ $failed -eq 0 ]
