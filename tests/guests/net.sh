#!/bin/bash
# net.sh: network cards of Linux guests, over tap with and without vhost-net and over passt. Runs as root where KVM is
# real; tests/guests/run.sh makes things ready and starts it. One boot answers as much as it can.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=net
. tests/guests/common.sh

make_taps() {
	local number
	modprobe -a tun vhost_net
	for number in 0 1; do
		scripts/tap-up --no-nat --queues --bridge mvb$number --address 10.77.$number.1/24 mv$number root || return
	done
}
remove_taps() { for number in 0 1; do scripts/tap-up --down --bridge mvb$number mv$number; done 2>/dev/null; }

# passt may ping for the guest where the host lets its user: here an address of this host's own.
beyond=10.77.9.1
ping_groups=$(cat /proc/sys/net/ipv4/ping_group_range)
allow_pings() {
	ip addr add $beyond/32 dev lo
	echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
}
forbid_pings() {
	ip addr del $beyond/32 dev lo 2>/dev/null
	echo "$ping_groups" >/proc/sys/net/ipv4/ping_group_range
}
trap 'kill $(jobs -p) 2>/dev/null; remove_taps; forbid_pings; rm -rf "$work"' EXIT

# One server for each network, new: one whose guest went away under it waits long for its return.
servers=
serve() {
	local address
	# shellcheck disable=SC2086 # process numbers
	[ -z "$servers" ] || kill $servers
	servers=
	for address in 10.77.0.1 10.77.1.1 127.0.0.1; do
		iperf3 -s -B $address >/dev/null 2>&1 &
		servers="$servers $!"
	done
}

# probe ARGUMENT...: runs net-probe in the guest; its last word is in $answer, all it said in $lines.
probe() {
	answer=
	type_line "net-probe $*"
	while expect '^net: (.*)'; do
		if [ "$line" = 'net: done' ]; then
			expect '^init: ready'
			return
		fi
		answer=${line#net: * * }
		lines+=("$line")
		echo "  $label: ${line#net: }"
	done
	return 1
}

answers() {
	local expected=$1
	shift
	probe "$@" && is "$answer" "$expected"
}

answers_like() {
	local pattern=$1
	shift
	probe "$@" && [[ $answer =~ ^$pattern$ ]]
}

# A rate: anything that is more than nothing.
flows() { answers_like '[1-9].*' "$@"; }

has_line() { printf '%s\n' "${lines[@]}" | grep -q -x "$1"; }
said() { grep -q -e "$1" "$work/err"; }
said_not() { ! said "$1"; }

# up DRIVER MTU CARD MAC ADDRESS [GATEWAY]
up() {
	local driver=$1 mtu=$2 card=$3
	shift 2
	lines=()
	check "$card: has its address" probe up "$@"
	check "$card: driver" has_line "net: $card driver $driver"
	check "$card: MTU" has_line "net: $card mtu $mtu"
}

both_ways() {
	check "$1: TCP to the host" flows send "$@" $seconds
	check "$1: TCP from the host" flows receive "$@" $seconds
}

# off_and_on CARD MAC ADDRESS/LENGTH PEER: pings are answered every time; the load may push one of three out of a queue.
off_and_on() {
	check "$1: driver off and on under load" answers_like "([1-3] ?){$times}" rebind "$@" $times
}

forwarded() {
	type_line 'net-probe serve 5201'
	expect '^net: serving' || return
	for _ in 1 2 3 4 5 6 7 8 9 10; do # refused until the guest listens
		timeout 20 iperf3 -c 127.0.0.1 -p 5301 -t 1 >"$work/forwarded" 2>&1 && break
	done
	grep -q receiver "$work/forwarded" && expect '^net: done' && expect '^init: ready'
}

power_off() {
	type_line poweroff
	end
	is "$status" 0
}

mac0=52:54:00:77:00:00 mac1=52:54:00:77:00:01 mac2=52:54:00:77:00:02

# Everything, over PCI: a card of each kind.
over_pci() {
	local kernel=$1
	begin "$kernel, pci"
	serve
	initramfs=net-$kernel.cpio start "$kernel.bzImage" --cpus 2 --verbose --append 'quiet panic=-1 -- ask' \
		--net "tap=mv0,mac=$mac0,vhost=off,mtu=9000,queues=2" --net "tap=mv1,mac=$mac1,vhost=on" \
		--net "passt,mac=$mac2,forward=5301:5201"
	check "the guest is up" expect '^init: ready' || { report; return; }
	up virtio_net 9000 tap $mac0 10.77.0.2/24
	check "tap: ping" answers 3 ping tap 10.77.0.1
	check "tap: ping of 9000 bytes" answers 3 ping tap 10.77.0.1 8972
	both_ways tap 10.77.0.1
	up virtio_net 1500 vhost $mac1 10.77.1.2/24
	check "vhost: is in use" said 'served by vhost-net'
	check "vhost: ping" answers 3 ping vhost 10.77.1.1
	both_ways vhost 10.77.1.1
	up virtio_net 65520 passt $mac2 192.0.2.1/24 192.0.2.254
	check "passt: ping" answers 3 ping passt $beyond
	both_ways passt 192.0.2.254
	check "passt: a forwarded port" forwarded
	off_and_on tap $mac0 10.77.0.2/24 10.77.0.1
	off_and_on vhost $mac1 10.77.1.2/24 10.77.1.1
	[ -z "$soak" ] || floods
	check "tap: load" probe load tap 10.77.0.1
	check "vhost: load" probe load vhost 10.77.1.1
	type_line reboot
	check "reboot under load" expect '^init: kernel'
	check "the guest is up again" expect '^init: ready'
	up virtio_net 9000 tap $mac0 10.77.0.2/24
	check "tap: ping after a reboot" answers 3 ping tap 10.77.0.1
	up virtio_net 1500 vhost $mac1 10.77.1.2/24
	check "vhost: ping after a reboot" answers 3 ping vhost 10.77.1.1
	check "no warning of the guest's doing" said_not 'guest:'
	check "power-off ends it with 0" power_off
	report
}

# Only the long run has time for it.
floods() {
	check "tap: a flood of pings" answers $pings flood tap 10.77.0.1 $pings
	check "vhost: a flood of pings" answers $pings flood vhost 10.77.1.1 $pings
	check "passt: a flood of pings" answers $pings flood passt $beyond $pings
}

# And what the transport may change, over MMIO.
over_mmio() {
	local kernel=$1
	begin "$kernel, mmio"
	serve
	initramfs=net-$kernel.cpio start "$kernel.bzImage" --cpus 2 --transport mmio --append 'quiet -- ask' \
		--net "tap=mv0,mac=$mac0,vhost=off" --net "tap=mv1,mac=$mac1,vhost=on" --net "passt,mac=$mac2,mtu=9000"
	check "the guest is up" expect '^init: ready' || { report; return; }
	up virtio_net 1500 tap $mac0 10.77.0.2/24
	both_ways tap 10.77.0.1
	up virtio_net 1500 vhost $mac1 10.77.1.2/24
	both_ways vhost 10.77.1.1
	up virtio_net 9000 passt $mac2 192.0.2.1/24 192.0.2.254
	check "passt: ping of 9000 bytes" answers 3 ping passt $beyond 8972
	if [ -n "$soak" ]; then
		floods
		both_ways passt 192.0.2.254
		off_and_on tap $mac0 10.77.0.2/24 10.77.0.1
		off_and_on vhost $mac1 10.77.1.2/24 10.77.1.1
	fi
	check "power-off ends it with 0" power_off
	report
}

# The emulated card, under the driver it has had for twenty years.
over_e1000() {
	local kernel=$1
	begin "$kernel, e1000"
	serve
	initramfs=net-$kernel.cpio start "$kernel.bzImage" --cpus 2 --append 'quiet panic=-1 -- ask' \
		--net "tap=mv0,mac=$mac0,model=e1000"
	check "the guest is up" expect '^init: ready' || { report; return; }
	up e1000 1500 e1000 $mac0 10.77.0.2/24
	check "e1000: ping" answers 3 ping e1000 10.77.0.1
	check "e1000: a flood of pings" answers $pings flood e1000 10.77.0.1 $pings
	both_ways e1000 10.77.0.1
	off_and_on e1000 $mac0 10.77.0.2/24 10.77.0.1
	check "e1000: load" probe load e1000 10.77.0.1
	type_line reboot
	check "reboot under load" expect '^init: kernel'
	check "the guest is up again" expect '^init: ready'
	up e1000 1500 e1000 $mac0 10.77.0.2/24
	check "e1000: ping after a reboot" answers 3 ping e1000 10.77.0.1
	check "no warning of the guest's doing" said_not 'guest:'
	check "power-off ends it with 0" power_off
	report
}

skip() {
	printf 'skip\t0\t%s\t%s\n' "$area" "$1" >>"${CHECK_RESULTS:-/dev/null}"
	exit 0
}

command -v iperf3 >/dev/null || skip "iperf3 is not installed"
command -v passt >/dev/null || skip "passt is not installed"
[ "$(id -u)" -eq 0 ] || skip "needs root, for tap interfaces"
make_taps && allow_pings || exit
soak='' seconds=2 times=3 pings=500
[ "${1:-}" != --soak ] || { soak=yes seconds=10 times=10 pings=3000 limit=3000; }
over_mmio cloud-6.1
over_pci cloud-6.12
over_e1000 full-6.12
echo "guests: $passed passed, $failed failed"
[ $failed -eq 0 ]
