#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# data.sh - data sets from outside: `data list`, `get`, `path`; runs on tiny files of every format;
# missing and damaged files end a run before it starts, and leave nothing behind.
# RADEMACHER_TEST_REAL_DATA=1: also gets the real sets, over the network where that is needed.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99
fix=$TMP/fix
mkdir "$fix" bin
"${top_builddir:?is set by make check}/tests/make_fixtures" "$fix" || exit 99
FIXED_PATH=$PATH

# --- data list, path, get ---
rad data list
ok 'list: status' status_is 0
ok 'list: knows cifar100' out_has 'cifar100       missing'
rad data path mnist
ok 'path: in RADEMACHER_DATA' out_has "$TMP/data/mnist"
rad data path mnits
fails 2 "did you mean 'mnist'?" 'path of an unknown set'
rad data get
fails 2 NAME 'get without a name'
rad data get mnits
fails 2 "did you mean 'mnist'?" 'get of an unknown set'
rad data get --ofline mnist
fails 2 --ofline 'get with an unknown option'
rad data get --offline cifar100
fails 74 "Put train.bin, test.bin (raw or .gz, or cifar-100-binary.tar.gz) into $TMP/data/cifar100" \
  'get of what is not there'
mkdir -p data/mnist
echo 'not MNIST' >data/mnist/train-labels-idx1-ubyte
rad data get --offline mnist
fails 2 'train-labels-idx1-ubyte: 10 bytes, expected 60008' 'get over another file'
ok 'the user'\''s file stays' grep -q 'not MNIST' data/mnist/train-labels-idx1-ubyte
rm -r data/mnist
(
  unset RADEMACHER_DATA XDG_DATA_HOME HOME
  "$RADEMACHER" data list
) >out 2>err
ok 'without any home: status' test $? -eq 2
ok 'without any home: says so' err_has 'HOME'

# --- runs ---
for p in curl wget npm apt-get; do
  printf '#!/bin/sh\necho %s >>"%s/called"\nexit 1\n' "$p" "$TMP" >"bin/$p"
  chmod +x "bin/$p"
done
PATH=$TMP/bin:$FIXED_PATH

# experiment NAME KEYS: a network of one layer on a [dataset] with these keys.
experiment() {
  cat >"$1.ini" <<EOF
[run]
epochs = 1
batch = 2
[dataset]
$2
val = 0
[layer flat]
plugin = flatten
[layer out]
plugin = dense
units = ${3:-10}
EOF
}
run_ok() {
  experiment "$1" "$2" "$3"
  rad run "$1.ini" -o "runs/$1"
  ok "$1: runs" status_is 0
}
run_ok idx "plugin = idx
train_images = $fix/idx/x.gz
train_labels = $fix/idx/y-0B
test_images = $fix/idx/xt
test_labels = $fix/idx/yt" 3
run_ok cifar10 "plugin = cifar
folder = $fix/cifar10
official = false
crop = 28
scale = whiten"
run_ok cifar100 "plugin = cifar
folder = $fix/cifar100
classes = 100
official = false
scale = standardize" 100
rm "$fix/images/train/b/3.jpg" # where there is no libjpeg
run_ok folder "plugin = folder
train = fix/images/train
test = fix/images/test
resize = true" 2
run_ok uniform 'plugin = uniform
height = 3
width = 4
train = 20
test = 5'

# refused NAME TEXT KEYS: ends with status 2 and TEXT; no sample was kept.
refused() {
  experiment "$1" "$3" "${4:-3}"
  rad run "$1.ini" -o "runs/$1"
  fails 2 "$2" "$1"
  ok "$1: no decoded data" test -z "$(find runs -path "*/$1/*" -name '*.data*')"
}
idx() {
  refused "$1" "$2" "plugin = idx
train_images = $fix/idx/$3
train_labels = $fix/idx/$4"
}
idx truncated 'truncated: 139 bytes' bad-short y-08
idx oversized 'too long: 143 bytes' bad-long y-08
idx lying 'its header says 160' bad-lying y-08
idx magic 'not an IDX file' bad-magic y-08
idx short-gz bad-short.gz bad-short.gz y-08
idx wrong-gz bad-sum.gz bad-sum.gz y-08
idx label 'label -1 of sample 0' x-08 bad-negative
idx count '6 labels for 7 images' x-08 bad-count
idx nan 'not finite' bad-nan y-08
refused cifar-truncated 'no whole number of CIFAR-10 records' "plugin = cifar
folder = $fix/cifar10-short
official = false"
refused cifar-label 'label 10 of record 0' "plugin = cifar
folder = $fix/cifar10-label
official = false"
mkfifo "$fix/images-none/a/1.png" && mv "$fix/images-none/a/1.png" "$fix/images-none/b/"
cp "$fix/images/train/a/1.png" "$fix/images-none/a/"
for c in text:neither short:damaged bomb:max_pixels none:b/; do
  refused "folder-${c%:*}" "${c#*:}" "plugin = folder
train = $fix/images-${c%:*}" 2
done
for s in mnist fashion-mnist cifar10 cifar100; do
  [ -d "/usr/share/datasets/$s" ] && continue # is found there
  printf 'include = %s/configs/data/%s.ini\n[layer flat]\nplugin = flatten\n[layer out]\nplugin = dense\nunits = 100\n' \
    "$top_srcdir" "$s" >"$s.ini"
  rad run "$s.ini" -o "runs/no-$s"
  fails 2 "rademacher data get $s" "$s that is not there"
done
ok 'no run has asked for anything' test ! -e called

# --- the real ones ---
PATH=$FIXED_PATH
if [ "${RADEMACHER_TEST_REAL_DATA:-}" = 1 ]; then
  for s in mnist fashion-mnist cifar10; do
    rad data get "$s"
    ok "$s: got" status_is 0
    rad data get --offline "$s"
    ok "$s: complete" out_has "$s is complete in $TMP/data/$s"
  done
  rad data list
  ok 'list: complete' out_has 'cifar10        complete'
else
  skip 'real data sets' 'RADEMACHER_TEST_REAL_DATA is not 1'
fi
finish
