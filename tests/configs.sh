#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# configs.sh - every experiment that is shipped passes `check` quickly, on data sets of the right
# shape with nothing on them; the networks of papers have the papers' numbers of parameters; every
# plugin has an example.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"

# idx FILE HEADER BYTES: a header in octal, zeros
idx() {
  # shellcheck disable=SC2059 # the header is a format
  printf "$2" >"$1"
  head -c "$3" /dev/zero >>"$1"
}
for set in mnist fashion-mnist; do
  d=$TMP/data/$set
  mkdir -p "$d"
  idx "$d/train-images-idx3-ubyte" '\0\0\10\3\0\0\30\0\0\0\0\34\0\0\0\34' $((6144 * 784))
  idx "$d/train-labels-idx1-ubyte" '\0\0\10\1\0\0\30\0' 6144
  idx "$d/t10k-images-idx3-ubyte" '\0\0\10\3\0\0\0\20\0\0\0\34\0\0\0\34' $((16 * 784))
  idx "$d/t10k-labels-idx1-ubyte" '\0\0\10\1\0\0\0\20' 16
done
mkdir -p "$TMP/data/cifar10" "$TMP/data/cifar100"
for f in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
  head -c $((20 * 3073)) /dev/zero >"$TMP/data/cifar10/$f.bin"
done
head -c $((500 * 3074)) /dev/zero >"$TMP/data/cifar100/train.bin"
head -c $((20 * 3074)) /dev/zero >"$TMP/data/cifar100/test.bin"
mkdir -p "$TMP/data/cifar10n" # a label for each of 5 x 20
seq 100 | sed 's/.*\(.\)/\1/' >"$TMP/data/cifar10n/worse.txt"

experiments() { # those that name a network: the others are building blocks
  for f in "$top_srcdir"/configs/*.ini "$top_srcdir"/configs/[!dm]*/*.ini \
    "$top_srcdir"/configs/*/quick/*.ini; do
    case $f in
    */defaults.ini | */common.ini | */folder.ini) continue ;;
    */quick/*) if sanitized; then continue; fi ;; # each is one of the others, in short
    esac
    echo "$f"
  done
}

small=$TMP/small.ini # data sets of another than their official size
echo '[dataset]
official@cifar = false' >"$small"
rad help logger optuna # only where there is SQLite
has_optuna=$status
for f in $(experiments); do
  case $has_optuna$f in [1-9]*/logger_optuna.ini) continue ;; esac
  rad check "$f" -i "$small"
  ok "${f#"$top_srcdir"/}" status_is 0
done

# parameters FILE COUNT: of every arm
parameters() {
  rad check "$top_srcdir/configs/$1" -i "$small"
  ok "$1: $2 parameters" [ "$(grep -c "  parameters $2," "$TMP/out")" -eq 2 ]
}
parameters zhang2017/mlp-1x512.ini 1209866
parameters zhang2017/mlp-3x512.ini 1735178
parameters zhang2017/alexnet.ini 1387786
parameters zhang2017/inception.ini 1649402

# network MODEL DATA COUNT: a model that no experiment of a paper is made of
network() {
  echo "include = $top_srcdir/configs/$2, $top_srcdir/configs/$1" >"$TMP/network.ini"
  rad check "$TMP/network.ini" -i "$small"
  ok "$1: $3 parameters" out_has "  parameters $3,"
}
network model/mlp-2x512.ini data/mnist.ini 669706
network model/lenet.ini data/mnist.ini 225034
network model/cnn.ini data/cifar10.ini 1756426
network model/resnet.ini data/cifar10.ini 272474

for f in "$top_srcdir"/plugins/*/*.c; do
  name=$(basename "$f" .c)
  [ "$name" = image ] && continue # a part of folder
  ok "an example of $name" grep -rqE "plugin *= *(.*[ (])?$name\\b" "$top_srcdir/configs"
done
finish
