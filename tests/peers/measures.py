# SPDX-License-Identifier: BSD-3-Clause
"""measures.py - what measures report of a whole run, against NumPy: the network is read from the
checkpoint, the images are this script's own. Needs NumPy alone."""
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(0)

PROGRAM = os.environ.get("RADEMACHER", "rademacher")
N, TEST, H, W, K = 120, 60, 6, 5, 3
random = np.random.default_rng(7)
worst, failures, cases = 0.0, 0, 0

INI = """
[run]
epochs = 6
batch = 20
evaluate = 6
[dataset]
plugin = idx
train_images = x
train_labels = y
test_images = xt
test_labels = yt
classes = 3
val = 0
[layer flat]
plugin = flatten
[layer h]
plugin = dense
units = 17
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[optimizer]
plugin = adam
lr = 0.01
"""
MEASURES = """
[measure norms]
plugin = norms
[measure margin]
plugin = margin
percentiles = 7.5, 50
[measure each]
plugin = per_example_loss
[measure l1]
plugin = loss_sensitivity
classes = true
[measure l2]
plugin = loss_sensitivity
norm = l2
samples = 50
[measure critical]
plugin = critical_sample_ratio
samples = 100
a = 0.01
b = 0
r = 0.06
iterations = 9
[measure coherence]
plugin = coherence
samples = 75
[measure sharpness]
plugin = sharpness
rho = 0.3
steps = 4
samples = 90
"""

def compare(name, ours, theirs, tolerance=2e-5):
    global worst, failures, cases
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, f"{name}: {ours.shape}, expected {theirs.shape}"
    off = np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))
    error = float(np.max(np.where(np.isnan(ours) & np.isnan(theirs), 0, off)))
    cases += 1
    worst = max(worst, error) if error == error else float("nan")
    if not error <= tolerance:
        failures += 1
        print(f"not ok: {name}: {error:.2e}")


# --- files ---
def write_idx(path, a):
    with open(path, "wb") as f:
        f.write(struct.pack(">BBBB" + "I" * a.ndim, 0, 0, 8, a.ndim, *a.shape) + a.tobytes())


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    n, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + n])
    return {name: np.frombuffer(data[8 + n:][t["data_offsets"][0]:t["data_offsets"][1]], np.float32)
            .reshape(t["shape"]) for name, t in head.items() if t.get("dtype") == "F32"}


def run(folder, ini, name, *options):
    """The summary of a run, and its folder."""
    with open(os.path.join(folder, name + ".ini"), "w", encoding="utf-8") as f:
        f.write(ini)
    out = os.path.join(folder, name)
    done = subprocess.run([PROGRAM, "run", os.path.join(folder, name + ".ini"), "-o", out, *options],
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{name}: {done.stderr.decode()}")
    with open(os.path.join(out, "summary.json"), encoding="utf-8") as f:
        return json.load(f), out


# --- the network, in double ---
class Net:
    def __init__(self, tensors):
        self.p = [tensors[n].astype(np.float64) for n in ("h.W", "h.b", "out.W", "out.b")]

    def forward(self, x):
        h = np.maximum(x @ self.p[0].T + self.p[1], 0)
        return h, h @ self.p[2].T + self.p[3]

    def loss(self, x, t):
        """Of each sample against the classes t, with the softmax's difference to them."""
        y = self.forward(x)[1]
        y = y - y.max(1, keepdims=True)
        p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
        return -np.log(p[np.arange(len(t)), t]), p - np.eye(K)[t]

    def input_gradient(self, x, t):
        h = self.forward(x)[0]
        return ((self.loss(x, t)[1] @ self.p[2]) * (h > 0)) @ self.p[0]

    def gradients(self, x, t):
        """(n,P): of each sample, all tensors in a row."""
        h, d = self.forward(x)[0], self.loss(x, t)[1]
        dh = (d @ self.p[2]) * (h > 0)
        parts = [dh[:, :, None] * x[:, None, :], dh, d[:, :, None] * h[:, None, :], d]
        return np.concatenate([g.reshape(len(x), -1) for g in parts], 1)

    def moved(self, step):
        other, at = Net.__new__(Net), 0
        other.p = []
        for p in self.p:
            other.p.append(p + step[at:at + p.size].reshape(p.shape))
            at += p.size
        return other


def part(n, samples):
    """Rows that measures take of n: evenly spread."""
    m = min(n, samples)
    return np.arange(m) * n // m


def gini(v):
    return np.abs(v[:, None] - v[None, :]).sum() / (2 * len(v) ** 2 * v.mean())


# --- one by one ---
def check_norms(m, net, start):
    flat = np.concatenate([p.ravel() for p in net.p])
    first = np.concatenate([p.ravel() for p in start.p])
    top = [np.linalg.svd(net.p[i], compute_uv=False)[0] for i in (0, 2)]
    compare("l2", m["main.norms.l2"], np.linalg.norm(flat))
    compare("distance", m["main.norms.distance"], np.linalg.norm(flat - first), 1e-4)
    compare("spectral_sum", m["main.norms.spectral_sum"], sum(top))
    compare("spectral_product", m["main.norms.spectral_product"], np.prod(top))
    squared = Net.__new__(Net)
    squared.p = [p ** 2 for p in net.p]
    compare("path", m["main.norms.path"], np.sqrt(squared.forward(np.ones((1, H * W)))[1].sum()))


def check_samples(m, v, net, split, x, y):
    out = net.forward(x)[1]
    margin = out[np.arange(len(y)), y] - np.where(np.eye(K)[y] > 0, -np.inf, out).max(1)
    compare(f"{split} margins", v[f"{split}.margin"], margin)
    compare(f"{split}.margin", m[f"main.{split}.margin"], margin.mean())
    for p in (7.5, 50):
        compare(f"{split}.margin_p{p:g}", m[f"main.{split}.margin_p{p:g}"], np.percentile(margin, p))
    compare(f"{split} losses", v[f"{split}.loss"], net.loss(x, y)[0])


def check_sensitivity(m, v, net, x, y):
    g = np.abs(net.input_gradient(x, y)).sum(1)
    compare("sensitivity", v["l1.sensitivity"], g)
    compare("gini", m["main.l1.gini"], gini(g))
    rows = part(N, 50)
    compare("l2 sensitivity", v["l2.sensitivity"],
            np.linalg.norm(net.input_gradient(x[rows], y[rows]), axis=1))
    matrix = np.array([[np.abs(net.input_gradient(x[y == j], np.full((y == j).sum(), i))).sum(1)
                        .mean() for j in range(K)] for i in range(K)])
    compare("classes", v["l1.classes"], matrix.ravel())


def check_critical(m, net, x):
    x0 = x[part(N, 100)]
    x1, t = x0.copy(), net.forward(x0)[1].argmax(1)
    found = np.zeros(len(x0), bool)
    for _ in range(9):
        x1 = np.clip(x1 + 0.01 * np.sign(net.input_gradient(x1, t)), x0 - 0.06, x0 + 0.06)
        found |= net.forward(x1)[1].argmax(1) != t
    assert 5 < found.sum() < 95, f"{found.sum()} critical samples say nothing"
    compare("critical", m["main.critical.ratio"], found.mean())


def check_weights(m, net, x, y):
    rows = part(N, 75)
    g = net.gradients(x[rows], y[rows])
    compare("coherence", m["main.coherence.alpha"],
            len(rows) * (g.mean(0) ** 2).sum() / (g ** 2).sum(1).mean())
    rows, at, losses = part(N, 90), net, []
    for k in range(5):
        losses.append(at.loss(x[rows], y[rows])[0].mean())
        step = at.gradients(x[rows], y[rows]).mean(0)
        at = at.moved(0.3 / 4 * step / np.linalg.norm(step))
    compare("sharpness", m["main.sharpness.rise"], max(losses) - losses[0])


def check_memorization(summary, out):
    jobs = [read_safetensors(os.path.join(out, "trials/0000/main", str(s), "vectors.safetensors"))
            for s in range(1, 9)]
    inside, right, test = np.zeros((8, N), bool), np.zeros((8, N)), np.zeros((8, TEST))
    for k, v in enumerate(jobs):
        assert sorted([*v["train.id"], *v["rest.id"]]) == list(range(N))
        inside[k, v["train.id"].astype(int)] = True
        for split in ("train", "rest"):
            right[k, v[split + ".id"].astype(int)] = v[split + ".correct"]
        test[k] = v["test.correct"]
    known = inside.any(0) & ~inside.all(0)
    mem = np.array([right[inside[:, i], i].mean() - right[~inside[:, i], i].mean() if known[i]
                    else np.nan for i in range(N)])
    kept, m = read_safetensors(os.path.join(out, "vectors.safetensors")), summary["metrics"]
    compare("memorization", kept["memory.0.main"], mem)
    compare("its mean", m["memory.0.main.mean"], np.nanmean(mem))
    compare("above", m["memory.0.main.above"], (mem[known] > 0.25).mean())
    rows = kept["memory.0.main.influence_id"].astype(int)
    assert np.all(np.sort(mem[known])[-10:][::-1].astype(np.float32) == mem[rows].astype(np.float32))
    infl = np.array([test[inside[:, i]].mean(0) - test[~inside[:, i]].mean(0) for i in rows])
    compare("influence", kept["memory.0.main.influence"], infl.ravel())
    compare("largest influence", m["memory.0.main.influence"], infl.max(1).mean())


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = {}
        for suffix, n in (("", N), ("t", TEST)):
            y = random.integers(0, K, n).astype(np.uint8)
            x = random.integers(0, 200, (n, H, W)).astype(np.uint8) + 20 * y[:, None, None]
            data[suffix] = (x.reshape(n, -1) / 255.0, y.astype(int))
            write_idx(os.path.join(folder, "x" + suffix), x.astype(np.uint8))
            write_idx(os.path.join(folder, "y" + suffix), y)
        summary, out = run(folder, INI + MEASURES, "measures")
        job = os.path.join(out, "trials/0000/main/1")
        still = run(folder, INI, "still", "-s", "optimizer.lr=1e-12", "-s", "run.epochs=1")[1]
        net, start = (Net(read_safetensors(os.path.join(d, "last.safetensors")))
                      for d in (job, os.path.join(still, "trials/0000/main/1")))
        m, v = summary["trials"][0]["metrics"], read_safetensors(
            os.path.join(job, "vectors.safetensors"))
        check_norms(m, net, start)
        check_samples(m, v, net, "train", *data[""])
        check_samples(m, v, net, "test", *data["t"])
        check_sensitivity(m, v, net, *data[""])
        check_critical(m, net, data[""][0])
        check_weights(m, net, *data[""])
        ini = INI.replace("[run]\n", "[run]\nseeds = 1, 2, 3, 4, 5, 6, 7, 8\n").replace(
            "val = 0\n", "val = 0\nsubset = 0.6\n")
        ini += "[measure memory]\nplugin = memorization\ninfluence = 10\n"
        check_memorization(*run(folder, ini, "memory"))
    print(f"{cases} cases against NumPy {np.__version__}, largest difference {worst:.1e}, "
          f"{failures} failed")
    sys.exit(failures > 0)


main()
