#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tables of the rounds of compressors in the run directories of configs/compression, for compression.md.

usage: rounds.py RUNS TABLE...     RUNS: the folder of the run directories

Each TABLE is a run directory's name; TABLE.csv is written here: one row for each setting, arm, compressor and
round, means over the seeds whose chains came there, with the half width of the 95 % interval (Student).
fit_left: the loss of a fit over the variance of what it is fitted to (1: nothing learned). Losses spread over
decades: theirs are geometric means, and `_times` the factor of the interval.
"""
import csv, json, math, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../rethinking"))
from tables import interval

SHOWN = ["train.accuracy", "test.accuracy", "train.agreement", "test.agreement", "parameters", "active_weights",
         "bytes_coded", "epochs"]
LOSSES = ["fit_loss", "fit_left"]


def rounds(run):
    """{(trial, arm, compressor, round): [{metric: value} of each seed]}, {trial: "its values"}"""
    out, fit, names = {}, {}, {}
    with open(os.path.join(run, "journal.jsonl")) as f:
        for line in map(json.loads, f):
            if line["event"] == "trial":
                names[line["trial"]] = " ".join(line["params"].values()) or "-"
            if line["event"] != "epoch" or not line["metrics"]:
                continue
            job, m = (line["trial"], line["arm"], line["seed"]), line["metrics"]
            name = next(iter(m)).split(".")[0]
            if f"{name}.fit.train.loss" in m:
                fit[job + (name,)] = m
            if f"{name}.round" in m:
                at = {k[len(name) + 1:]: float(v) for k, v in m.items()}
                last = fit.pop(job + (name,), {})
                loss, of = (last.get(f"{name}.fit.train.{k}") for k in ("loss", "target_variance"))
                if loss is not None:
                    at["fit_loss"] = float(loss)
                    if of:
                        at["fit_left"] = float(loss) / float(of)
                out.setdefault(job[:2] + (name, int(at["round"])), {})[job[2]] = at  # of a job done twice, the last
    return {k: list(v.values()) for k, v in out.items()}, names


def main(runs, *tables):
    for table in tables:
        rows, names = rounds(os.path.join(runs, table))
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), table + ".csv"), "w", newline="") as f:
            out = csv.writer(f, lineterminator="\n")
            out.writerow(["setting", "arm", "compressor", "round", "seeds"] + [x for s in SHOWN for x in (s, s + "_half")]
                         + [x for s in LOSSES for x in (s, s + "_times")])
            for (trial, arm, name, at), seeds in sorted(rows.items()):
                row = [names[trial], arm, name, at, len(seeds)]
                for s in SHOWN:
                    v = [x[s] for x in seeds if s in x and not math.isnan(x[s])]
                    mean, half = interval(v) if v else (math.nan, math.nan)
                    row += ["" if math.isnan(x) else f"{x:.6g}" for x in (mean, half)]
                for s in LOSSES:
                    v = [math.log(x[s]) for x in seeds if x.get(s, 0) > 0]
                    mean, half = interval(v) if v else (math.nan, math.nan)
                    row += ["" if math.isnan(x) else f"{math.exp(x):.6g}" for x in (mean, half)]
                out.writerow(row)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
