# SPDX-License-Identifier: BSD-3-Clause
"""import_torch.py - a network of PyTorch goes on here and back: its loss is that of epoch 0, a step here is a step
there, and what is exported loads into the module again."""
import os
import struct
import subprocess
import sys
import tempfile

from peer import compare, finish, np, torch

try:
    from safetensors.numpy import load_file, save_file
except ImportError:
    print("skipped: safetensors is not installed")
    sys.exit(0)

N, SIDE, CLASSES, RATE = 120, 8, 5, 0.03
INI = f"""
[run]
epochs = 1
batch = {N}
weights = torch.safetensors
[dataset]
plugin = idx
classes = {CLASSES}
val = 0
train_images = x
train_labels = y
test_images = x
test_labels = y
[layer conv]
plugin = conv2d
filters = 6
kernel = 3
same = true
[layer bn]
plugin = batch_norm
[layer act]
plugin = relu
[layer pool]
plugin = max_pool
[layer flat]
plugin = flatten
[layer out]
plugin = dense
units = {CLASSES}
[optimizer]
plugin = sgd
lr = {RATE}
momentum = 0
"""


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 6, 3, padding=1)
        self.bn = torch.nn.BatchNorm2d(6)
        self.out = torch.nn.Linear(6 * (SIDE // 2) ** 2, CLASSES)

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(torch.relu(self.bn(self.conv(x))), 2)
        return self.out(x.flatten(1))


def step(net, x, y):
    net.train()
    net.zero_grad()
    torch.nn.functional.cross_entropy(net(x), y).backward()
    with torch.no_grad():
        for p in net.parameters():
            p -= RATE * p.grad


def rademacher(*words):
    done = subprocess.run([os.environ["RADEMACHER"], *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)


def main(folder):
    torch.manual_seed(3)
    draw = np.random.default_rng(5)
    pixels = draw.integers(0, 256, (N, SIDE, SIDE)).astype(np.uint8)
    labels = draw.integers(0, CLASSES, N).astype(np.uint8)
    for name, a in (("x", pixels), ("y", labels)):
        with open(f"{folder}/{name}", "wb") as f:
            f.write(struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes())
    x, y = torch.tensor(pixels[:, None].astype(np.float32) / 255), torch.tensor(labels.astype(np.int64))
    net = Net()
    for _ in range(3):
        step(net, x, y)
    state = {k: v.numpy() for k, v in net.state_dict().items()}
    save_file({k: np.ascontiguousarray(v) for k, v in state.items()}, f"{folder}/torch.safetensors")
    with open(f"{folder}/e.ini", "w", encoding="utf-8") as f:
        f.write(INI)
    rademacher("run", f"{folder}/e.ini", "-q", "--no-report", "-o", f"{folder}/run")
    with open(f"{folder}/run/metrics.csv", encoding="utf-8") as f:
        rows = [line.rstrip().split(",") for line in f]
    ours = next(float(r[5]) for r in rows if r[3] == "0" and r[4] == "train.loss")
    net.eval()
    with torch.no_grad():
        compare("loss of epoch 0", (ours, torch.nn.functional.cross_entropy(net(x), y).numpy()))
    step(net, x, y)
    rademacher("export", f"{folder}/run", "--format", "safetensors", "-s", "names=torch", "-o", f"{folder}/back")
    back = load_file(f"{folder}/back")
    compare("a step", *((back[k], v) for k, v in net.state_dict().items() if k in back))
    again = Net()
    left = again.load_state_dict({k: torch.tensor(v) for k, v in back.items()}, strict=False)
    assert not left.unexpected_keys and set(left.missing_keys) <= {"bn.num_batches_tracked"}, left
    again.eval()
    net.eval()
    with torch.no_grad():
        compare("outputs of what came back", (again(x).numpy(), net(x)))


with tempfile.TemporaryDirectory() as FOLDER:
    main(FOLDER)
finish()
