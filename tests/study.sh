#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# study.sh - measures over a whole study: the same whatever the number of jobs and the kills; what
# happens where they fail.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
ini=$top_srcdir/configs/example/memorization.ini

# study DIR OPTION...: six short trainings
study() {
  dir=$1
  shift
  rad run "$ini" -o "$TMP/$dir" -s run.seeds=1,2,3,4,5,6 -s run.epochs=3 -s run.evaluate=3 "$@"
}
# What the study's measures have told.
told() {
  sed -n 's/.*"metrics": {\("memorization[^}]*\)}.*/\1/p' "$TMP/$1/summary.json" | tr ',' '\n'
}
same_told() {
  told "$1" >"$TMP/a"
  told "$2" >"$TMP/b"
  [ -s "$TMP/a" ] && cmp "$TMP/a" "$TMP/b" &&
    cmp "$TMP/$1/vectors.safetensors" "$TMP/$2/vectors.safetensors"
}

study one --jobs 1
ok 'six trainings' status_is 0
ok 'seven numbers' [ "$(told one | wc -l)" -eq 7 ]
ok 'they are shown' out_has 'memorization.0.main.mean_noisy = '
study two --jobs 2
ok 'two at once: the same' same_told one two

# As if it had been killed before the measures, then with their line half written.
cp -r "$TMP/one" "$TMP/cut"
grep -v -e '"event": "measures"' -e '"event": "end"' "$TMP/one/journal.jsonl" >"$TMP/cut/journal.jsonl"
ok 'the journal has the measures' [ "$(grep -c '"event": "measures"' "$TMP/one/journal.jsonl")" -eq 1 ]
rm "$TMP/cut/vectors.safetensors" "$TMP/cut/summary.json"
cp -r "$TMP/cut" "$TMP/torn"
printf '{"seq": 99, "event": "meas' >>"$TMP/torn/journal.jsonl"
for dir in cut torn; do
  rad run --resume "$TMP/$dir"
  ok "$dir: goes on" status_is 0
  ok "$dir: the same" same_told one "$dir"
  ok "$dir: no training again" [ "$(grep -c '"event": "job"' "$TMP/$dir/journal.jsonl")" -eq 6 ]
done

rad run "$ini" -o "$TMP/few" -s run.seeds=7 -s run.epochs=1 -s run.evaluate=1
ok 'one seed: status 1' status_is 1
ok 'one seed: says why' err_has 'give more [run] seeds'
ok 'one seed: the training stays' grep -q '"state": "complete"' "$TMP/few/trials/0000/main/7/result.json"
ok 'one seed: has failed' grep -q '^{"experiment": "memorization", "state": "failed"' "$TMP/few/summary.json"
study all -s dataset.subset=1
ok 'no subset: says what to do' err_has 'say [dataset] subset = 0.7'
ok 'no subset: leaves nothing' [ ! -e "$TMP/all" ]
study searched -s 'measure.memorization.threshold=choice(0.1,0.2)'
fails 2 'cannot be searched' 'a searched key'
finish
