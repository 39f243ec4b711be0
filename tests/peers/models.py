# SPDX-License-Identifier: BSD-3-Clause
"""models.py - ten steps of every network of configs/model against PyTorch, from the same initial weights.

An epoch here is one batch, the whole data set: the loss after every epoch is the loss after every step, in
evaluation mode. The initial weights are those that a run with a rate of nearly nothing leaves. PyTorch
computes in double. Its network is made from the resolved experiment, layer by layer, so that a new file of
configs/model is covered by itself; a layer or a key that is not known here is an error. Arguments: names of
files; none: all.
"""
import glob
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

from peer import compare, finish, np, torch

BATCH, STEPS, MOMENTUM, TOLERANCE = 8, 10, 0.9, 1e-4
CONFIGS = os.path.join(os.environ.get("top_srcdir", "."), "configs", "model")
RENAME = {"W": "weight", "gamma": "weight", "b": "bias", "beta": "bias", "mean": "running_mean",
          "var": "running_var"}


def rademacher(*words, check=True):
    done = subprocess.run([os.environ["RADEMACHER"], *words], capture_output=True, text=True, check=False,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    if check and done.returncode != 0:
        sys.exit(f"rademacher {' '.join(words)}: {done.stderr}")
    return done


# --- the experiment ---

def data(folder, shape):
    """One batch of images, each the picture of its class plus noise; IDX files."""
    draw = np.random.default_rng(11)
    y = draw.integers(0, 10, BATCH).astype(np.uint8)
    x = (draw.integers(0, 128, (10, *shape))[y] + draw.integers(0, 128, (BATCH, *shape))).astype(np.uint8)
    for name, a in (("x", x), ("y", y)):
        with open(f"{folder}/{name}", "wb") as f:
            f.write(struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes())
    return (torch.tensor(x.astype(np.float32) / np.float32(255)).permute(0, 3, 1, 2),
            torch.tensor(y.astype(np.int64)))


def experiment(folder, file, backend, lr):
    ini = f"{folder}/experiment.ini"
    with open(ini, "w", encoding="utf-8") as f:
        f.write(f"""include = {os.path.abspath(file)}
[run]
epochs = {STEPS}
batch = {BATCH}
[dataset]
plugin = idx
train_images = {folder}/x
train_labels = {folder}/y
classes = 10
val = 0
[optimizer]
plugin = sgd
lr = {lr}
momentum = {MOMENTUM}
[backend]
plugin = {backend}
""")
    return ini


def run(ini, out, *words):
    """The folder of the only job."""
    rademacher("run", ini, "-q", "--jobs", "1", "-o", out, *words)
    return os.path.dirname(glob.glob(f"{out}/trials/*/*/*/result.json")[0])


def sections(ini):
    """[layer NAME] and [block NAME] of the experiment as it was understood, in its order."""
    found, keys = {"layer": {}, "block": {}}, {}
    for line in rademacher("check", ini).stdout.splitlines():
        if line.startswith("Arm "):
            break
        if line.startswith("["):
            kind, _, name = line.strip("[]").partition(" ")
            keys = found.setdefault(kind, {})[name] = {}
        elif "=" in line:
            key, _, value = line.partition(" = ")
            keys[key] = value.strip()
    return found["layer"], found["block"]


def layers(ini):
    """Resolved layers in order: name, plugin, keys, inputs; blocks are written out."""
    layer, block = sections(ini)
    block = {k: (v["layers"].split(", "), int(v.get("repeat", 1))) for k, v in block.items()}
    if any(part in block for parts, _ in block.values() for part in parts):
        sys.exit(f"{ini}: models.py cannot read blocks of blocks")
    member = {part: name for name, (parts, _) in block.items() for part in parts}
    copies = [key for key in layer if "plugin" not in layer[key]]
    out, last, before = [], {}, "input"  # last: what a name stands for at this place
    for name in layer:
        if name in copies or (name in member and block[member[name]][0][0] != name):
            continue
        parts, repeat = block.get(member.get(name), ([name], 1))
        for r in range(1, repeat + 1):
            prefix = f"{member[name]}.{r}." if name in member else ""
            for part in parts:
                keys = {**layer[part], **(layer.get(prefix + part, {}) if prefix else {})}
                inputs = keys.pop("input", "").split(", ") if keys.get("input") else [""]
                inputs = [last[i] if i else before for i in inputs]
                before = last[part] = prefix + part
                out.append((before, keys.pop("plugin"), keys, inputs))
        last[member.get(name, name)] = before
    return out


# --- the network in PyTorch ---

class Keys(dict):
    """Keys with defaults; what nobody asked for at the end is an error."""

    def number(self, key, default, kind=int):
        return kind(self.pop(key, default))

    def true(self, key, default):
        return self.pop(key, default) in ("true", "yes", "on")


def conv2d(k, shape):
    h = k.number("kernel", 3)
    w = k.number("kernel_w", 0) or h
    sh = k.number("stride", 1)
    sw = k.number("stride_w", 0) or sh
    ph, pw = k.number("pad", 0), k.number("pad_w", -1)
    pad = ((h - 1) // 2, (w - 1) // 2) if k.true("same", "false") else (ph, pw if pw >= 0 else ph)
    return torch.nn.Conv2d(shape[1], k.number("filters", None), (h, w), (sh, sw), pad,
                           groups=k.number("groups", 1), bias=k.true("bias", "true"))


def window(k):
    kernel = k.number("kernel", 2)
    return kernel, k.number("stride", 0) or kernel, k.number("pad", 0)


def batch_norm(k, shape):
    kind = torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d
    return kind(shape[1], k.number("eps", 1e-5, float), k.number("momentum", 0.1, float),
                k.true("affine", "true"))


def lrn(k, _):
    size = k.number("size", 5)
    return torch.nn.LocalResponseNorm(size, size * k.number("alpha", 1e-4, float),
                                      k.number("beta", 0.75, float), k.number("k", 2, float))


class Over(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


MODULES = {  # of keys and the shape of the first input
    "dense": lambda k, s: torch.nn.Linear(s[1], k.number("units", None), k.true("bias", "true")),
    "conv2d": conv2d,
    "batch_norm": batch_norm,
    "lrn": lrn,
    "max_pool": lambda k, s: torch.nn.MaxPool2d(*window(k)),
    "avg_pool": lambda k, s: torch.nn.AvgPool2d(*window(k)),
    "global_avg_pool": lambda k, s: Over(lambda x: x.mean((2, 3))),
    "flatten": lambda k, s: torch.nn.Flatten(),
    "identity": lambda k, s: torch.nn.Identity(),
    "add": lambda k, s: Over(lambda *x: sum(x)),
    "concat": lambda k, s: Over(lambda *x: torch.cat(x, 1)),
    "relu": lambda k, s: torch.nn.LeakyReLU(k.number("slope", 0, float)),
    "leaky_relu": lambda k, s: torch.nn.LeakyReLU(k.number("slope", 0.01, float)),
    "elu": lambda k, s: torch.nn.ELU(k.number("alpha", 1, float)),
    "tanh": lambda k, s: torch.nn.Tanh(),
    "sigmoid": lambda k, s: torch.nn.Sigmoid(),
    "softplus": lambda k, s: torch.nn.Softplus(),
}


class Network(torch.nn.Module):
    def __init__(self, resolved, x):
        super().__init__()
        self.resolved, values = resolved, {"input": x}
        for name, plugin, keys, inputs in resolved:
            keys = Keys(keys)
            keys.pop("init", None), keys.pop("gain", None)
            if plugin not in MODULES:
                sys.exit(f"layer {name}: models.py does not know the plugin {plugin}")
            module = MODULES[plugin](keys, values[inputs[0]].shape)
            if keys:
                sys.exit(f"layer {name}: models.py does not know the keys {', '.join(keys)}")
            self.add_module(name.replace(".", "/"), module)
            values[name] = module.eval()(*(values[i] for i in inputs))

    def forward(self, x):
        values = {"input": x}
        for (name, _, _, inputs), module in zip(self.resolved, self.children()):
            values[name] = module(*(values[i] for i in inputs))
        return values[self.resolved[-1][0]]


def safetensors(file):
    with open(file, "rb") as f:
        raw = f.read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    return {name: np.frombuffer(raw[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]], np.float32)
            .reshape(t["shape"]) for name, t in head.items() if t.get("dtype") == "F32"}


def fill(network, tensors):
    """Every parameter of PyTorch's network from the file; how many numbers that were."""
    want = {name.replace("/", "."): p for name, p in network.named_parameters()}
    have = {}
    for name, value in tensors.items():
        layer, _, last = name.rpartition(".")
        if f"{layer}.{RENAME.get(last)}" in want:
            have[f"{layer}.{RENAME[last]}"] = torch.tensor(value)
    if want.keys() != have.keys():
        sys.exit(f"weights in one network only: {', '.join(sorted(want.keys() ^ have.keys()))}")
    for name, p in want.items():
        assert p.shape == have[name].shape, f"{name}: {tuple(have[name].shape)}, not {tuple(p.shape)}"
        p.data.copy_(have[name])
    return sum(p.numel() for p in want.values())


def training(network, x, y, lr):
    """The loss in evaluation mode before and after each step."""
    sgd = torch.optim.SGD(network.parameters(), lr=lr, momentum=MOMENTUM)
    losses = []
    for step in range(STEPS + 1):
        with torch.no_grad():
            losses.append(float(torch.nn.functional.cross_entropy(network.eval()(x), y)))
        if step < STEPS:
            sgd.zero_grad()
            torch.nn.functional.cross_entropy(network.train()(x), y).backward()
            sgd.step()
    return losses


def model(file, backend):
    with open(file, encoding="utf-8") as f:  # the comment tells for which images it is
        text = f.read()
    shape = re.search(r"(\d+) x (\d+)(?: x (\d+))?\s*;?\s*images", text)
    # The running averages of the first steps are far off, and large losses magnify rounding errors: at
    # 0.01 PyTorch in float and in double differ by 3e-3 after ten steps of the ResNet.
    lr = 0.0005 if "batch_norm" in text else 0.01
    with tempfile.TemporaryDirectory() as folder:
        x, y = data(folder, tuple(int(n or 1) for n in shape.groups()))
        ini = experiment(folder, file, backend, lr)
        job = run(ini, f"{folder}/still", "-s", "run.epochs=1", "-s", "optimizer.lr=1e-12")
        network = Network(layers(ini), x)
        n = fill(network, safetensors(f"{job}/last.safetensors"))
        with open(f"{run(ini, f'{folder}/steps')}/metrics.jsonl", encoding="utf-8") as f:
            ours = [json.loads(line)["metrics"]["train.loss"] for line in f]
    theirs = np.array(training(network.double(), x.double(), y, lr))
    scale = abs(theirs)
    name = f"{os.path.basename(file)[:-4]} {backend}"
    print(f"{name}: {n} parameters, loss {theirs[0]:.4f} to {theirs[-1]:.4f}, "
          f"largest relative difference {max(abs(ours - theirs) / scale):.1e}")
    compare(name, (ours / scale, theirs / scale), tolerance=TOLERANCE)


torch.manual_seed(1)
BACKEND = "native" if rademacher("help", "backend", "native", check=False).returncode == 0 else "reference"
for FILE in sorted(glob.glob(f"{CONFIGS}/*.ini")):
    if len(sys.argv) < 2 or os.path.basename(FILE)[:-4] in sys.argv[1:]:
        model(FILE, BACKEND)
finish()
