#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# no-globals.sh - every plugin exports rademacher_plugins and nothing else, and has no writable data
# of its own: several instances of it share one process and a resume restores only declared state.
: "${RAD_PLUGIN_PATH:?is set by make check}"
command -v "${NM:-nm}" >/dev/null 2>&1 || exit 77
TMP=$(mktemp -d "${TMPDIR:-/tmp}/no-globals.XXXXXX") || exit 99
trap 'rm -rf "$TMP"' EXIT
trap 'exit 99' HUP INT TERM

find "$RAD_PLUGIN_PATH" -name '*.so' -type f | sort >"$TMP/plugins"
[ -s "$TMP/plugins" ] || exit 77
failed=0
complain() {
  failed=$((failed + 1))
  echo "$1"
}

# What compiler and linker put into every shared object.
toolchain='^(__dso_handle|__TMC_END__|__bss_start|_edata|_end|end|edata|completed\.[0-9]+|__frame_dummy_init_array_entry|__do_global_dtors_aux_fini_array_entry|__cpu_model|__cpu_features2|_GLOBAL_OFFSET_TABLE_|_DYNAMIC|\.L.*)$'

while read -r so; do
  "${NM:-nm}" -D --defined-only "$so" >"$TMP/exported" 2>"$TMP/err" || complain "$so: no symbols"
  if "${NM:-nm}" -D "$so" | grep -Eq '__(asan_init|ubsan|gcov_|llvm_profile)'; then
    continue # an instrumented build has the instrument's own data
  fi
  # Version nodes and the linker's marks aside, one name.
  names=$(awk '{ print $NF }' "$TMP/exported" | grep -Ev '^(_init|_fini|_edata|_end|__bss_start)$')
  [ "$names" = rademacher_plugins ] || complain "$so exports: $names"
  # b, d: local, B, D: global, with s, S, g, G for small data. Relocated constants (.data.rel.ro)
  # are read-only once loaded.
  "${NM:-nm}" --format=sysv "$so" | awk -F'|' '
    { name = $1; section = $NF; gsub(/[ \t]/, "", name); gsub(/[ \t]/, "", section) }
    section ~ /^\.(data|bss|tdata|tbss|sdata|sbss)/ && section !~ /^\.data\.rel\.ro/ { print name }
  ' | grep -Ev "$toolchain" >"$TMP/writable"
  while read -r name; do
    complain "$so has writable data: $name"
  done <"$TMP/writable"
  checked=$((${checked:-0} + 1))
done <"$TMP/plugins"

[ "$failed" -eq 0 ] || exit 1
[ "${checked:-0}" -gt 0 ] || exit 77
echo "$checked plugins"
