# SPDX-License-Identifier: BSD-3-Clause
"""tables_read.py - the golden metrics.csv and metrics.jsonl in Python's readers: the same rows, NaN and infinity too."""
import csv
import json
import math
import os

FOLDER = os.path.join(os.environ["top_srcdir"], "tests", "golden")


def row(trial, arm, seed, epoch, name, value):
    value = float(value)
    return int(trial), arm, int(seed), epoch, name, "nan" if math.isnan(value) else value


with open(f"{FOLDER}/metrics.csv", newline="", encoding="utf-8") as f:
    table = [row(r["trial"], r["arm"], r["seed"], r["epoch"], r["name"], r["value"]) for r in csv.DictReader(f)]
with open(f"{FOLDER}/metrics.jsonl", encoding="utf-8") as f:
    lines = [json.loads(line) for line in f]
lines = [row(r["trial"], r["arm"], r["seed"], "final" if r["epoch"] is None else str(r["epoch"]), r["name"], r["value"])
         for r in lines]
assert table == lines, [pair for pair in zip(table, lines) if pair[0] != pair[1]][:3]
assert any(r[5] == "nan" for r in table) and any(r[5] == math.inf for r in table)
assert (0, "real", 4, "1", "train.loss", 0.7718) in [(*r[:5], r[5] if r[5] == "nan" else round(r[5], 12)) for r in table]
print(f"{len(table)} rows of CSV and JSON lines")
