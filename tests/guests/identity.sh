#!/bin/bash
# identity.sh: how ids reach a Debian guest, by state of its disk and lever; see linux.sh for how the scripts here run,
# and identity-probe for what happens inside. systemd is PID 1 in all but one, and starts the probe alone.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=Identity
. tests/guests/common.sh
initramfs=identity.cpio
export XDG_STATE_HOME=$work/state
soak=
[ "${1:-}" != --soak ] || soak=yes

old_id=0123456789abcdef0123456789abcdef
old_name=template
fact() { sed -n "s/^probe: $1 //p" "$log" | tail -n 1; }
uuid_printed() { sed -n 's/.*uuid \([0-9a-f-]*\)$/\1/p' "$work/err"; }
id_printed() { uuid_printed | tr -d -; }
matches() { [[ $1 =~ $2 ]]; }
says() { grep -q -e "$1" "$work/err"; }
# The key in the line for known_hosts that was printed before the boot, as the guest writes its own.
key_printed() { sed -n 's/.*known_hosts: [^ ]* //p' "$work/err"; }

# unit [UNIT]: the probe, behind those that give ids, and UNIT.
unit() {
	cat <<-END
	[Unit]
	Description=identity-probe
	DefaultDependencies=no
	Wants=systemd-tmpfiles-setup.service $*
	After=systemd-tmpfiles-setup.service systemd-firstboot.service systemd-sysusers.service $*

	[Service]
	Type=oneshot
	ExecStart=/bin/sh /etc/identity-probe end
	END
}

# make_template [IMAGE]: the release's image as a template's user left it: with ids, and the probe.
make_template() {
	template=$work/template-$release.img
	cp --sparse=always "$guests/${1:-debian-$release.img}" "$template"
	echo "$old_id" >"$work/id"
	echo "$old_name" >"$work/name"
	: | tee "$work/empty" >"$work/linked"
	echo uninitialized >"$work/uninitialized"
	[ -e "$work/ssh_host_ed25519_key" ] || ssh-keygen -q -t ed25519 -N '' -C template -f "$work/ssh_host_ed25519_key"
	[ -e "$work/ssh_host_rsa_key" ] || ssh-keygen -q -t rsa -b 2048 -N '' -C template -f "$work/ssh_host_rsa_key"
	unit >"$work/unit"
	{
		put tests/guests/identity-probe /etc/identity-probe
		put "$(command -v busybox)" /etc/busybox
		put "$work/unit" /etc/systemd/system/identity-probe.service
		put "$work/id" /etc/machine-id
		put "$work/id" /var/lib/dbus/machine-id
		put "$work/name" /etc/hostname
		for key in ssh_host_ed25519_key ssh_host_rsa_key; do
			put "$work/$key" "/etc/ssh/$key"
			put "$work/$key.pub" "/etc/ssh/$key.pub"
		done
	} >"$work/commands"
	change "$template"
}

# For debugfs, which needs no mount.
put() { printf 'rm %s\nwrite %s %s\n' "$2" "$1" "$2"; }
change() { debugfs -w -f "$work/commands" "$1" >"$work/debugfs" 2>&1; }

# A changed file instead of what the template has.
with() {
	put "$1" "$2" >"$work/commands"
	change "$work/root.img"
}

# disk STATE: a fresh copy of the template, $work/root.img.
disk() {
	rm -f "$work/root.img"
	cp --sparse=always "$template" "$work/root.img"
	case $1 in
	populated) : >"$work/commands" ;;
	empty) put "$work/empty" /etc/machine-id >"$work/commands" ;;
	linked | uninitialized)
		put "$work/$1" /etc/machine-id >"$work/commands"
		printf 'rm /var/lib/dbus/machine-id\nsymlink /var/lib/dbus/machine-id /etc/machine-id\n' >>"$work/commands"
		;;
	missing) printf 'rm /etc/machine-id\nrm /var/lib/dbus/machine-id\n' >"$work/commands" ;;
	esac
	change "$work/root.img"
}

# probe OPTION...: systemd boots, and starts the probe.
arguments='quiet panic=-1 random.trust_cpu=on audit=0 systemd.show_status=0 systemd.unit=identity-probe.service'
probe() { boot "${kernel:-cloud-6.1.bzImage}" --mem 384M --append "$arguments" "$@"; }

keeps_the_template_s() {
	check "the machine-id is the template's" is "$(fact machine-id)" $old_id
	check "D-Bus' id, too" is "$(fact dbus-id)" "file $old_id"
	check "the hostname, too" is "$(fact etc-hostname)" $old_name
	check "its SSH host keys, too" is "$(grep -c '^probe: host-key ssh-' "$log")" 2
}

gets_its_own() {
	check "the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	check "D-Bus' id is a link to it" is "$(fact dbus-id)" "link /etc/machine-id"
	check "hostname is the machine's name" is "$(fact hostname)" web1
	check "the only SSH host key is the one told before" is "$(sed -n 's/^probe: host-key //p' "$log")" "$(key_printed)"
	check "sshd takes it" is "$(fact sshd)" 0
}

detects_kvm() {
	check "systemd-detect-virt says kvm" is "$(fact detect-virt)" kvm
	check "virt-what says kvm" is "$(fact virt-what)" "kvm "
	check "lscpu says KVM" is "$(fact lscpu)" KVM
	check "the product's name" is "$(fact product-name)" "KVM minivmm"
}

# The facts' table: state of the disk, lever, result.
row_alone() {
	begin "Debian $release: populated, no name"
	disk populated
	probe --disk "$work/root.img" --verbose
	check "the UUID is the one printed" is "$(fact product-uuid)" "$(uuid_printed)"
	keeps_the_template_s
	check "--verbose says what would change that" says 'disks of a machine without a name get no ids'
	check "there is a VM generation" matches "$(fact generation-id)" '^[0-9a-f]{32}$'
	report
}

row_empty() {
	begin "Debian $release: machine-id empty, D-Bus' there"
	disk empty
	probe --disk "$work/root.img"
	check "the old id comes back from D-Bus' file" is "$(fact machine-id)" $old_id
	report
}

row_linked() {
	begin "Debian $release: machine-id empty, D-Bus' a link"
	disk linked
	probe --disk "$work/root.img"
	check "the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	check "the disk's serial number is the machine's" is "$(fact disk-serial)" \
		"$("$minivmm" identity --uuid "$(uuid_printed)" --json | tr -d ' \n' | sed 's/.*"disk_serials":\["\([^"]*\)".*/\1/')"
	detects_kvm
	report
}

# Its first boot is the one time that systemd takes a password and the like.
row_missing() {
	local password='$5$0123456789abcdef$e2kIPsXR1rKvvGHzfqRnT4mBMuOzyWbKdZXzH0bmNSA'
	begin "Debian $release: no machine-id"
	disk missing
	unit systemd-firstboot.service >"$work/unit"
	with "$work/unit" /etc/systemd/system/identity-probe.service
	printf 'rm /etc/shadow\nrm /etc/localtime\n' >"$work/commands"
	change "$work/root.img"
	probe --disk "$work/root.img" --credential "passwd.hashed-password.root=$password" \
		--credential firstboot.locale=C.UTF-8 --credential firstboot.timezone=Europe/Berlin --credential firstboot.keymap=us
	check "the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	check "it is a first boot" is "$(fact first-boot)" yes
	check "root has the password of passwd.hashed-password.root" is "$(fact password)" "$password"
	check "the timezone is firstboot.timezone" matches "$(fact timezone)" 'zoneinfo/Europe/Berlin$'
	check "the locale is firstboot.locale" is "$(fact locale)" LANG=C.UTF-8
	report
}

row_missing_ro() {
	begin "Debian $release: no machine-id, ro"
	disk missing
	arguments="$arguments ro" probe --disk "$work/root.img"
	check "there is no machine-id at all" is "$(fact machine-id)" none
	check "the boot goes on" has 'probe: end'
	report
}

row_named() {
	local ids
	begin "Debian $release: populated, --name web1"
	disk populated
	rm -rf "$XDG_STATE_HOME"
	probe --name web1 --disk "$work/root.img" --ssh-key "$work/ssh_host_rsa_key.pub"
	gets_its_own
	check "/etc/hostname is, too" is "$(fact etc-hostname)" web1
	check "the command line says nothing twice" is "$(fact cmdline | grep -o 'systemd.hostname=' | wc -l)" 1
	check "--ssh-key's key may log in" is "$(fact root-key)" "$(cat "$work/ssh_host_rsa_key.pub")"
	check "the record has it that the guest took them" grep -q '^adopted=yes' "$XDG_STATE_HOME/minivmm/web1/record"
	ids=$(grep -E '^probe: (product-uuid|machine-id|dbus-id|hostname|host-key|mac|disk-serial|generation-id) ' "$log")
	report

	begin "Debian $release: --name web1 again"
	echo mine >"$work/mine"
	put "$work/mine" /etc/hostname >"$work/commands"
	change "$work/root.img"
	# The kept options, all but the way it ends.
	timeout 180 "$minivmm" run --name web1 </dev/null 2>"$work/err" | tr -d '\r' >"$log"
	gets_its_own
	check "all ids are the same" is "$ids" \
		"$(grep -E '^probe: (product-uuid|machine-id|dbus-id|hostname|host-key|mac|disk-serial|generation-id) ' "$log")"
	check "files are the guest's own now" is "$(fact etc-hostname)" mine
	report
}

row_initrd() {
	begin "Debian $release: populated, --identity initrd"
	disk populated
	initramfs=debian-$release.img.initrd kernel=debian-$release.img.vmlinuz \
		probe --hostname web1 --identity smbios,initrd --disk "$work/root.img"
	check "the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	check "D-Bus' file has it" is "$(fact dbus-id)" "file $(id_printed)"
	check "/etc/hostname is the machine's" is "$(fact etc-hostname)" web1
	report
}

# What the emulated devices say, asked in an initramfs.
row_devices() {
	local json="$work/json"
	begin "full mode: devices"
	rm -rf "$XDG_STATE_HOME"
	truncate -s 1M "$work/small.img"
	printf '#cloud-config\n{}\n' >"$work/user-data"
	arguments='quiet panic=-1 devices' initramfs=identity-full.cpio kernel=full-6.12.bzImage \
		probe --mode full --name web1 --disk "$work/small.img" --net peer --cloud-init "user-data=$work/user-data"
	"$minivmm" identity web1 --json | tr -d ' \n' >"$json"
	check "NVMe's serial number is the machine's" grep -q "\"disk_serials\":\[\"$(fact disk-serial)\"" "$json"
	check "its subsystem has a name of its own" matches "$(fact subsystem)" '^nqn.2014-08.org.nvmexpress:uuid:[0-9a-f-]{36}$'
	check "its namespace has a UUID" matches "$(fact namespace)" '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f-]{21}$'
	check "the 82540EM's MAC is the machine's" grep -q "\"macs\":\[\"$(fact mac)\"" "$json"
	check "the UUID is the one printed" is "$(fact product-uuid)" "$(uuid_printed)"
	check "the initramfs has hostname and machine-id" is "$(fact hostname) $(fact machine-id)" "web1 $(id_printed)"
	check "the seed is a second disk" is "$(fact seed)" CIDATA
	check "with the machine's instance id" has "probe: instance-id: iid-$(uuid_printed)"
	check "and the file given" has 'probe: #cloud-config'
	report
}

# Asked in a chroot: no systemd has to come up for it.
row_detection() {
	begin "Debian $release: detection in para mode"
	disk populated
	arguments='quiet panic=-1 detect' probe --mode para --disk "$work/root.img,ro"
	detects_kvm
	check "the kernel says so" is "$(grep -c '^probe: dmesg' "$log")" 4
	report
}

ids='product-uuid machine-id hostname etc-hostname mac disk-serial host-key boot-id random generation-id'
stable='product-uuid|machine-id|dbus-id|hostname|etc-hostname|mac|ip|disk-serial|host-key|generation-id'

# A bridge with DHCP, which takes root.
have_dhcp() { [ "$(id -u)" -eq 0 ] && command -v dnsmasq ip >/dev/null; }

# run_clones SUFFIX: all at the same time, to their ends.
run_clones() {
	local i net
	for ((i = 1; i <= clones; i++)); do
		net=()
		! have_dhcp || net=(--net "tap=web$i")
		timeout $((120 * clones)) "$minivmm" run --name "web$i" ${net[@]+"${net[@]}"} </dev/null 2>"$work/web$i.err" |
			tr -d '\r' >"$work/web$i.$1" &
	done
	wait
	cat "$work"/web*."$1" >"$log"
	cat "$work"/web*.err >"$work/err"
}

different() { sed -n "s/^probe: $1 //p" "$work"/web*.1 | sort -u | wc -l; }
kept() { cat "$work"/web*."$1" | grep -E "^probe: ($stable) "; }
keys_of_guests() { sed -n 's/^probe: host-key //p' "$work"/web*.1; }
keys_told() { sed -n 's/.*known_hosts: [^ ]* //p' "$work"/web*.err; }
leases() { cut -d ' ' -f 3 /run/minivmm-dhcp-clones0.leases | sort; }

# clones N: all of one template at the same time, and each again.
clones() {
	local clones=$1 i id sum words=$arguments
	begin "Debian $release: $clones clones at the same time"
	rm -rf "$work/root.img" "$work"/web* "$XDG_STATE_HOME"
	! have_dhcp || words="$words dhcp"
	# The first run of a name keeps what it is run with; it ends at once, and what it wrote the clones have, too.
	"$minivmm" run --name template --kernel "$guests/cloud-6.1.bzImage" --initrd "$guests/$initramfs" --mem 256M --net peer \
		--disk "$template" --append "$words" --timeout 1 </dev/null >/dev/null 2>&1
	sum=$(sha256sum <"$template")
	for ((i = 1; i <= clones; i++)); do
		"$minivmm" clone template "web$i" 2>>"$work/clone"
		! have_dhcp || scripts/tap-up --bridge clones0 --address 192.168.79.1/24 --no-nat --dhcp "web$i" >/dev/null
	done
	run_clones 1
	for id in $ids; do check "as many as clones: $id" is "$(different "$id")" "$clones"; done
	check "none has the template's machine-id" hasnt "^probe: machine-id $old_id"
	check "D-Bus follows in each" is "$(grep -c '^probe: dbus-id link /etc/machine-id' "$log")" "$clones"
	check "each has the SSH host key that was told before it booted" is "$(keys_of_guests)" "$(keys_told)"
	check "the template is as it was" is "$(sha256sum <"$template")" "$sum"
	if have_dhcp; then
		check "as many as clones: IP by DHCP" is "$(different ip)" "$clones"
		check "all of them leases" is "$(sed -n 's/^probe: ip //p' "$work"/web*.1 | sort)" "$(leases)"
	fi
	run_clones 2
	check "booted again they are the same" is "$(kept 2)" "$(kept 1)"
	! have_dhcp || for ((i = 1; i <= clones; i++)); do scripts/tap-up --down "web$i"; done
	report
}

row_clones() { clones 3; }

releases=12 rows='alone empty linked missing missing_ro named initrd devices detection clones'
if [ -n "$soak" ]; then
	. tests/guests/identity-soak.sh
	releases='12 13' rows="$rows clones16 credential uninitialized cmdline full keys_removed strings cloud_init"
fi
for release in $releases; do
	[ -e "$guests/debian-$release.img" ] || continue
	make_template
	for row in ${IDENTITY_ROWS:-$rows}; do row_"$row"; done
done
echo "guests: $passed passed, $failed failed"
[ $failed -eq 0 ]
