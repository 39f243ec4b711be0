#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# export.sh - `rademacher export`: which job, which format, what is refused. What is in the files:
# tests/files.c, and in their programs tests/peers/export_read.py.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99

{
  small_study 2 '4, 9'
  cat <<'END'
[arm real]
[arm noise]
noise.labels.plugin = random_labels
[objective]
real.val.loss = -1
[exporter torch]
plugin = safetensors
names = torch
END
} >exp.ini
rad run exp.ini -o run --no-report
ok 'run: status' status_is 0

for format in safetensors npz onnx torch; do
  rad export run --format $format -o "out.$format"
  ok "$format: status" status_is 0
  ok "$format: says nothing" out_empty
  ok "$format: no message" err_empty
  ok "$format: a file" test -s "out.$format"
done
has() { grep -aqF -e "$2" "$1"; }
ok 'safetensors: names' has out.safetensors '"hidden.W"'
ok 'safetensors: names of PyTorch by a section' has out.torch '"hidden.weight"'
rad export run --format safetensors -s names=torch -o out.key
ok 'safetensors: names of PyTorch by a key' cmp out.torch out.key
ok 'npz: vectors' has out.npz vectors/train.margin.npy
ok 'onnx: an operator' has out.onnx Gemm

# Which job.
best=$(sed -n 's/.*"best": {"id": \([0-9]*\).*/\1/p' run/summary.json)
[ -n "$best" ] || best=$(sed -n 's/.*"best": \([0-9]*\).*/\1/p' run/summary.json)
rad export run --format safetensors --trial "$best" --arm real --seed 4 -o named
ok 'the best trial, first arm and seed where nobody says' cmp named out.safetensors
rad export run --format safetensors --trial "$best" --arm noise --seed 9 -o other
differs() { ! cmp -s other named; }
ok 'another arm and seed' differs
ok 'says which' has other '"arm":"noise"'

# What is refused leaves no file.
refused() { # NAME TEXT ARGUMENT...
  refused_name=$1 refused_text=$2
  shift 2
  rad export "$@" -o no
  fails 2 "$refused_text" "$refused_name"
  ok "$refused_name: no file" test ! -e no
}
refused 'no such trial' "has no trial '2'; there are 2, from 0 on" run --format npz --trial 2
refused 'no such arm' "has no arm 'x'; there is real, noise" run --format npz --arm x
refused 'no such seed' "has no seed '5'; there is 4, 9" run --format npz --seed 5
refused 'no such format' "did you mean 'npz'" run --format np
refused 'no such key' "unknown key 'nam'" run --format safetensors -s nam=torch
refused 'no such value' 'torch' run --format safetensors -s names=tf
refused 'no such checkpoint' 'best.safetensors: is not there; there is last' run --format npz --checkpoint best
refused 'no run' 'there is no such folder' nothing --format npz
rm -r run/trials/0001/real/4
refused 'no such job' 'has not been trained' run --format npz --trial 1 --arm real --seed 4
rad export run --format npz
fails 2 '-o FILE' 'no file named'
rad export run -o no
fails 2 '--format' 'no format named'
rad export run --format npz --trial 0 -o none/no
fails 74 'none/no' 'a folder that is not there'

# A layer that does not say what it is.
zoo=${top_builddir:?is set by make check}/tests/zoo
sed 's/plugin = relu/plugin = old/; s/choice(3, 7)/3/' exp.ini >old.ini
rad run old.ini -o old --no-report --plugin-dir "$zoo"
ok 'a foreign layer: runs' status_is 0
rad export old --plugin-dir "$zoo" --format safetensors -o no
ok 'a foreign layer: its weights' status_is 0
rm -f no
rad export old --plugin-dir "$zoo" --format onnx -o no
fails 2 '[layer act] old: cannot be exported: the plugin does not say what it is in ONNX' 'a foreign layer'
ok 'a foreign layer: no file' test ! -e no
finish
