#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# cli.sh - the command line from outside: where text goes, exit statuses, and experiment files that
# are wrong in every way.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99

# --- usage ---
rad
fails 2 'Usage: rademacher' 'no command'
rad --version
ok '--version: status' status_is 0
ok '--version: text' out_has 'rademacher 0.'
ok '--version: nothing on standard error' err_empty
rad --help
ok '--help: status' status_is 0
ok '--help: text' out_has 'data get fashion-mnist'
ok '--help: nothing on standard error' err_empty
rad chekc exp.ini
fails 2 "did you mean 'check'" 'unknown command'
for c in run new check report watch trials show plugins help data; do
  rad "$c" --help
  ok "$c --help: status" status_is 0
  ok "$c --help: text on standard output" out_has 'Usage: rademacher'
  ok "$c --help: nothing on standard error" err_empty
  rad "$c" --no-such-option
  fails 2 no-such-option "$c with an unknown option"
done
for c in run check; do
  rad "$c"
  fails 2 'INI file' "$c without a file"
  rad "$c" "$TMP/missing.ini"
  fails 2 'missing.ini' "$c of a missing file"
  rad "$c" -s nonsense x.ini
  fails 2 KEY=VALUE "$c -s without ="
done

# --- new ---
rad new my.ini --data mnist --model mlp-2x512 --noise random_labels,random_pixels --seeds 1,2 --search tpe
ok 'new: status' status_is 0
ok 'new: says what comes next' out_has 'rademacher run my.ini'
ok 'new: nothing on standard error' err_empty
ok 'new: an arm for each noise' test "$(grep -c '^\[arm ' my.ini)" -eq 3
ok 'new: what is said' grep -q '^seeds = 1,2' my.ini
ok 'new: other keys, as they would be' grep -q '^;batch = 128' my.ini
ok 'new: keys of the noise' grep -q '^;noise.random_labels.rate = 1' my.ini
cp my.ini first.ini
rad new my.ini --data mnist --model lenet --noise random_labels
fails 2 'my.ini is there already' 'new: a file that is there'
ok 'new: which stays as it was' cmp my.ini first.ini
sed 's/^;\([a-z_.]* = \)/\1/; s/choice(.*)//' my.ini >all.ini
"$RADEMACHER" check all.ini >"$TMP/out" 2>"$TMP/err"
ok 'new: commented keys are keys' test "$(grep -c 'no key\|not a key\|unknown' "$TMP/err")" -eq 0
rad new other.ini
fails 2 'which data' 'new: without data'
rad new other.ini --data nosuch --model cnn --noise random_labels
fails 2 'there are cifar10' 'new: unknown data'
rad new other.ini --data mnist --model cnn --noise random_label
fails 2 "did you mean 'random_labels'" 'new: unknown noise'
rad new other.ini --data mnist --model cnn --noise random_labels --epochs none
fails 2 epochs 'new: no number'
ok 'new: nothing is left behind' test ! -e other.ini

rad run --jobs 0 x.ini
fails 2 '1 to 4096' '--jobs 0'
rad run --jobs many x.ini
fails 2 '1 to 4096' '--jobs many'
cat >"$TMP/threads.ini" <<'END'
[run]
epochs = 2
seeds = 1, 2
[dataset]
plugin = blobs
train = 300
[layer out]
plugin = dense
units = 10
END
rad check --threads 0 "$TMP/threads.ini"
fails 2 'threads = 0: must be an integer from 1 to 64' '--threads 0'
rad check --threads 64 "$TMP/threads.ini"
ok '--threads 64: one job at once' out_has '2 seeds = 2 jobs, 1 at once'
rad run --threads 2 "$TMP/threads.ini" -q -o "$TMP/threads"
ok '--threads 2: runs' status_is 0
ok '--threads 2: is in the resolved experiment' grep -q '^threads = 2' "$TMP/threads/config.ini"
rad run --threads 3 "$TMP/threads.ini" -q -o "$TMP/threads"
ok '--threads 3: the same experiment' status_is 0
cat >"$TMP/gap.ini" <<'END'
[dataset]
plugin = uniform
[layer c]
plugin = conv2d
filters = 3
[layer f]
plugin = flatten
[layer out]
plugin = dense
units = 10
[backend]
plugin = openblas
END
for c in check run; do
  rad $c "$TMP/gap.ini"
  fails 2 'gap.ini:3: [layer c] conv2d: the backend has no convolution' "$c: a backend that lacks what a layer needs"
done
rad check "$TMP/gap.ini" -s backend.plugin=native -s 'layer.out.density=search(0.0001, 0.0002)' -s search.plugin=random
fails 2 'that was the middle of what is searched: layer.out.density = ' 'check: one point of many'
cat >"$TMP/point.ini" <<END
include = $TMP/gap.ini
[layer out]
density = search(0.05, 1)
[backend]
plugin = native
[search]
plugin = random
trials = 2
[point dense]
layer.out.density = 1
END
rad check "$TMP/point.ini"
ok 'check: a point that is given' out_has '  dense        layer.out.density = 1'
for c in check run; do
  rad $c "$TMP/point.ini" -s point.thin.layer.out.density=0.05
  fails 2 'that was [point thin]: it cannot be trained' "$c: a point whose network cannot be built"
done
ok 'such a point leaves no folder' [ ! -e runs/point ]
# 996 + 996^2 + 996^3 of 249 widths and 4 activations
rad check "$top_srcdir/configs/example/search.ini"
ok 'check: the size of a space' out_has '11 dimensions, 4 of them ranges of real numbers; 989040948 combinations of the others'
rad check "$top_srcdir/configs/example/search.ini" -s layer.act.alpha@elu=1 -s 'optimizer.lr=choice(0.1,0.2)' -s block.body.repeat=1
ok 'check: the size of a discrete space' out_has '  3 dimensions, 1992 points'
# Eight draws are each of eight choices once; what may not run is none of them.
cat >"$TMP/cost.ini" <<'END'
[run]
epochs = 6
evaluate = 3
[dataset]
plugin = blobs
features = 50
classes = 3
train = 3000
test = 1000
[layer h]
plugin = dense
units = choice(100, 200, 300, 400, 500, 600, 700, 800)
[layer out]
plugin = dense
units = 3
[search]
plugin = grid
END
gflop() {
  rad check "$TMP/cost.ini" -s "layer.h.units=$1"
  awk '
    /per image/ { sub(/.*per image /, ""); f = $1 / 1000; b = $4 / 1000 }
    /samples:/ { train = $2; all = $2 + $4 + $6 }
    END { printf "%.3g", 6 * (train * (f + b) + all * f / 3) }' "$TMP/out"
}
low=$(gflop 100) mid=$(gflop 500) high=$(gflop 800)
rad check "$TMP/cost.ini"
ok 'check: what drawn trials take' out_has "of 8 trials drawn at random one takes $low to $high GFLOP"
rad check "$TMP/cost.ini" -s constraint.c.metric=model.parameters -s constraint.c.max=30000
ok 'check: of those that may run' out_has "one takes $low to $mid GFLOP"
rad check "$TMP/cost.ini" -s layer.h.units=100 -s 'axis.budget.same=run.epochs=6' -s 'axis.budget.also=run.epochs=6,run.evaluate=3'
ok 'check: a row of an axis has the epochs' out_has "one takes $low to $low GFLOP"
rad check "$TMP/cost.ini" -s layer.h.units=100 -s run.epochs=1 -s run.evaluate=1 -s 'axis.budget.row=run.epochs=6,run.evaluate=3'
ok 'check: not those of the study' out_has "one takes $low to $low GFLOP"
rad check "$TMP/cost.ini" -s arm.a.enabled=false -s arm.b.enabled=false
fails 2 'every [arm] is disabled' 'all arms disabled'
rad run --resume nowhere x.ini
fails 2 --resume '--resume with a file'
rad run --resume "$TMP/nowhere"
ok '--resume of no run: fails' test "$status" -ne 0
ok '--resume of no run: says where' err_has "$TMP/nowhere"
rad help layer nosuch
fails 2 nosuch 'help of an unknown plugin'
rad help lyaer
fails 2 layer 'help of an unknown kind'
rad help layer dense
ok 'help layer dense: status' status_is 0
ok 'help layer dense: keys' out_has units
rad plugins
ok 'plugins: status' status_is 0
ok 'plugins: lists' out_has dense
rad --plugin-dir relative run x.ini
ok 'an option before the command is refused' status_is 2
rad check --plugin-dir relative x.ini
fails 2 absolute 'a relative plugin folder'

# --- a good file, and every way to spoil it ---
good() {
  cat <<'END'
[run]
epochs = 2
batch = 16
[dataset]
plugin = blobs
features = 3
classes = 3
train = 90
test = 30
[layer hidden]
plugin = dense
units = 5
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[optimizer]
plugin = sgd
lr = 0.07
END
}
good >good.ini
rad check good.ini
ok 'check of a good file: status' status_is 0
ok 'check of a good file: layers' out_has hidden
ok 'check of a good file: arithmetic' out_has '  arithmetic: native '
ok 'check of a good file: nothing on standard error' err_empty
ok 'check writes nothing' test ! -e runs

# bad NAME TEXT: bad.ini is refused by check and by run, with TEXT, and nothing is left.
bad() {
  rad check bad.ini
  fails 2 "$2" "$1"
  rm -rf bad-run
  rad run bad.ini -q -o bad-run
  ok "$1, run: status" status_is 2
  ok "$1, run: leaves nothing" test ! -e bad-run
}
# spoiled OLD NEW TEXT: a good file with one line changed.
spoiled() {
  good | sed "s|^$1\$|$2|" >bad.ini
  bad "$2 for $1" "$3"
}
# with LINES NAME TEXT: a good file with more lines.
with() {
  good >bad.ini
  printf "$1" >>bad.ini
  bad "$2" "$3"
}
with '[backend]\nprecision = bf16\nisa = avx2\n' 'bf16 without avx512' 'precision = '

# bf16 runs by that name, or is refused with what there is instead.
rad check good.ini -s backend.precision=bf16
if [ "$status" -eq 0 ]; then
  ok 'precision = bf16: check says so' out_has '  arithmetic: native avx512 bf16,'
  rad run good.ini -s backend.precision=bf16 -q -o bf16
  ok 'precision = bf16: the manifest says so' grep -q 'native avx512 bf16,' bf16/manifest.json
  rad run good.ini -s backend.precision=bf16 -q -o bf16-threads --threads 3
  grep loss bf16/metrics.csv >loss-1
  grep loss bf16-threads/metrics.csv >loss-3
  ok 'precision = bf16: the same losses with three threads' cmp loss-1 loss-3
else
  fails 2 'use precision = fp32' 'precision = bf16 without avx512_bf16'
fi

spoiled 'units = 5' 'unit = 5' "did you mean 'units'"
ok 'an unknown key: file and line' err_has 'bad.ini:12'
spoiled 'units = 5' 'units = 0' units
spoiled 'units = 5' 'units = five' five
spoiled 'units = 5' 'units = 5.5' 5.5
spoiled 'units = 5' 'units = 99999999999999999999' 9999
spoiled 'units = 5' 'units =' units
spoiled 'units = 5' '' units
spoiled 'units = 5' 'units = search(9, 3)' search
spoiled 'units = 5' 'units = search(1, 1e9999)' 1e9999
spoiled 'units = 5' 'units = search(1' search
spoiled 'units = 5' 'units = choice()' choice
spoiled 'units = 5' 'units = choice(3, x)' x
spoiled 'epochs = 2' 'epochs = search(1, 3)x' epochs
spoiled 'lr = 0.07' 'lr = nan' nan
spoiled 'lr = 0.07' 'lr = 1e999' 1e999
spoiled 'lr = 0.07' 'lr = 0x1p-3' 0x1p-3
spoiled 'lr = 0.07' 'lr = search(0.1, 0.2)' grid
spoiled 'batch = 16' 'seeds = 1, two' seeds
spoiled 'plugin = relu' 'plugin = rleu' "did you mean 'relu'"
spoiled 'plugin = relu' 'plugin = ../../x' plugin
spoiled '\[layer out\]' '[leyer out]' "did you mean 'layer'"
spoiled '\[layer out\]' '[layer' bad.ini:15
spoiled '\[layer out\]' '[layer a.b/c]' 'bad.ini:15'
with 'units = 4\nlr = 0.1\n' 'a key of another section, and one twice' units
with '[layer hidden]\nplugin = relu\n' 'a section twice' hidden
with '[layer more]\nplugin = relu\ninput = nowhere\n' 'an input that is no layer' nowhere
with '[noise x]\n' 'a section without plugin' plugin
with '[regularizer d]\nplugin = dropout\napply = nowhere\n' 'apply to no layer' nowhere
with '[objective]\nmain.test.accuracy = 1\n' 'a test metric in the objective' allow_test
with '[objective]\nother.val.accuracy = 1\n' 'a metric of no arm' other
with '[regularizer e]\nplugin = early_stopping\nmetric = test.loss\n' 'early stopping on test' allow_test
with '[arm a]\nlayer.nosuch.units = 3\n' 'an arm that changes no layer' nosuch
with '[axis a]\nrow = layer.hidden.unts=3\n' 'an axis that sets no key' unts
with 'no equals sign\n' 'a line that is nothing' bad.ini:21
with 'momentum = 0.\0009\n' 'a NUL byte' bad.ini:21
printf 'key = 1\n' >bad.ini
bad 'a key before the first section' key
{
  good
  printf '[logger x]\nplugin = csv\nfile = '
  head -c 10000000 /dev/zero | tr '\0' x
  echo
} >bad.ini
bad 'a line of 10 MB' bad.ini:23
ok 'a line of 10 MB: a short message' test "$(wc -c <"$TMP/err")" -lt 10000
{
  echo 'include = bad.ini'
  good
} >bad.ini
bad 'a file that includes itself' include
echo 'include = bad.ini' >cycle.ini
{
  echo 'include = cycle.ini'
  good
} >bad.ini
bad 'a cycle of includes' include
{
  echo 'include = nowhere.ini'
  good
} >bad.ini
bad 'an include that is not there' nowhere.ini
: >bad.ini
bad 'an empty file' '[dataset]'
{
  good | sed 's/plugin = blobs/plugin = idx/' | grep -v '^features\|^classes\|^train\|^test'
} >bad.ini
bad 'a data set without its files' train_images
spoiled 'plugin = blobs' "plugin = idx" train_images
good | sed '/^plugin = blobs/,/^test/d; s|^\[dataset\]|&\nplugin = idx\ntrain_images = data:mnist/x\ntrain_labels = data:mnist/y|' >bad.ini
bad 'data that are not there' 'rademacher data get mnist'
head -c 3000 /dev/urandom >bad.ini
bad 'random bytes' bad.ini
mkdir folder.ini
rad check folder.ini
ok 'a folder as file: refused' test "$status" -ne 0
ok 'a folder as file: says so' err_has folder.ini
ok 'a folder as file: no output' out_empty

good | sed -e 's/units = 5/unit = 5/' -e 's/lr = 0.07/lr = x/' -e 's/= relu/= rleu/' >bad.ini
rad check bad.ini
ok 'all errors at once' test "$(grep -c '^bad.ini:' "$TMP/err")" -ge 3

rad check good.ini -s layer.hidden.unts=3
fails 2 "did you mean 'units'" '-s with an unknown key'
rad check good.ini -s layer.hidden.units=9
ok '-s changes the file: status' status_is 0
ok '-s changes the file' out_has 'units = 9'

# --- a run: where text goes, and a run directory that is somebody else's ---
rad run good.ini -o run
ok 'run: status' status_is 0
ok 'run: results on standard output' out_has run
for f in config.ini manifest.json journal.jsonl summary.json; do
  ok "run: $f" test -s "run/$f"
done
no_temporary() { [ -z "$(find run -name '*.tmp*')" ]; }
ok 'run: no temporary file is left' no_temporary
cp run/summary.json before.json
rad run good.ini -o run
ok 'the same again: status' status_is 0
ok 'the same again: nothing is changed' cmp before.json run/summary.json
rad run good.ini -o run -s layer.hidden.units=6
ok 'another experiment in its place: status' status_is 2
ok 'another experiment in its place: says where' err_has run
ok 'another experiment in its place: nothing is lost' cmp before.json run/summary.json
rad run run/config.ini -o again -q
ok 'config.ini of a run runs as it stands' status_is 0
sums() { sed 's/"[a-z_.]*\(seconds\|wall_s\)": *[-0-9.e+]*//g; s/"experiment": *"[^"]*"//' "$1"; }
same_sums() { [ "$(sums run/summary.json)" = "$(sums again/summary.json)" ]; }
ok '... and gives the same' same_sums
# Another file of a plugin is another arithmetic.
mkdir -p elsewhere/layer
cp "${top_builddir:?is set by make check}/plugins/layer/.libs/dense.so" elsewhere/layer/
two() { rad run good.ini -q -o two -s 'layer.hidden.units=search(2, 90)' -s search.plugin=random \
  -s "search.trials=$1" --plugin-dir "$PWD/elsewhere"; }
two 2
ok 'a plugin: before' status_is 0
echo >>elsewhere/layer/dense.so
two 3
fails 2 'the arithmetic is not what it was' 'a plugin whose file has changed'
rad run good.ini -q -o metric -s objective.main.val.acuracy=1
fails 2 "did you mean 'accuracy'" 'a metric that nobody reports'
ok 'a metric that nobody reports: nothing was done' test ! -e metric
rad run good.ini -q -o metric -s objective.main.val.accuracy_noisy=1
ok 'a metric that is not there without noise: status' status_is 3
ok '... says which' grep -q 'main.val.accuracy_noisy has no value' metric/summary.json
: >file
rad run good.ini -o file/run -q
ok 'a run directory that cannot be: status' status_is 74
if [ -d /sys ]; then
  rad run good.ini -o /sys/rademacher/run -q
  ok 'a folder that cannot be made: status' status_is 74
  ok 'a folder that cannot be made: says why' sh -c "! grep 'No such file' '$TMP/err'"
fi
rad run good.ini -o other --json
ok '--json: status' status_is 0
json() { ! grep -v '^{.*}$' "$TMP/out"; }
ok '--json: an object in each line' json
"$RADEMACHER" run good.ini -o closed <&- >&- 2>&-
ok 'closed standard descriptors: status' test $? -eq 0
ok 'closed standard descriptors: no message in the lock' test "$(wc -l <closed/lock)" -eq 1
ok 'closed standard descriptors: nor in the journal' sh -c "! grep -v '^{.*}\$' closed/journal.jsonl"
if [ -w /dev/full ]; then
  for c in 'run good.ini -o other' 'check good.ini' --version; do
    status=0
    # shellcheck disable=SC2086 # words
    "$RADEMACHER" $c >/dev/full 2>"$TMP/err" || status=$?
    ok "$c to a full disk: status" status_is 74
    ok "$c to a full disk: says so" err_has 'cannot write to standard output'
  done
fi

# Whoever reads only the first lines hears nothing of the rest; a run goes on without its reader.
gone() {
  { sleep 1; "$RADEMACHER" "$@" 2>"$TMP/err"; } | true
}
for c in plugins 'help layer dense' 'check good.ini' 'trials closed'; do
  # shellcheck disable=SC2086 # words
  gone $c
  ok "$c: a reader that is gone" err_empty
done
gone run good.ini -o unread
ok 'run: a reader that is gone' grep -q '"event": "end"' unread/journal.jsonl

# A disk that is full in mid-run, played by a limit of 20 KiB on each file: the checkpoint does not fit.
wide='-s layer.hidden.units=2000 -s run.checkpoint=0 -q'
# shellcheck disable=SC2086 # words
rad run good.ini $wide -o roomy
(
  trap '' XFSZ
  ulimit -f 40
  # shellcheck disable=SC2086
  "$RADEMACHER" run good.ini $wide -o full >"$TMP/out" 2>"$TMP/err"
)
status=$?
ok 'a disk full in mid-run: status' status_is 74
ok 'a disk full in mid-run: says which file' err_has last.safetensors
ok 'a disk full in mid-run: nothing half-written' sh -c '! find full -name "*.safetensors*" -o -name "*.tmp*" | grep .'
# shellcheck disable=SC2086
rad run good.ini $wide -o full
ok 'the disk has room again: goes on' status_is 0
ok 'the disk has room again: the same comes out' \
  [ "$(sums roomy/summary.json)" = "$(sums full/summary.json)" ]

# A result that was damaged before the study saw it is made anew from the checkpoint.
sed '/"job_end"/,$d' again/journal.jsonl >cut.jsonl
cp cut.jsonl again/journal.jsonl
printf '{"state": "comp' >again/trials/0000/main/1/result.json
rad run run/config.ini -o again -q
ok 'a damaged result: status' status_is 0
ok 'a damaged result: says so' err_has 'result.json: warning: is damaged'
ok 'a damaged result: the same comes out' same_sums
finish
