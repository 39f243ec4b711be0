# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - what the shell tests share. A test sources it, states its cases and ends with `finish`.
# `make check` sets RADEMACHER (the program), srcdir and builddir (tops of the trees) and CC.

RADEMACHER=${RADEMACHER:?is set by make check}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/rademacher-test.XXXXXX") || exit 99
trap 'chmod -R u+w "$TMP"; rm -rf "$TMP"' EXIT
trap 'exit 99' HUP INT TERM
RADEMACHER_DATA=$TMP/data
export RADEMACHER_DATA
passed=0 failed=0 skipped=0 status=0

# rad ARGUMENT...: runs the program; its outcome is in $status, $TMP/out and $TMP/err.
rad() {
  status=0
  "$RADEMACHER" "$@" >"$TMP/out" 2>"$TMP/err" </dev/null || status=$?
}

# Is the program built with AddressSanitizer, which is slow and takes memory of its own?
sanitized() { nm "$RADEMACHER" 2>/dev/null | grep __asan_init >/dev/null; }

# small_study EPOCHS SEEDS: an experiment of two trials on 60 samples of five numbers, to add to.
small_study() {
  cat <<END
[run]
epochs = $1
seeds = $2
batch = 16
[dataset]
plugin = blobs
features = 5
classes = 3
train = 60
test = 30
[layer hidden]
plugin = dense
units = choice(3, 7)
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[measure margin]
plugin = margin
[logger console]
enabled = false
END
}

# ok NAME COMMAND...: a case that passes where COMMAND succeeds. Shows the last outcome otherwise.
ok() {
  ok_name=$1
  shift
  if "$@" >"$TMP/why" 2>&1; then
    passed=$((passed + 1))
    return
  fi
  failed=$((failed + 1))
  echo "not ok: $ok_name"
  echo "  failed: $*"
  for f in why out err; do
    if [ -s "$TMP/$f" ]; then
      echo "  --- $f"
      head -n 20 "$TMP/$f" | sed 's/^/  /'
    fi
  done
}

# skip NAME REASON
skip() {
  skipped=$((skipped + 1))
  echo "skipped: $1 ($2)"
}

# Conditions for ok.
status_is() {
  [ "$status" -eq "$1" ] || {
    echo "status $status, expected $1"
    return 1
  }
}
err_has() { grep -F -e "$1" "$TMP/err"; }
out_has() { grep -F -e "$1" "$TMP/out"; }
out_empty() { ! [ -s "$TMP/out" ]; }
err_empty() { ! [ -s "$TMP/err" ]; }

# fails STATUS TEXT NAME: the last run failed as it should, with TEXT on standard error, nothing on
# standard output.
fails() {
  ok "$3: status $1" status_is "$1"
  ok "$3: says '$2'" err_has "$2"
  ok "$3: standard output is empty" out_empty
}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] || exit 1
  [ "$passed" -gt 0 ] || exit 77
  exit 0
}
