# SPDX-License-Identifier: BSD-3-Clause
"""search.py - searches against Optuna's TPE on tables of results: the best value found after 20,
40 and 100 trials, over seeds. Trials follow each other (lag 1 here sees all results but the last
one's; Optuna sees all).

  search.py [--seeds N] [--first SEED] [--search NAME[:KEY=VALUE...]]... [--sampler NAME]...
            [TABLE.csv ...]

A table is complete (every combination of values is there once): a column for each dimension, and
the last one the result, greater is better, empty where the training failed. Columns of numbers are
ordered; columns of words are choices. Without tables: three synthetic ones. Without --search: tpe,
bayes, evolution, quasi_random, random, and cma_es on tables without choices. --sampler: Optuna's others
(GP, QMC, CmaEs, NSGAII, Random), for a look; `gp` is slow, --most N asks for fewer trials. Fails where the mean of
`tpe` is below Optuna's: lower bound of the difference (95 %, paired bootstrap over seeds) under
-0.0005."""
import argparse
import csv
import itertools
import os
import subprocess
import sys

try:
    import numpy as np
    import optuna
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(0)

DRIVER = os.path.join(os.environ.get("top_builddir", "."), "tests", "peers", "search_driver")
AT = (20, 40, 100)
MARGIN = 0.0005


class Table:
    """choice[d]: is dimension d unordered; size[d]: its values; result: in their order."""

    def __init__(self, name, choice, size, result):
        self.name, self.choice, self.size = name, choice, size
        self.result = np.asarray(result, np.float64).reshape(size)


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]

    def number(word):
        try:
            return float(word)
        except ValueError:
            return None

    choice, levels = [], []
    for column in list(zip(*rows))[:-1]:
        values = [number(word) for word in column]
        choice.append(None in values)
        levels.append(sorted(set(column) if choice[-1] else set(values)))
    size = [len(v) for v in levels]
    result = np.full(size, np.inf)
    for row in rows:
        at = tuple(v.index(w if c else number(w)) for v, c, w in zip(levels, choice, row))
        result[at] = number(row[-1]) if row[-1] else np.nan
    if np.isinf(result).any() or len(rows) != result.size:
        sys.exit(f"{path}: {len(rows)} rows, but {result.size} combinations")
    return Table(os.path.basename(path), choice, size, result)


def synthetic():
    """Accuracies of networks that do not exist: smooth, with interactions, and noisy."""
    random = np.random.default_rng(5)

    def table(name, choice, size, f, noise):
        grid = itertools.product(*[range(n) for n in size])
        unit = [[i / max(1, n - 1) if not c else i for i, n, c in zip(at, size, choice)]
                for at in grid]
        y = np.array([f(*u) for u in unit])
        return Table(name, choice, size, y + noise * random.standard_normal(y.shape))

    act = [0.0, 0.004, -0.012, -0.03]

    def network(depth, units, rate, kind, dropout, batch):
        best = 0.75 - 0.25 * depth - 0.15 * units + 0.2 * batch  # of the rate, on a log scale
        loss = 0.02 + 0.35 * (rate - best) ** 2 + 0.04 * (units - 0.7) ** 2
        loss += 0.03 * (depth - 0.5) ** 2 + 0.05 * max(0.0, dropout - 0.6 * units) ** 2 - act[kind]
        if rate > best + 0.35:
            loss += 0.4
        return max(0.1, 0.985 - loss)

    def additive(*x):
        return 0.9 - sum((0.02 + 0.02 * k) * (v - 0.15 - 0.12 * k) ** 2 for k, v in enumerate(x))

    effect = random.normal(0, 0.01, (5, 6))
    pair = random.normal(0, 0.012, (5, 5, 6, 6))

    def operations(*x):
        return 0.93 + sum(effect[k][v] for k, v in enumerate(x)) + \
            sum(pair[k][k + 1][x[k]][x[k + 1]] for k in range(4))

    return [table("network", [False] * 3 + [True] + [False] * 2, [4, 8, 12, 4, 5, 4], network,
                  0.002),
            table("additive", [False] * 6, [6, 6, 6, 6, 5, 5], additive, 0.001),
            table("operations", [True] * 5, [6] * 5, operations, 0.001)]


def ours(table, search, seeds, trials, lag=1, first=0):
    name, *keys = search.replace(":", " ").split()
    head = np.array([lag, trials, first, seeds, len(table.size)], np.uint64).tobytes()
    dims = np.array(list(zip(table.choice, table.size)), np.uint64).tobytes()
    done = subprocess.run([DRIVER, name, *keys], input=head + dims + table.result.tobytes(),
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{DRIVER} {search}: {done.stderr.decode()}")
    numbers = np.frombuffer(done.stdout)
    return numbers[:-2].reshape(seeds, trials), numbers[-2] / (seeds * trials), numbers[-1]


def theirs(table, seeds, trials, first=0, sampler="TPE"):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    out = np.full((seeds, trials), np.nan)
    kind = getattr(optuna.samplers, f"{sampler}Sampler")
    keys = {"scramble": True} if sampler == "QMC" else {}
    for seed in range(seeds):
        study = optuna.create_study(direction="maximize", sampler=kind(seed=first + seed, **keys))
        for k in range(trials):
            trial = study.ask()
            at = tuple(trial.suggest_categorical(f"x{d}", list(range(n))) if c
                       else trial.suggest_int(f"x{d}", 0, n - 1)
                       for d, (c, n) in enumerate(zip(table.choice, table.size)))
            out[seed, k] = table.result[at]
            if np.isnan(out[seed, k]):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, out[seed, k])
    return out


def best(values):
    """After each trial."""
    return np.maximum.accumulate(np.nan_to_num(values, nan=-np.inf), axis=1)


def lower_bound(difference, random):
    picks = random.integers(0, len(difference), (2000, len(difference)))
    return np.percentile(difference[picks].mean(axis=1), 2.5)


def row(name, values, top, at):
    distance = [f"{top - values[:, n - 1].mean():10.5f}" for n in at]
    return f"  {name:24}" + "".join(f"{d}{'':10}" for d in distance)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--lag", type=int, default=1)
    parser.add_argument("--search", action="append")
    parser.add_argument("--sampler", action="append", default=[])
    parser.add_argument("--most", type=int, default=max(AT))
    parser.add_argument("tables", nargs="*")
    o = parser.parse_args()
    random = np.random.default_rng(3)
    searches = o.search or ["tpe", "bayes", "evolution", "quasi_random", "random", "cma_es"]
    failures, at = 0, [n for n in AT if n <= o.most]
    for table in [read_table(t) for t in o.tables] or synthetic():
        peer = best(theirs(table, o.seeds, max(at), o.first))
        top = np.nanmax(table.result)
        print(f"{table.name}: {table.result.size} points, best {top:.5f}; mean distance to it after "
              f"{', '.join(map(str, at))} trials, lower bound of ours - Optuna's TPE")
        print(row("Optuna TPE", peer, top, at))
        for sampler in o.sampler:
            print(row(f"Optuna {sampler}", best(theirs(table, o.seeds, max(at), o.first, sampler)),
                      top, at), flush=True)
        for search in searches:
            if search.startswith("cma_es") and any(table.choice):
                continue  # it moves numbers only
            value, each, longest = ours(table, search, o.seeds, max(at), o.lag, o.first)
            mine = best(value)
            line = f"  {search:24}"
            for n in at:
                low = lower_bound(mine[:, n - 1] - peer[:, n - 1], random)
                line += f"{top - mine[:, n - 1].mean():10.5f} {low:+.5f} "
                if search == "tpe" and low < -MARGIN:
                    failures += 1
                    print(f"not ok: {table.name}: tpe after {n} trials")
            print(f"{line} {1e3 * each:.2f} ms each, {1e3 * longest:.1f} the longest", flush=True)
    print(f"against Optuna {optuna.__version__}, {o.seeds} seeds from {o.first}, {failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
