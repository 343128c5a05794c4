# shellcheck shell=bash disable=SC2034,SC2154 # variables pass between this file and those that source it
# common.sh: what the scripts beside it share: boots of minivmm, talks with a guest, results. Sourced at the top of the
# tree, with $area set to the word that the names of its checks begin with.
#
# Results go to $CHECK_RESULTS, if set, a line each (see tests/check).
build=${O:-build}
guests=$build/guests
minivmm=$build/minivmm
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
trap '' PIPE # a guest that ends early fails the checks, not the script

passed=0 failed=0 label='' started=0 log=$work/log

now() { date +%s%3N; }

# begin LABEL: what follows is about this boot, and takes its time from here.
begin() { label=$1 started=$(now); }

# check NAME COMMAND...: one result, named after the boot; the boot's time goes to the first.
check() {
	local name=$1 verdict=fail reason='' ended
	shift
	ended=$(now)
	if "$@"; then
		verdict=pass passed=$((passed + 1))
	else
		failed=$((failed + 1)) reason="not so: ${*//[$'\n\t']/ }" # a line
		echo "FAIL: $label: $name ($*)"
		failures=yes
	fi
	printf '%s\t%s\t%s\t%s\n' $verdict $((ended - started)) "$area: $label: $name" "$reason" \
		>>"${CHECK_RESULTS:-/dev/null}"
	started=$ended
}

# The guest's and minivmm's words, shown when something about the boot was wrong.
report() {
	if [ -n "${failures:-}" ]; then
		sed 's/^/    | /' "$log" "$work/err" | tail -n 60
	fi
	failures=
	echo "$label: $((passed)) passed, $((failed)) failed so far"
}

has() { grep -q -x -E "$1" "$log"; }
hasnt() { ! grep -q -E "$1" "$log"; }
is() { [ "$1" = "$2" ]; }

# How a kernel's initramfs is given to minivmm; "initramfs" names another one, or "none".
initrd_of() {
	case ${initramfs:=} in
	none) initrd=() ;;
	'') initrd=(--initrd "$guests/${1%.*}.cpio") ;;
	*) initrd=(--initrd "$guests/$initramfs") ;;
	esac
}

# Both boot() and start() give a machine a time that no healthy one needs, or $limit seconds, if set.

# boot KERNEL OPTION...: runs it to its end; output in $log, messages in $work/err, and its status in $status.
boot() {
	local kernel=$1 initrd
	shift
	initrd_of "$kernel"
	timeout "${limit:-180}" "$minivmm" run --kernel "$guests/$kernel" ${initrd[@]+"${initrd[@]}"} \
		--status-file "$work/outcome" "$@" </dev/null >"$work/raw" 2>"$work/err"
	status=$?
	tr -d '\r' <"$work/raw" >"$log"
}

# A machine that is talked to. start KERNEL OPTION... ; expect PATTERN; type LINE; end.
start() {
	local kernel=$1 initrd
	shift
	initrd_of "$kernel"
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	: >"$log"
	timeout --foreground "${limit:-600}" "$minivmm" run --kernel "$guests/$kernel" ${initrd[@]+"${initrd[@]}"} \
		"$@" <"$work/in" >"$work/out" 2>"$work/err" &
	machine=$!
	exec 5>"$work/in" 6<"$work/out"
}

# Reads until a line matches; it is in $line then.
expect() {
	while IFS= read -r -t 300 -u 6 line; do
		line=${line%$'\r'}
		echo "$line" >>"$log"
		[[ $line =~ $1 ]] && return 0
	done
	return 1
}

type_line() { printf '%s\n' "$1" >&5 2>/dev/null; }

end() {
	exec 5>&-
	expect '^there is no such line$'
	exec 6<&-
	wait "$machine"
	status=$?
}
