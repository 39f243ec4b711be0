#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# chains.sh - compressors from outside: mistakes are named, with their line, before anything is
# trained; a study may go by what they report.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"

cat >"$TMP/base.ini" <<'INI'
[run]
epochs = 3
batch = 16
[dataset]
plugin = blobs
classes = 3
features = 6
train = 90
test = 30
[layer hidden]
plugin = dense
units = 12
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[optimizer]
plugin = sgd
INI

# refused NAME LINE TEXT: the lines on standard input, from line 2 on, are refused with file and line
refused() {
  {
    echo "include = $TMP/base.ini"
    cat
  } >"$TMP/exp.ini"
  rad run "$TMP/exp.ini" -o "$TMP/none"
  fails 2 "$3" "$1"
  ok "$1: says line $2" err_has "exp.ini:$2:"
  ok "$1: nothing is left" [ ! -e "$TMP/none" ]
}
refused 'unknown layer' 4 "there is no layer or block 'hiden' (did you mean 'hidden'?)" <<'INI'
[compressor p]
plugin = magnitude
apply = hiden
INI
refused 'too large a share' 4 'share = 1.5' <<'INI'
[compressor p]
plugin = magnitude
share = 1.5
INI
refused 'no rounds' 4 'rounds = 0' <<'INI'
[compressor p]
plugin = magnitude
rounds = 0
INI
refused 'unknown metric' 4 "nothing reports 'acuracy'" <<'INI'
[compressor p]
plugin = magnitude
metric = train.acuracy
INI
refused 'the test split' 4 'may not see the test split' <<'INI'
[compressor p]
plugin = magnitude
metric = test.accuracy
INI
refused 'an objective that nobody reports' 5 'of a compressor there are' <<'INI'
[compressor p]
plugin = magnitude
[objective]
p.kept_99.weight = -1
INI

# What is wrong only with the whole network or the data is found by the planning of the first trial.
checked() {
  {
    echo "include = $TMP/base.ini"
    cat
  } >"$TMP/exp.ini"
  rad check "$TMP/exp.ini"
  ok "$1: status" status_is 2
  ok "$1: says '$3'" err_has "$3"
  ok "$1: says line $2" err_has "exp.ini:$2:"
}
checked 'rewinding without training' 2 'rewind = true wants epochs' <<'INI'
[compressor p]
plugin = magnitude
rewind = true
INI
checked 'no network' 4 'there is no network to compress' <<'INI'
[fit]
plugin = kernel
[compressor p]
plugin = magnitude
INI

checked 'inputs that are not there' 2 "there are no samples 'nose.train'" <<'INI'
[compressor d]
plugin = distill
inputs = nose.train
INI
checked 'inputs of another shape' 5 'has samples of another shape than [dataset]: 5, not 6' <<'INI'
[compressor d]
plugin = distill
inputs = noise.train
[dataset noise]
plugin = blobs
classes = 3
features = 5
INI
refused 'no bits' 4 'bits = 8, 0: must be' <<'INI'
[compressor q]
plugin = quantize
bits = 8, 0
INI
checked 'half a bit' 2 'bits: must be whole numbers' <<'INI'
[compressor q]
plugin = quantize
bits = 8, 2.5
INI
refused 'no units' 4 'keep = 0: must be' <<'INI'
[compressor d]
plugin = distill
keep = 0
INI

# A search by the size that keeps the accuracy: the same bits for one job and two.
cat >"$TMP/study.ini" <<INI
include = $TMP/base.ini
[compressor p]
plugin = magnitude
share = 0.3
rounds = 6
epochs = 1
[layer hidden]
units = choice(8, 16)
[objective]
p.kept_90.parameters = -1
[search]
plugin = grid
INI
for jobs in 1 2; do
  rad run "$TMP/study.ini" -o "$TMP/jobs$jobs" --jobs $jobs
  ok "study with $jobs jobs" status_is 0
  sed -e 's/"[^"]*seconds[^"]*": *[^,}]*//g' -e 's/"wall_s": *[^,}]*//' \
    "$TMP/jobs$jobs/summary.json" >"$TMP/summary$jobs"
done
ok 'the objective is there' grep -q '"main.p.kept_90.parameters"' "$TMP/summary1"
ok 'jobs do not matter' cmp "$TMP/summary1" "$TMP/summary2"
ok 'nor to the networks' cmp "$TMP/jobs1/trials/0001/main/1/p.round-006.safetensors" \
  "$TMP/jobs2/trials/0001/main/1/p.round-006.safetensors"
cd "$TMP" || exit 99

# --- check: what rounds will take ---
# rounds FORMULA SETTING...: GFLOP of the rounds are FORMULA of the passes F and B of a sample, all
# samples, those of train and seen in an epoch (train and val).
rounds() {
  rounds_formula=$1
  shift
  rad check base.ini "$@"
  awk '
    /per image/ { sub(/.*per image /, ""); f = $1 / 1000; b = $4 / 1000 }
    /samples:/ { train = $2; seen = $2 + $4; all = $2 + $4 + $6 }
    /rounds of compressors at most/ { y = $NF }
    END { want = '"$rounds_formula"'; print y, want; exit !(want > 0 && y / want > 0.998 && y / want < 1.002) }' out
}
p='-s compressor.p.plugin=magnitude -s compressor.p.rounds=6 -s layer.hidden.units=2000'
d='-s compressor.d.plugin=distill -s compressor.d.rounds=3 -s compressor.d.keep=0.5 -s compressor.d.epochs=4 -s layer.hidden.units=2000'
# shellcheck disable=SC2086 # words
{
  ok 'check: rounds without training' rounds '7 * all * f' $p
  ok 'check: rounds with training' rounds '7 * all * f + 6 * 5 * (train * (f + b) + seen * f)' $p -s compressor.p.epochs=5
  ok 'check: and evaluated less often' rounds '7 * all * f + 6 * 5 * (train * (f + b) + seen * f / 2)' $p -s compressor.p.epochs=5 -s run.evaluate=2
  ok 'check: with controls' rounds '7 * all * f + 6 * (3 * (train * (f + b) + seen * f) + all * f)' $p -s compressor.p.control=true
  ok 'check: smaller and smaller, with a teacher' rounds 'all * f * 1.875 + 4 * 0.875 * (train * (f + b) + seen * f) + 4 * 1.75 * (train + seen) * f' $d
}
# The time is that of both, of which rounds are six sevenths; how many GFLOP/s there are is rounded.
whole() {
  rad check base.ini $p -s compressor.p.epochs=100000 -s run.epochs=100000 --jobs 1
  awk '
    /rounds of compressors at most/ { work = $4 + $NF; sub(/,/, "", $5) }
    /At most about/ { time = $4 * ($5 == "s" ? 1 : $5 == "min" ? 60 : 3600); rate = $7 }
    END { r = work / (rate > 0 ? rate : 0.5) / time; print work, rate, time; exit !(time > 60 && r > 0.5 && r < 2) }' out
}
ok 'check: the time is that of training and rounds' whole
finish
