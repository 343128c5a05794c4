#!/bin/bash
# run.sh: everything that needs a Linux guest. Makes kernels and initramfs ready, then runs the scripts beside it where
# KVM can boot them: here, or in scripts/nested, in a machine for each script, two at a time.
#
#   tests/guests/run.sh [--soak] [SCRIPT...]		scripts: payloads, linux, modes, console, disk, nvme, net,
#							identity, login; all of them unless given
#
# Adds a line per check to $CHECK_RESULTS, if set; $O is the build folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${O:-build}
mkdir -p "$build/guests"

for kernel in cloud-6.1 cloud-6.12 full-6.12; do
	flavour=${kernel%-*} series=${kernel#*-}
	if ! scripts/guest-kernel "$flavour" "$series" >/dev/null; then
		printf 'skip\t0\tLinux: %s\tno such kernel in the archive\n' "$kernel" >>"${CHECK_RESULTS:-/dev/null}"
		continue
	fi
	ln -sfn "$(scripts/guest-kernel "$flavour" "$series")" "$build/guests/$kernel.bzImage"
	ln -sfn "$(scripts/guest-kernel --vmlinux "$flavour" "$series")" "$build/guests/$kernel.vmlinux"
	modules=$(scripts/guest-kernel --modules "$flavour" "$series")
	scripts/mkinitramfs --modules "$modules" --bare --module button --module evdev --module pvpanic-mmio \
		--busybox --program dmidecode --program lscpu --file tests/guests/probe:/bin/probe \
		"$build/guests/$kernel.cpio"
	scripts/mkinitramfs "$build/guests/no-modules.cpio"
done
scripts/mkinitramfs --modules "$(scripts/guest-kernel --modules cloud 6.1)" --bare \
	--module virtio_pci --module virtio_mmio --module virtio_blk --module ext4 --busybox \
	--program mke2fs:/bin/mke2fs.ext4 --file /etc/mke2fs.conf:/etc/mke2fs.conf \
	--file tests/guests/disk-probe:/bin/disk-probe "$build/guests/disk.cpio"
for series in 6.1 6.12; do
	scripts/mkinitramfs --modules "$(scripts/guest-kernel --modules cloud $series)" --bare \
		--module virtio_pci --module virtio_mmio --module virtio_console --module virtio_rng --busybox \
		--file tests/guests/probe-console:/bin/probe-console "$build/guests/console-$series.cpio"
done
for kernel in cloud-6.1 cloud-6.12 full-6.12; do
	card=virtio_net
	[ $kernel != full-6.12 ] || card=e1000
	! command -v iperf3 >/dev/null || scripts/mkinitramfs \
		--modules "$(scripts/guest-kernel --modules ${kernel%-*} ${kernel#*-})" --bare \
		--module virtio_pci --module virtio_mmio --module $card --busybox --program iperf3 \
		--file tests/guests/net-probe:/bin/net-probe "$build/guests/net-$kernel.cpio"
done

for kernel in cloud-6.1 cloud-6.12 full-6.1 full-6.12; do
	ln -sfn "$(scripts/guest-kernel ${kernel%-*} ${kernel#*-})" "$build/guests/$kernel.bzImage"
	scripts/mkinitramfs --modules "$(scripts/guest-kernel --modules ${kernel%-*} ${kernel#*-})" --busybox \
		--file tests/guests/modes-probe:/bin/modes-probe "$build/guests/modes-$kernel.cpio"
done

# A root file system with the same init, for kernels that have driver and file system built in.
root=$(mktemp -d)
scripts/mkinitramfs --busybox --file tests/guests/nvme-probe:/bin/nvme-probe "$root/archive"
(cd "$root" && mkdir files && cd files && cpio -i --quiet <../archive && mkdir sbin && mv init sbin)
rm -f "$build/guests/root.img"
truncate -s 64M "$build/guests/root.img"
mke2fs -q -t ext4 -d "$root/files" "$build/guests/root.img"
rm -rf "$root"

scripts/mkinitramfs --modules "$(scripts/guest-kernel --modules cloud 6.1)" --bare \
	--module virtio_pci --module virtio_mmio --module virtio_blk --module virtio_net --module virtio_console \
	--module ext4 --module isofs --module button --busybox --init tests/guests/identity-init "$build/guests/identity.cpio"
scripts/mkinitramfs --modules "$(scripts/guest-kernel --modules full 6.12)" --bare --module nvme --module e1000 \
	--module isofs --module button --busybox --init tests/guests/identity-init "$build/guests/identity-full.cpio"

soak=
[ "${1:-}" != --soak ] || { soak=--soak; shift; }
[ $# -gt 0 ] || set -- payloads linux modes console disk nvme net identity login
# Copies of disk images lie in an emulated machine's memory.
limit=${GUESTS_TIMEOUT:-1500} memory=5G
[ -z "$soak" ] || limit=${GUESTS_TIMEOUT:-14400} memory=14G
case " $* " in
*" identity "* | *" login "* | *" modes "* | *" nvme "*)
	releases=12
	[ -z "$soak" ] || releases='12 13'
	for release in $releases; do
		image=$build/guests/debian-$release include=virt-what,dmidecode,pciutils
		scripts/debian-image --include $include "$release" "$image.img" &&
			{ [ -z "$soak" ] || scripts/debian-image --include $include,cloud-init "$release" "$image-cloud-init.img"; } &&
			continue
		printf 'skip\t0\tDebian %s\tno image of it\n' "$release" >>"${CHECK_RESULTS:-/dev/null}"
		rm -f "$image.img" "$image-cloud-init.img"
	done
	;;
esac
# shellcheck disable=SC2016 # for the shell that is started
all='status=0; soak=$1; shift; for script; do tests/guests/$script.sh $soak || status=1; done; exit $status'

if kind=$(scripts/kvm-kind); then
	echo "guests: on this machine's KVM"
	exec bash -c "$all" run "$soak" "$@" # one after the other
fi
echo "guests: in emulated machines ($kind)"
exchange=$(mktemp -d)
# With no job left kill fails, which must not become the status.
trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf "$exchange"' EXIT

# machine SCRIPT: an emulated machine of its own. A fault of the emulator's can stop it, or a guest in it, for good (scripts/nested
# knows one and keeps clear of it); its watchdog tells that by status 125. Then it is made anew; and so once where a check failed,
# which a fault of ours does again. What the last one has checked counts; what failed before is told among the skipped.
machine() {
	local script=$1 share=$exchange/$1 attempt status=125
	for attempt in 1 2 3; do
		[ ! -e "$share/results" ] || awk -F '\t' -v OFS='\t' \
			'$1 == "fail" { print "skip", $2, $3, "failed once, then tried in a new machine: " $4 }' \
			"$share/results" >>"${CHECK_RESULTS:-/dev/null}"
		rm -rf "$share"
		mkdir "$share"
		[ $attempt -eq 1 ] || echo "guests: $script: ended with $status; again in a new machine"
		status=0
		CHECK_RESULTS=$share/results scripts/nested --exchange "$share" --mem "$memory" --timeout "$limit" -- \
			"tests/guests/$script.sh" $soak </dev/null || status=$?
		[ $status -ne 0 ] || break
		[ $status -eq 125 ] || [ $attempt -eq 1 ] || break
	done
	case $status in
	125) printf 'skip\t0\t%s: the rest\tits emulated machine stopped, three times\n' "$script" >>"$share/results" ;;
	124 | 1[3-9]?) printf 'fail\t0\t%s\tits emulated machine ended with %s\n' "$script" $status >>"$share/results" ;;
	esac
	[ ! -e "$share/results" ] || cat "$share/results" >>"${CHECK_RESULTS:-/dev/null}"
	[ $status -eq 125 ] || return $status
}

machines() {
	local script status=0
	for script; do
		machine "$script" || status=1
	done
	return $status
}

# Two side by side: an emulated machine keeps little more than one processor busy.
first=() second=()
for script; do
	case $script in
	identity | login | net | nvme) second+=("$script") ;;
	*) first+=("$script") ;;
	esac
done
status=0
machines ${second[@]+"${second[@]}"} >"$exchange/second.log" 2>&1 &
machines ${first[@]+"${first[@]}"} || status=1
wait $! || status=1
cat "$exchange/second.log"
exit $status
