#!/bin/bash
# console.sh: the virtio console, both consoles at once, named ports and the entropy device, with stock kernels.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=console
. tests/guests/common.sh

# Answers the guest's hello at the socket with a line of its own.
answer_at() {
	local socket=$1 i
	for ((i = 0; i < 600; i++)); do
		[ -S "$socket" ] && break
		read -r -t 0.1 <> <(:)
	done
	python3 - "$socket" <<-'END'
		import socket, sys
		peer = socket.socket(socket.AF_UNIX)
		peer.settimeout(120)
		peer.connect(sys.argv[1])
		assert peer.makefile().readline() == "hello\n"
		peer.sendall(b"good day\n")
		peer.recv(1)
	END
}

same_bytes() { has "probe: sent $(($1 << 20)) $(sha256sum <"$work/out.bin" | cut -d ' ' -f 1)"; }

# ports KERNEL MIB OPTION...
ports() {
	local kernel=$1 mib=$2
	shift 2
	begin "$kernel, virtio console and ports, $mib MiB${*:+, $*}"
	rm -f "$work/out.bin"
	answer_at "$work/talk" &
	boot "$kernel.bzImage" --console virtio --port "out=file:$work/out.bin" --port "talk=unix:$work/talk" \
		--port "stalled=unix:$work/stalled" --append "quiet -- sh -c \"probe-console $mib; exit 7\"" "$@"
	check "the command's status is the run's" is "$status" 7
	check "the console is hvc0" has 'probe: console hvc0'
	check "random numbers come from the host" has 'probe: rng virtio_rng.0 64'
	check "ports have their names" has 'probe: ports out stalled talk'
	check "what goes through a port arrives unchanged" same_bytes "$mib"
	check "a peer at a socket is heard and answered" has 'probe: answer good day'
	check "sockets are gone afterwards" is "$(find "$work" -type s)" ""
	report
	wait
}

# rebinds KERNEL: drivers off and on under load. The guest's own console is the UART.
rebinds() {
	begin "$1, drivers off and on under load"
	rm -f "$work/out.bin"
	boot "$1.bzImage" --console serial --port "out=file:$work/out.bin" --append 'quiet -- probe-console rebind'
	check "random numbers come again" has 'probe: rng 64'
	check "a port takes what is written again" is "$(tail -n 1 "$work/out.bin" | tr -d '\0')" 'after all'
	check "the guest comes to its end" has 'probe: end'
	check "without a complaint" hasnt 'WARNING:|BUG:|Call Trace|hung task'
	report
}

both() {
	begin "$1, both consoles"
	start "$1.bzImage" --console both --append 'quiet -- ask'
	check "the guest's output arrives" expect '^init: ready'
	# shellcheck disable=SC2016 # for the guest's shell
	type_line 'sh -c "echo console $(cat /sys/class/tty/console/active)"'
	check "input reaches hvc0" expect '^console .*hvc0'
	expect '^init: ready'
	type_line 'sh -c "echo through the UART >/dev/ttyS0"'
	check "what the UART says is merged" expect '^through the UART'
	expect '^init: ready'
	type_line poweroff
	end
	check "power-off ends it with 0" is "$status" 0
	report
}

if [ "${1:-}" = --soak ]; then
	initramfs=console-6.12.cpio ports cloud-6.12 100
else
	initramfs=console-6.12.cpio ports cloud-6.12 8
	initramfs=console-6.1.cpio ports cloud-6.1 8 --transport mmio
	initramfs=console-6.12.cpio both cloud-6.12
	initramfs=console-6.12.cpio rebinds cloud-6.12
fi
echo "console: $passed passed, $failed failed"
[ $failed -eq 0 ]
