# shellcheck shell=bash disable=SC2034,SC2154 # variables and functions are identity.sh's
# identity-soak.sh: the rest of the table of disks and levers, and cloud-init; identity.sh reads it for its long runs.

# On a file system where their disks share blocks.
row_clones16() {
	local folder=$work/shared
	mkdir -p "$folder"
	truncate -s 16G "$folder.img"
	if ! mkfs.btrfs -q "$folder.img" >/dev/null 2>&1 || ! mount -o loop "$folder.img" "$folder"; then
		printf 'skip\t0\t%s: 16 clones\tneeds root, loop devices and btrfs-progs\n' "$area" >>"${CHECK_RESULTS:-/dev/null}"
		return
	fi
	cp --sparse=always "$template" "$folder/template.img"
	: >"$work/clone"
	XDG_STATE_HOME=$folder/state template=$folder/template.img clones 16
	check "their disks share its blocks" is "$(grep -c 'shares the blocks of ' "$work/clone")" 16
	umount "$folder"
	rm "$folder.img"
}

# No lever but one that PID 1 reads before the file changes a machine-id that is there.
row_credential() {
	begin "Debian $release: populated, system.machine_id and systemd.machine_id=firmware"
	disk populated
	arguments="$arguments systemd.machine_id=firmware" \
		probe --disk "$work/root.img" --credential system.machine_id=cccccccccccccccccccccccccccccccc
	keeps_the_template_s
	report

	begin "Debian $release: machine-id empty, D-Bus' there, system.machine_id"
	disk empty
	probe --disk "$work/root.img" --credential system.machine_id=cccccccccccccccccccccccccccccccc
	check "the old id comes back from D-Bus' file" is "$(fact machine-id)" $old_id
	report

	begin "Debian $release: machine-id empty, D-Bus' a link, system.machine_id"
	disk linked
	probe --disk "$work/root.img" --credential system.machine_id=cccccccccccccccccccccccccccccccc
	if [ "$release" = 12 ]; then # systemd takes it since 254
		check "the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	else
		check "the machine-id is the credential's" is "$(fact machine-id)" cccccccccccccccccccccccccccccccc
	fi
	report
}

row_uninitialized() {
	begin "Debian $release: machine-id uninitialized"
	disk uninitialized
	probe --disk "$work/root.img"
	check "the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	check "it is a first boot" is "$(fact first-boot)" yes
	report
}

row_cmdline() {
	begin "Debian $release: populated, systemd.machine_id="
	disk populated
	arguments="$arguments systemd.machine_id=dddddddddddddddddddddddddddddddd" probe --disk "$work/root.img"
	check "the machine-id is the command line's" is "$(fact machine-id)" dddddddddddddddddddddddddddddddd
	check "D-Bus' file is stale" is "$(fact dbus-id)" "file $old_id"
	report

	begin "Debian $release: and without it again"
	arguments="$arguments ro" probe --disk "$work/root.img"
	check "the machine-id stays" is "$(fact machine-id)" dddddddddddddddddddddddddddddddd
	report
}

# Where no hypervisor is to be seen, systemd does not look at the firmware's UUID.
row_full() {
	local want
	begin "Debian $release: full mode, machine-id empty, no lever"
	disk linked
	probe --mode full --disk "$work/root.img"
	check "systemd-detect-virt says none" is "$(fact detect-virt)" none
	check "the machine-id is random" matches "$(fact machine-id)" '^[0-9a-f]{32}$'
	check "it is not the UUID's" hasnt "^probe: machine-id $(id_printed)"
	report

	begin "Debian $release: full mode, machine-id empty, systemd.machine_id=firmware"
	disk linked
	arguments="$arguments systemd.machine_id=firmware" probe --mode full --disk "$work/root.img"
	want=no
	[ "$release" = 12 ] || want=yes # systemd knows the word since 257
	check "is the machine-id the UUID's: $want" is "$([ "$(fact machine-id)" = "$(id_printed)" ] && echo yes || echo no)" $want
	report

	begin "Debian $release: full mode, populated, --name web1"
	disk populated
	rm -rf "$XDG_STATE_HOME"
	probe --mode full --name web1 --disk "$work/root.img"
	check "systemd-detect-virt says none" is "$(fact detect-virt)" none
	gets_its_own
	report
}

row_keys_removed() {
	begin "Debian $release: populated, SSH host keys removed and none given"
	disk populated
	probe --disk "$work/root.img" --credential 'tmpfiles.extra=r! /etc/ssh/ssh_host_*'
	check "there are none" is "$(fact host-key)" ''
	check "sshd does not start" matches "$(fact sshd)" '^[1-9]'
	report
}

row_strings() {
	begin "Debian $release: as many OEM strings as are taken"
	disk linked
	probe --disk "$work/root.img" --smbios-oem "$(printf '%030000d' 0)"
	check "it boots, and the machine-id is the UUID's" is "$(fact machine-id)" "$(id_printed)"
	report
}

instance_is_its_own() {
	check "cloud-init takes it" is "$(fact instance)" "iid-$(uuid_printed)"
	check "hostname is the machine's" is "$(fact hostname) $(fact etc-hostname)" "clone2 clone2"
	check "the template's SSH host key is gone" is "$(grep -c -F "$(cut -d ' ' -f 2 "$work/ssh_host_ed25519_key.pub")" "$log")" 0
	check "there are others" is "$(fact sshd)" 0
	check "it does not touch the machine-id" is "$(fact machine-id)" $old_id
}

# An image with cloud-init, which one machine after another is made from.
row_cloud_init() {
	local image=debian-$release-cloud-init.img limit=900
	[ -e "$guests/$image" ] || return
	make_template "$image"
	# As they are called in Debian 12 and 13.
	unit cloud-init-local.service cloud-init.service cloud-init-main.service cloud-init-network.service >"$work/unit"
	printf '#cloud-config\nwrite_files:\n- path: /etc/from-user-data\n  content: as told\n' >"$work/user-data"

	begin "Debian $release: populated, cloud-init by serial number"
	disk populated
	with "$work/unit" /etc/systemd/system/identity-probe.service
	probe --hostname clone2 --disk "$work/root.img" --cloud-init ''
	instance_is_its_own
	report

	begin "Debian $release: populated, cloud-init by seed disk"
	disk populated
	with "$work/unit" /etc/systemd/system/identity-probe.service
	probe --hostname clone2 --disk "$work/root.img" --cloud-init "user-data=$work/user-data"
	instance_is_its_own
	check "user-data is followed" is "$(fact user-data)" "as told"
	report
}
