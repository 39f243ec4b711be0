# SPDX-License-Identifier: BSD-3-Clause
"""fits.py - kernel against NumPy's solution of the same system, theorem1 against the formula of the paper, both
read from the checkpoint, on images and labels at random."""
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

from peer import compare, finish, np

N, SIDE, CLASSES = 700, 6, 10
TYPES = {"F32": np.float32, "F64": np.float64}


def data(folder, name, n):
    draw = np.random.default_rng(len(name))
    x = draw.integers(0, 256, (n, SIDE, SIDE)).astype(np.uint8)
    y = draw.integers(0, CLASSES, n).astype(np.uint8)
    for part, a in (("x", x), ("y", y)):
        with open(f"{folder}/{name}-{part}", "wb") as f:
            f.write(struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes())
    pixel = np.float32(1) / np.float32(255)  # as the batch has them
    return (x.reshape(n, -1).astype(np.float32) * pixel).astype(np.float64), y


def fit(folder, *words):
    """Tensors and metrics of the only job."""
    ini, out = f"{folder}/fit.ini", f"{folder}/{'-'.join(words)}"
    with open(ini, "w", encoding="utf-8") as f:
        f.write(f"[dataset]\nplugin = idx\nclasses = {CLASSES}\nval = 0\nscale = unit\n"
                + "".join(f"{split}_{key} = {folder}/{split}-{part}\n"
                          for split in ("train", "test") for key, part in (("images", "x"), ("labels", "y"))))
    done = subprocess.run([os.environ["RADEMACHER"], "run", ini, "-q", "-o", out,
                           *(w for key in words for w in ("-s", key))],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    job = os.path.dirname(glob.glob(f"{out}/trials/*/*/*/result.json")[0])
    with open(f"{job}/last.safetensors", "rb") as f:
        raw = f.read()
    n = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, t in json.loads(raw[8:8 + n]).items():
        if name.startswith("state/[fit]"):
            a, b = t["data_offsets"]
            tensors[name.rpartition("/")[2]] = np.frombuffer(raw[8 + n + a:8 + n + b],
                                                             TYPES[t["dtype"]]).reshape(t["shape"])
    with open(f"{job}/result.json", encoding="utf-8") as f:
        return tensors, {k: v["last"] for k, v in json.load(f)["metrics"].items()}


def gauss(a, b, gamma):
    return np.exp(-gamma * ((a[:, None] - b[None]) ** 2).sum(-1))


def kernel(folder, train, test, gamma, ridge, backend):
    (x, y), (tx, ty) = train, test
    tensors, metrics = fit(folder, "fit.plugin=kernel", f"fit.gamma={gamma}", f"fit.ridge={ridge}",
                           f"backend.plugin={backend}")
    K, Y = gauss(x, x, gamma), np.eye(CLASSES)[y]
    alpha = np.linalg.solve(K + ridge * np.eye(N), Y)
    right = np.mean((gauss(tx, x, gamma) @ alpha).argmax(1) == ty)
    compare(f"kernel gamma {gamma} ridge {ridge} {backend}",
            (tensors["alpha"], alpha),
            (metrics["kernel.norm"], np.sqrt(np.trace(alpha.T @ K @ alpha))),
            (metrics["test.accuracy"], right), tolerance=1e-8)


def theorem1(folder, train):
    x, y = train
    tensors, metrics = fit(folder, "fit.plugin=theorem1")
    z = x @ tensors["a"]
    value = np.maximum(z[:, None] - tensors["b"][None], 0) @ tensors["w"]
    compare("theorem1", (value, y), (metrics["train.accuracy"], 1))


with tempfile.TemporaryDirectory() as FOLDER:
    TRAIN, TEST = data(FOLDER, "train", N), data(FOLDER, "test", 200)
    for BACKEND in ("reference", "native", "openblas"):
        for GAMMA, RIDGE in ((0.2, 0), (0.02, 0.1)):
            kernel(FOLDER, TRAIN, TEST, GAMMA, RIDGE, BACKEND)
    theorem1(FOLDER, TRAIN)
finish()
