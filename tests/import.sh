#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# import.sh - [run] weights: a training begins with what another one has come to. With PyTorch:
# tests/peers/import_torch.py.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99

cat >exp.ini <<'END'
[run]
epochs = 3
batch = 16
[dataset]
plugin = blobs
features = 20
classes = 3
train = 60
test = 30
[layer hidden]
plugin = dense
units = 12
density = 0.2
[layer bn]
plugin = batch_norm
[layer out]
plugin = dense
units = 3
[logger console]
enabled = false
END
rad run exp.ini -o first --no-report
ok 'first: status' status_is 0
rad export first --format safetensors -o own.safetensors
rad export first --format safetensors -s names=torch -o torch.safetensors

# values RUN EPOCH
values() { awk -F, -v e="$2" '$4 == e && $5 ~ /^(train|val|test)\./ { print $5, $6 }' "$1/metrics.csv"; }
values first 3 >end
ok 'first: metrics' test -s end
for file in own torch; do
  rad run exp.ini -o $file --no-report -s run.weights=$file.safetensors
  ok "$file: status" status_is 0
  ok "$file: says nothing" err_empty
  values $file 0 >begin
  ok "$file: begins where the first ended" cmp begin end
  ok "$file: in the list of files" grep -q "$file.safetensors" $file/trials/0000/main/1/result.json
done
ok 'and goes on' sh -c '! cmp -s own/trials/0000/main/1/last.safetensors first/trials/0000/main/1/last.safetensors'
rad run exp.ini -o checkpoint --no-report -s run.weights=first/trials/0000/main/1/last.safetensors
ok 'a checkpoint: status' status_is 0
values checkpoint 0 >begin
ok 'a checkpoint: begins where the first ended' cmp begin end

# Relative to the file that says so, in an arm, from anywhere; a killed run goes on, it does not begin.
mkdir sub
cp own.safetensors sub/
printf 'include = ../exp.ini\n[arm drawn]\n[arm kept]\nrun.weights = own.safetensors\n' >sub/arms.ini
rad run sub/arms.ini -o arms --no-report
ok 'an arm: status' status_is 0
awk -F, '$2 == "kept" && $4 == 0 && $5 ~ /^(train|val|test)\./ { print $5, $6 }' arms/metrics.csv >begin
ok 'an arm: begins where the first ended' cmp begin end
awk -F, '$2 == "drawn" && $4 == 0 && $5 ~ /^(train|val|test)\./ { print $5, $6 }' arms/metrics.csv >begin
ok 'the other arm: does not' sh -c '! cmp -s begin end'

# Another file under the same name is another job.
sed 's/units = 3/units = 3\ninit = xavier_normal/' exp.ini >other.ini
mkdir cache
cp own.safetensors w.safetensors
rad run exp.ini -o a --no-report -s run.weights=w.safetensors -s search.cache=cache
rad run other.ini -o second --no-report
rad export second --format safetensors -o w.safetensors
rad run exp.ini -o b --no-report -s run.weights=w.safetensors -s search.cache=cache
values a 0 >a.begin
values b 0 >b.begin
ok 'a cache: the bytes of the file count' sh -c 'test -s b.begin && ! cmp -s a.begin b.begin'

# What does not fit is refused before anything runs.
refused() { # NAME TEXT SETTING...
  refused_name=$1 refused_text=$2
  shift 2
  rad run exp.ini -o no --no-report "$@"
  fails 2 "$refused_text" "$refused_name"
  ok "$refused_name: no folder" test ! -e no
}
refused 'another width' 'tensor hidden.W is 12x20, that of the network is 13x20' -s run.weights=own.safetensors -s layer.hidden.units=13
refused 'another layer' 'has no tensor more.W (3x3), nor more.weight' -s run.weights=own.safetensors -s layer.more.plugin=dense -s layer.more.units=3
refused 'no file' 'none.safetensors' -s run.weights=none.safetensors
refused 'another format' 'not a sound safetensors file' -s run.weights=exp.ini
refused 'no network' 'has no network that [run] weights could be of' -s run.weights=own.safetensors -s fit.plugin=kernel
rad run exp.ini -o rest --no-report -s run.weights=own.safetensors -s layer.bn.affine=false
ok 'more than there is: status' status_is 0
ok 'more than there is: says so' err_has '2 tensors are none of the network'
finish
