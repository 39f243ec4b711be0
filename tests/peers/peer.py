# SPDX-License-Identifier: BSD-3-Clause
"""peer.py - runs plugins through tests/peers/driver for the scripts beside it."""
import os
import subprocess
import sys

try:
    import numpy as np
    import torch
except ImportError as missing:
    if os.path.basename(sys.argv[0]) != "peer.py":
        print(f"skipped: {missing.name} is not installed")
    sys.exit(0)

DRIVER = os.path.join(os.environ.get("top_builddir", "."), "tests", "peers", "driver")
TOLERANCE = 1e-5
worst = 0.0
failures = 0
cases = 0
random = np.random.default_rng(7)


def normal(*shape):
    """Irregular numbers, none at a kink."""
    x = random.standard_normal(shape).astype(np.float32)
    return x + np.where(x < 0, np.float32(-0.01), np.float32(0.01))


def run(words, parts, backend="reference"):
    """The driver's output for the given arguments and arrays."""
    data = b"".join(np.ascontiguousarray(p).tobytes() for p in parts)
    done = subprocess.run([DRIVER, *words], input=data, capture_output=True, check=False,
                          env={**os.environ, "BACKEND": backend, "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode != 0:
        sys.exit(f"driver {' '.join(words)}: {done.stderr.decode()}")
    return done.stdout


def floats(data, *shapes):
    """Float arrays of these shapes, one after another."""
    flat, at, out = np.frombuffer(data, np.float32), 0, []
    for shape in shapes:
        n = int(np.prod(shape))
        out.append(flat[at:at + n].reshape(shape))
        at += n
    assert at == flat.size, f"{flat.size} numbers, expected {at}"
    return out


def u64(*values):
    return np.array(values, np.uint64)


def compare(name, *pairs, tolerance=TOLERANCE):
    """Each pair: what this side made, what PyTorch makes of the same."""
    global worst, failures, cases
    error = 0.0
    for ours, theirs in pairs:
        if isinstance(theirs, torch.Tensor):
            theirs = theirs.detach().numpy()
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        assert ours.shape == theirs.shape, f"{name}: {ours.shape}, expected {theirs.shape}"
        error = max(error, float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs)))))
    cases += 1
    worst = max(worst, error) if error == error else float("nan")
    if not error <= tolerance:
        failures += 1
        print(f"not ok: {name}: {error:.2e}")


def finish():
    print(f"{cases} cases against PyTorch {torch.__version__}, "
          f"largest difference {worst:.1e}, {failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    sys.exit(0)  # `make check-peers` runs every script of the folder; this one is a module
