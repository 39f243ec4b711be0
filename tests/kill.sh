#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# kill.sh - a random search of 12 trials, and one of 40 that is pruned, are killed (kill -9) at 20
# moments each, every time everything at once, the coordinator alone, or one worker; resumed until it
# is done, a search must have found what an uninterrupted one finds. One job at a time or two: the
# same bits. KILL_SEED repeats a run.
. "${srcdir:-.}/tests/lib.sh"
command -v setsid >/dev/null && command -v pgrep >/dev/null || exit 77
KILLS=${KILLS:-20}
KILL_SEED=${KILL_SEED:-$$}
echo "KILL_SEED=$KILL_SEED"

cat >"$TMP/plain.ini" <<'INI'
[run]
epochs = 6
batch = 16
[dataset]
plugin = blobs
limit = 257
[layer hidden]
plugin = dense
units = search(4, 48, log)
[layer act]
plugin = choice(relu, tanh)
[layer out]
plugin = dense
units = 10
[optimizer]
plugin = sgd
lr = search(0.003, 0.3, log)
momentum = 0.9
[regularizer drop]
plugin = dropout
apply = act
rate = 0.17
[arm real]
[arm noise]
noise.labels.plugin = random_labels
[objective]
real.val.accuracy = 1
noise.train.accuracy.max = -1
[search]
plugin = random
trials = 12
retries = 100
INI
cat >"$TMP/pruned.ini" <<INI
include = $TMP/plain.ini
[search]
trials = 40
[pruner]
plugin = halving
factor = 2
cohort = 8
INI

# What does not depend on time: one member of an object on a line, sorted by nothing.
timeless() {
  sed -e 's/"[^"]*seconds[^"]*": *[-+0-9.e]*//g' -e 's/"wall_s": *[-+0-9.e]*//' "$1"
}
# Checksums of all weights; a checkpoint's own clock is not a weight.
weights() {
  (cd "$1/trials" && find . -name '*.safetensors' | sort | while read -r f; do
    echo "$f $("$PYTHON" - "$f" <<'PY'
import hashlib, json, struct, sys
b = open(sys.argv[1], "rb").read()
n, = struct.unpack("<Q", b[:8])
h = json.loads(b[8:8 + n])
d = hashlib.sha256()
for k in sorted(h):
    if k != "__metadata__":
        s, e = h[k]["data_offsets"]
        d.update(k.encode() + b[8 + n + s:8 + n + e])
print(d.hexdigest())
PY
)"
  done)
}
# Metrics of every epoch, in any order, each once.
epochs() { sort "$1/metrics.csv" | grep -v seconds; }

random() { # below $1; POSIX awk seeds by seconds, so the sequence is kept here
  KILL_SEED=$(((KILL_SEED * 1103515245 + 12345) % 2147483648))
  echo $((KILL_SEED / 65536 % $1))
}

start() {
  setsid "$RADEMACHER" run "$TMP/$name.ini" -o "$TMP/killed" --jobs 2 --no-report \
    >"$TMP/out" 2>>"$TMP/err" </dev/null &
  pid=$!
}
pause() { sleep "0.$(printf %03d "$1")"; }
workers() { pgrep -f "worker $TMP/killed " 2>/dev/null; }
kill_one() {
  victim=$(workers | head -n 1)
  [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
}

PYTHON=$(command -v python3) || PYTHON=

campaign() { # NAME of the experiment
  name=$1
  rm -rf "$TMP/whole" "$TMP/two" "$TMP/killed"
  rad run "$TMP/$name.ini" -o "$TMP/whole" --jobs 1
  ok "$name: uninterrupted run" status_is 0
  rad run "$TMP/$name.ini" -o "$TMP/two" --jobs 2
  ok "$name: two jobs at once" status_is 0
  timeless "$TMP/whole/summary.json" >"$TMP/whole.txt"
  timeless "$TMP/two/summary.json" >"$TMP/two.txt"
  ok "$name: jobs: same summary" cmp "$TMP/whole.txt" "$TMP/two.txt"
  if [ -n "$PYTHON" ]; then
    weights "$TMP/whole" >"$TMP/whole.sums"
    weights "$TMP/two" >"$TMP/two.sums"
    ok "$name: jobs: weights were written" grep -q last "$TMP/whole.sums"
    ok "$name: jobs: same weights" cmp "$TMP/whole.sums" "$TMP/two.sums"
  else
    skip "weights" "no python3"
  fi

  : >"$TMP/err"
  n=0 tries=0
  while [ "$n" -lt "$KILLS" ] && [ "$tries" -lt 200 ]; do
    tries=$((tries + 1))
    start
    random 300 >"$TMP/wait"
    pause $((20 + $(cat "$TMP/wait")))
    KILL_SEED=$(((KILL_SEED * 1103515245 + 12345) % 2147483648))
    # shellcheck disable=SC2046 # process ids are words
    case $((KILL_SEED / 65536 % 3)) in
    0) kill -9 "-$pid" $(workers) 2>/dev/null && n=$((n + 1)) ;;
    1) kill -9 "$pid" 2>/dev/null && n=$((n + 1)) ;;
    2)
      kill_one && n=$((n + 1))
      pause 50
      kill -9 "$pid" 2>/dev/null
      ;;
    esac
    wait "$pid" 2>/dev/null
    if [ "$n" -lt "$KILLS" ] &&
      grep -q '"state": "complete", "test_selected"' "$TMP/killed/summary.json" 2>/dev/null; then
      rm -rf "$TMP/killed" # done before it could be killed 20 times: once more from the start
    fi
  done
  ok "$name: it was killed" [ "$n" -ge "$KILLS" ]
  sleep 1
  ok "$name: no process outlives its coordinator" [ -z "$(workers)" ]
  rad run --resume "$TMP/killed" --jobs 2
  ok "$name: the last resume ends" status_is 0
  timeless "$TMP/killed/summary.json" >"$TMP/killed.txt"
  ok "$name: killed: same summary" cmp "$TMP/whole.txt" "$TMP/killed.txt"
  if [ -n "$PYTHON" ]; then
    weights "$TMP/killed" >"$TMP/killed.sums"
    ok "$name: killed: same weights" cmp "$TMP/whole.sums" "$TMP/killed.sums"
  fi
  epochs "$TMP/whole" >"$TMP/whole.csv"
  epochs "$TMP/killed" >"$TMP/killed.csv"
  ok "$name: killed: every epoch once" cmp "$TMP/whole.csv" "$TMP/killed.csv"
  ok "$name: nothing half written" [ -z "$(find "$TMP/killed" -name '*.tmp.*')" ]
}
campaign plain
campaign pruned
ok 'some were given up' grep -q '"state": "pruned"' "$TMP/whole/summary.json"

finish
