# SPDX-License-Identifier: BSD-3-Clause
"""export_read.py - exported files in the programs that they are for: safetensors, NumPy, onnx.checker, and
onnxruntime, whose outputs are those of the network here, for every layer that is shipped."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
    from safetensors import safe_open
    from safetensors.numpy import load_file
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(0)

RADEMACHER, SOURCE = os.environ["RADEMACHER"], os.environ["top_srcdir"]
DRIVER = os.path.join(os.environ.get("top_builddir", "."), "tests", "peers", "network_driver")
N, TOLERANCE = 37, 1e-5
IMAGES = "plugin = gaussian\nheight = 12\nwidth = 10\nchannels = 3\n"
NETWORKS = {  # name: data, layers
    "dense": ("plugin = blobs\nfeatures = 7\n", """
        h: dense units=20 density=0.2; a: leaky_relu slope=0.07; i: identity; c: convex_dense units=9; t: tanh;
        m: dense units=9 input=a density=0.6; s: sigmoid; sum: add input=t,s,c; two: concat input=sum,i;
        bn: batch_norm; sp: softplus sharpness=2.3; out: dense units=4 bias=false"""),
    "images": (IMAGES, """
        conv: conv2d filters=6 kernel=3 same=true; act: elu alpha=0.7; pool: max_pool; bn: batch_norm affine=false;
        norm: lrn size=4 alpha=0.3; left: convex_conv2d filters=6 kernel=3 kernel_w=1 pad=1 pad_w=0 groups=2;
        right: conv2d filters=6 kernel=1 input=norm; sum: add input=left,right; both: concat input=sum,norm;
        five: lrn size=5 alpha=0.2 beta=0.6; avg: avg_pool kernel=3 stride=2 pad=1; r: relu;
        down: conv2d filters=8 kernel=2 stride=1 stride_w=2 bias=false; mp: max_pool kernel=3 stride=1 pad=1;
        flat: flatten; out: dense units=4"""),
    "global": (IMAGES, """
        conv: conv2d filters=8 kernel=3 stride=2; bn: batch_norm; r: relu; g: global_avg_pool; out: dense units=4"""),
}
COVERED = {re.search(r"\"(\w+)\", \w+, &ops", open(f, encoding="utf-8").read()).group(1)
           for f in glob.glob(f"{SOURCE}/plugins/layer/*.c")}


def sections(layers):
    out = ""
    for layer in layers.split(";"):
        name, _, rest = layer.partition(":")
        words = rest.split()
        COVERED.discard(words[0])
        out += f"[layer {name.strip()}]\nplugin = {words[0]}\n"
        out += "".join(w.replace("=", " = ", 1) + "\n" for w in words[1:])
    return out


def train(folder, name, data, layers, more=""):
    ini, out = f"{folder}/{name}.ini", f"{folder}/{name}"
    with open(ini, "w", encoding="utf-8") as f:
        f.write(f"[run]\nepochs = 2\nbatch = 16\n[dataset]\n{data}classes = 4\ntrain = 90\ntest = 30\n"
                + sections(layers) + "[measure confusion]\nplugin = confusion\n[measure m]\nplugin = margin\n" + more)
    run(RADEMACHER, "run", ini, "-q", "--no-report", "-o", out)
    return out


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.stderr}")


def export(run_dir, kind, file, *words):
    run(RADEMACHER, "export", run_dir, "--format", kind, "-o", file, *words)
    return file


def outputs(run_dir, x):
    """Of the network here: images (n,H,W,C)."""
    data = np.array([len(x)], np.uint64).tobytes() + np.ascontiguousarray(x).tobytes()
    done = subprocess.run([DRIVER, run_dir, "main", "1"], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    return np.frombuffer(done.stdout, np.float32).reshape(len(x), -1)


def check_onnx(run_dir, file):
    model = onnx.load(export(run_dir, "onnx", file))
    onnx.checker.check_model(model, full_check=True)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    x = np.random.default_rng(3).standard_normal((N, *shape)).astype(np.float32)
    theirs = onnxruntime.InferenceSession(file).run(None, {"input": x})[0].reshape(N, -1)
    ours = outputs(run_dir, x if len(shape) < 3 else np.moveaxis(x, 1, -1))
    error = float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(ours))))
    assert np.ptp(ours) > 0.1, "the outputs are all the same"
    assert error <= TOLERANCE, f"{run_dir}: {error}"
    return error


def check_arrays(run_dir, folder):
    last = load_file(glob.glob(f"{run_dir}/trials/0000/main/1/last.safetensors")[0])
    weights = {k: v for k, v in last.items() if "/" not in k}
    file = export(run_dir, "safetensors", f"{folder}/w.safetensors")
    own = load_file(file)
    assert own.keys() == weights.keys() and all(np.array_equal(own[k], weights[k]) for k in own)
    with safe_open(file, "np") as f:
        assert f.metadata()["arm"] == "main" and f.metadata()["format"] == "pt"
    theirs = load_file(export(run_dir, "safetensors", f"{folder}/t.safetensors", "-s", "names=torch"))
    assert np.array_equal(theirs["bn.running_var"], weights["bn.var"])
    assert np.array_equal(theirs["out.weight"], weights["out.W"])
    z = np.load(export(run_dir, "npz", f"{folder}/a.npz"), allow_pickle=False)
    assert all(np.array_equal(z[f"weights/{k}"], weights[k]) for k in weights)
    vectors = load_file(glob.glob(f"{run_dir}/trials/0000/main/1/vectors.safetensors")[0])
    assert z["vectors/train.confusion"].shape == (4, 4) and z["vectors/train.confusion"].sum() == 81
    assert np.array_equal(z["vectors/val.margin"], vectors["val.margin"], equal_nan=True)


def in_javascript(file):
    """Tensors and metadata as the reader for JavaScript sees them."""
    program = f"{SOURCE}/tests/peers/safetensors_header.js"
    done = subprocess.run(["node", program, file], capture_output=True, text=True, check=False)
    if "MODULE_NOT_FOUND" in done.stderr:
        print("skipped: NODE_PATH has no @huggingface/hub")
        return
    assert done.returncode == 0, done.stderr
    header = json.loads(done.stdout)
    about = header.pop("__metadata__")
    with safe_open(file, "np") as f:
        assert about == f.metadata() and header.keys() == set(f.keys()), header
        for name in f.keys():
            x = f.get_tensor(name)
            assert header[name]["shape"] == list(x.shape), name
            assert header[name]["data_offsets"][1] - header[name]["data_offsets"][0] == x.nbytes, name
    print(f"{os.path.basename(file)} in JavaScript: {len(header)} tensors")


def golden():
    folder = f"{SOURCE}/tests/golden"
    w = load_file(f"{folder}/weights.safetensors")
    assert w["act.W"][1, 2] == np.float32(12.678) and np.isnan(w["act.b"][0]) and w["act.b"][1] == -np.inf
    assert w["n"].shape == () and w["n"] == 7
    assert np.signbit(np.load(f"{folder}/arrays.npz")["weights/act.W"][1, 1])
    assert np.load(f"{folder}/arrays.npz")["vectors/a.confusion"].shape == (2, 2)
    onnx.checker.check_model(onnx.load(f"{folder}/network.onnx"), full_check=True)
    if shutil.which("node"):
        in_javascript(f"{folder}/weights.safetensors")
    else:
        print("skipped: there is no node")


golden()
with tempfile.TemporaryDirectory() as FOLDER:
    worst = 0.0
    for NAME, (DATA, LAYERS) in NETWORKS.items():
        dropout = "[regularizer drop]\nplugin = dropout\napply = bn\n"
        run_dir_ = train(FOLDER, NAME, DATA, LAYERS, dropout)
        worst = max(worst, check_onnx(run_dir_, f"{FOLDER}/{NAME}.onnx"))
        check_arrays(run_dir_, FOLDER)
    assert not COVERED, f"not in any network here: {COVERED}"
print(f"golden files; safetensors, npz and ONNX of {len(NETWORKS)} networks, largest difference {worst:.1e}")
