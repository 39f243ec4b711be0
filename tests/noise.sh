#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# noise.sh - every noise in one chain gives the same training for any number of jobs and threads,
# and after a stop and a resume; mistakes are told by `check`, before anything runs.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"

printf '0.7 0.3 0\n0 0.8 0.2\n0.1 0 0.9\n' >"$TMP/matrix.txt"
awk 'BEGIN { for (i = 0; i < 600; i++) print i % 3 }' >"$TMP/labels.txt"
cat >"$TMP/chain.ini" <<'INI'
[run]
epochs = 40
batch = 32
seeds = 1, 2
checkpoint = 0
[dataset]
plugin = gaussian
height = 6
width = 5
channels = 3
classes = 3
train = 600
test = 100
limit = 500
[dataset other]
plugin = uniform
height = 6
width = 5
channels = 3
classes = 7
train = 500
test = 100
[noise swap]
plugin = swap_dataset
from = other
splits = train, test
[noise shuffle]
plugin = shuffled_pixels
[noise random]
plugin = random_pixels
[noise add]
plugin = add_gaussian
sigma = 0.1
[noise salt]
plugin = salt_pepper
rate = 0.05
[noise fresh]
plugin = fresh_gaussian
sigma = 0.05
[noise crop]
plugin = random_crop
pad = 1
[noise flip]
plugin = random_flip
[noise human]
plugin = label_file
file = labels.txt
[noise any]
plugin = random_labels
rate = 0.2
[noise pair]
plugin = pair_flip
rate = 0.2
[noise alike]
plugin = asymmetric
matrix = matrix.txt
[layer flat]
plugin = flatten
[layer hidden]
plugin = dense
units = 40
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[optimizer]
plugin = adam
lr = 0.003
[arm chain]
[arm replaced]
noise.gauss.plugin = gaussian_pixels
INI

# Metrics of every epoch, in any order, but times and speeds.
epochs() { grep -v second "$1/metrics.csv" | sort; }

rad run "$TMP/chain.ini" -o "$TMP/one" --jobs 1 --threads 1
ok "one job, one thread" status_is 0
ok "few images: they are repeated" err_has "other.train has 500 images for 600 samples"
epochs "$TMP/one" >"$TMP/one.txt"
ok "there are metrics" grep -q 'chain.*train.loss' "$TMP/one.txt"
rad run "$TMP/chain.ini" -o "$TMP/two" --jobs 2 --threads 3
ok "two jobs, three threads" status_is 0
epochs "$TMP/two" >"$TMP/two.txt"
ok "jobs and threads change nothing" cmp "$TMP/one.txt" "$TMP/two.txt"

# Stopped as soon as there is a checkpoint.
"$RADEMACHER" run "$TMP/chain.ini" -o "$TMP/stopped" --jobs 1 --threads 2 >"$TMP/out" \
  2>"$TMP/err" </dev/null &
pid=$!
until [ -n "$(find "$TMP/stopped" -name last.safetensors 2>/dev/null)" ]; do
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.01
done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
ok "stopped" status_is 75
rad run --resume "$TMP/stopped"
ok "resumed" status_is 0
epochs "$TMP/stopped" >"$TMP/stopped.txt"
ok "a stop changes nothing" cmp "$TMP/one.txt" "$TMP/stopped.txt"

# refuses TEXT KEY=VALUE...: `check` and nothing more
refuses() {
  text=$1
  shift
  for key in "$@"; do
    set -- "$@" -s "$key"
    shift
  done
  rad check "$TMP/chain.ini" "$@"
  ok "refuses $*: status" status_is 2
  ok "refuses $*: says '$text'" err_has "$text"
}
refuses '[noise pair] rate' noise.pair.rate=1.5
refuses '[noise any] rate' noise.any.rate=-0.1
refuses '[noise salt] rate' noise.salt.rate=nan
refuses '[noise add] sigma' noise.add.sigma=-1
refuses '[noise fresh] sigma' noise.fresh.sigma=-0.5
refuses '[noise swap] swap_dataset: there are no samples' noise.swap.from=nowhere
refuses '6 x 4 x 3, not 6 x 5 x 3' dataset.other.width=4
refuses 'matrix.txt: is 3 x 3; the data have 4 classes' dataset.classes=4 noise.human.enabled=false
refuses 'labels.txt:3: 2 is not a label; there are the classes 0 to 1' dataset.classes=2
sed 's/rate = 0.2/rate = 1.5/' "$TMP/chain.ini" >"$TMP/bad.ini"
rad check "$TMP/bad.ini"
ok "a rate of 1.5: file and line" err_has "bad.ini:50: [noise any] rate = 1.5: must be a number from 0 to 1"
echo 2 >>"$TMP/labels.txt"
rad check "$TMP/chain.ini"
ok "one label too many: file and line" err_has "chain.ini:45: [noise human] label_file: "
ok "one label too many: how many" err_has "labels.txt: has 601 labels; the data set's own training split has 600"
finish
