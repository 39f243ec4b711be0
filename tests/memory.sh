#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What `check` says a job will take is what it takes, to 20 %.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"

model() { # HIDDEN: the rest of an experiment
  cat <<END
[run]
epochs = 1
batch = 128
[dataset]
plugin = uniform
height = 28
width = 28
train = 30000
test = 1000
[layer flat]
plugin = flatten
[layer hidden]
plugin = dense
units = $1
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 10
[optimizer]
plugin = adam
END
}

# Convolutions take the same room beside their tensors for any batch: no copy of it by windows.
images() { # BATCH
  cat <<END
[run]
epochs = 1
batch = $1
eval_batch = $1
[dataset]
plugin = uniform
height = 32
width = 32
channels = 3
train = 256
test = 256
[layer a]
plugin = conv2d
filters = 32
kernel = 5
pad = 2
[layer b]
plugin = conv2d
filters = 16
kernel = 5
[layer flat]
plugin = flatten
[layer out]
plugin = dense
units = 10
END
}

# MiB that check predicts for one job with its share of the data; MiB that it took
predicted() {
  sed -n 's/.*memory: \([0-9.]*\) MiB shared by all jobs, \([0-9.]*\) MiB.*/\1 \2/p' "$TMP/out" |
    awk '{ print $1 + $2 }'
}
measured() {
  sed -n 's/.*"peak_bytes": *\([0-9]*\).*/\1/p' "$TMP/run/trials/0000/main/1/result.json" |
    awk '{ print $1 / 1048576 }'
}
within() { # A B: to 20 %
  echo "predicted $1 MiB, measured $2 MiB"
  awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > 0 && b > 0 && b <= 1.2 * a && b >= 0.8 * a) }'
}

if sanitized; then
  skip memory "a sanitizer takes memory of its own"
else
  for units in 64 1500; do
    model $units >"$TMP/m.ini"
    rm -rf "$TMP/run"
    rad check "$TMP/m.ini"
    p=$(predicted)
    rad run "$TMP/m.ini" -q -o "$TMP/run"
    ok "$units units: as predicted" within "$p" "$(measured)"
  done
  for batch in 8 256; do
    images $batch >"$TMP/m.ini"
    rm -rf "$TMP/run"
    rad check "$TMP/m.ini"
    p=$(predicted)
    rad run "$TMP/m.ini" -q -o "$TMP/run"
    ok "convolutions of $batch images: as predicted" within "$p" "$(measured)"
  done
fi
finish
