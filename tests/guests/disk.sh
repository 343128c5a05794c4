#!/bin/bash
# disk.sh: virtio-blk under a stock kernel's driver, over PCI and over MMIO, and NVMe; see linux.sh for how the scripts
# here run, and disk-probe for what happens inside.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=Disks
. tests/guests/common.sh
initramfs=disk.cpio
images=$work/images

# A file system of our own, so that it has what a host's has, direct I/O above all; and one that fills up soon.
mkdir -p "$images" "$work/small"
truncate -s 2G "$work/host"
mke2fs -q -t ext4 "$work/host"
if ! mount -o loop "$work/host" "$images" || ! mount -t tmpfs -o size=8M small "$work/small"; then
	printf 'skip\t0\t%s\tneeds root, to mount\n' "$area" >>"${CHECK_RESULTS:-/dev/null}"
	exit 0
fi
trap 'kill $(jobs -p) 2>/dev/null; umount "$images" "$work/small"; rm -rf "$work"' EXIT

fact() { sed -n "s/^probe: $1 //p" "$log" | tail -n 1; }
blocks() { stat -c %b "$1"; }
sum() { sha256sum | cut -d ' ' -f 1; }
less() { [ "$1" -lt "$2" ]; }
image() { rm -f "$images/$1" && truncate -s "$2" "$images/$1"; }

# Sets "transport", and what to add to each disk's options into "model", for pci, mmio or nvme.
choose() {
	transport=$1 model=
	# The other transport: there must be a PCI bus all the same.
	[ "$1" != nvme ] || transport=mmio model=,model=nvme
}

# One machine, eight disks, a reboot.
disks() {
	local options=() full loop disk more
	begin "8 disks over $1"
	choose "$1"
	image a $((mib * 4))M
	image b 16M
	head -c 4M /dev/urandom >"$images/c"
	truncate -s 64M "$work/small/d"
	for disk in e f g h; do image $disk 16M; done
	loop=$(losetup -f --show "$images/g")
	for disk in a b c d e f g h; do
		more=$model
		# NVMe disks are told apart by it.
		[ -z "$model" ] && [ $disk != b ] || more+=,serial=number-$disk
		case $disk in
		c) options+=(--disk "$images/c,ro$more") ;;
		d) options+=(--disk "$work/small/d$more") ;;
		f) options+=(--disk "$images/f,queues=2,iothread=on$more") ;;
		g) options+=(--disk "$loop$more") ;;
		h) options+=(--disk "$images/h,direct$more") ;;
		*) options+=(--disk "$images/$disk$more") ;;
		esac
	done
	start cloud-6.1.bzImage --transport $transport --cpus 2 "${options[@]}" \
		--append "quiet panic=-1 -- disk-probe disks $mib"

	check "the guest writes $mib MiB through ext4" expect '^probe: full'
	full=$(blocks "$images/a")
	type_line go
	expect '^probe: unmounted'
	check "and reads back what it wrote" is "$(fact written)" "$(fact read)"
	check "fstrim gives the space back to the host" less "$(blocks "$images/a")" $((full - mib * 1600))
	check "fsck outside the guest finds nothing" e2fsck -fn "$images/a" >/dev/null 2>&1
	type_line go
	check "all disks are there" is "$(fact disks)" 8
	check "the serial number is the chosen one" is "$(fact serial)" number-b
	check "sizes are the files'" is "$(fact sizes)" "$((mib * 8192)) 32768 8192 131072 32768 32768 32768 32768 "
	check "one is read-only" is "$(fact ro)" 00100000

	expect '^probe: raw-g'
	check "the host sees the guest's bytes" is "$(fact raw-b)" "$(sum <"$images/b")"
	check "zeroed and discarded: a hole is left" less "$(blocks "$images/b")" $((16384 - 2000))
	check "in a block device as well" is "$(fact raw-g)" "$(sum <"$images/g")"
	check "which passes the hole on" less "$(blocks "$images/g")" $((16384 - 2000))
	expect '^probe: grow'
	check "a write to the read-only disk is refused" is "$(fact write-to-read-only)" 1
	check "and it reads well" is "$(fact read-only)" "$(head -c 1M "$images/c" | sum)"
	check "no space on the host: an I/O error" is "$(fact write-to-full-host)" 1
	check "said once, with the disk's name" is 1 "$(grep -c "small/d': .*No space left on device" "$work/err")"
	check "the disk goes on" is "$(fact read-after-it)" 0
	truncate -s 32M "$images/e"
	type_line go
	expect '^probe: write-behind-old-end'
	check "a file that grows is a disk that grows" is "$(fact grown)" 65536
	check "up to its new end" is "$(fact write-behind-old-end)" 0
	expect '^probe: rebound'
	check "the driver goes and comes under load" is "$(fact rebound)" 0
	check "reboot under load: all disks are back" expect '^probe: after-reboot 8'
	check "and work" expect '^probe: written-after-reboot 0'
	end
	check "the run ends well" is "$status" 0
	rm "$work/small/d"
	losetup -d "$loop"
	report
}

# kills N KIND: what the guest was told is durable is there after the plug was pulled.
kills() {
	local i record
	begin "kill -9 in the middle of writing, over $2"
	choose "$2"
	for ((i = 1; i <= $1; i++)); do
		image durable 192M
		mke2fs -q -t ext4 "$images/durable"
		start cloud-6.1.bzImage --transport $transport --disk "$images/durable,serial=number-a$model" \
			--append 'quiet -- sh -c "disk-probe durable"'
		check "$i: records become durable" expect "^probe: durable $((5 + 7 * i))\$"
		kill -9 "$(pgrep -P "$machine" -x minivmm)"
		exec 5>&-
		while expect '^probe: durable'; do :; done
		exec 6<&-
		wait "$machine" 2>/dev/null
		record=$(fact durable)
		e2fsck -fp "$images/durable" >/dev/null 2>&1 # the journal, which a mount would replay
		check "$i: fsck outside the guest is clean" e2fsck -fn "$images/durable" >/dev/null 2>&1
		check "$i: all $record records are there" records_there "$record"
	done
	report
}

records_there() {
	local i
	for ((i = 1; i <= $1; i++)); do
		echo "cat record.$i"
	done | debugfs -f - "$images/durable" 2>/dev/null | grep -c '^record ' >"$work/count"
	[ "$(cat "$work/count")" -eq "$1" ]
}

# refused NAME SAID DISK...: one line, no guest.
refused() {
	local name=$1 said=$2 disk options=()
	shift 2
	for disk; do options+=(--disk "$disk"); done
	boot cloud-6.1.bzImage "${options[@]}"
	check "$name: refused" is "$status" 1
	check "$name: one line says why" is "$(cat "$work/err")" "minivmm: error: disk '$said"
}

bad_input() {
	local mounted
	begin "what cannot be a disk"
	image one 1M
	image part 1000
	image none 0
	refused "missing" "$images/missing': cannot open: No such file or directory" "$images/missing"
	refused "empty" "$images/none': is empty" "$images/none"
	refused "a directory" "$images': is a directory, not an image file" "$images"
	refused "part of a sector" "$images/part': its size of 1000 bytes is not a multiple of 512" "$images/part"
	mounted=$(findmnt -n -o SOURCE "$images")
	refused "a mounted block device" "$mounted': in use by this host (mounted?)" "$mounted"
	refused "twice in one machine" "$images/one': given twice" "$images/one" "$images/one"
	report
}

times=5 mib=64
[ "${1:-}" != --soak ] || { times=20 mib=512; }
for kind in pci mmio nvme; do
	disks $kind
	kills $times $kind
done
bad_input
echo "disks: $passed passed, $failed failed"
[ $failed -eq 0 ]
