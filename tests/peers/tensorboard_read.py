# SPDX-License-Identifier: BSD-3-Clause
"""tensorboard_read.py - TensorBoard's own reader on the golden files, and on a run that was killed and resumed."""
import io
import os
import signal
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    from PIL import Image
    from safetensors.numpy import load_file
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
    from tensorboard.util import tensor_util
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(0)

SOURCE = os.environ["top_srcdir"]
ALL = {"scalars": 0, "histograms": 0, "images": 0, "text": 0}


def load(folder):
    m = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance=ALL)
    m.AddRunsFromDirectory(folder)
    m.Reload()
    return m


def values(m, run, tag):
    """Steps, and arrays as TensorBoard sees them."""
    events = m.GetAccumulator(run).Tensors(tag)
    return [e.step for e in events], [tensor_util.make_ndarray(e.tensor_proto) for e in events]


def hparams(m, folder):
    """The session groups of the HParams page, metrics averaged over each group."""
    provider = data_provider.MultiplexerDataProvider(m, folder)
    b = backend_context.Context(base_plugin.TBContext(data_provider=provider, logdir=folder, multiplexer=m))
    c = RequestContext()
    content = b.hparams_metadata(c, "")
    e = b.experiment_from_metadata(c, "", True, content, b.hparams_from_data_provider(c, "", None))
    q = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100, aggregation_type=api_pb2.AGGREGATION_AVG)
    q.allowed_statuses.extend([api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING])
    for i in e.metric_infos:
        q.col_params.add(metric=i.name)
    for i in e.hparam_infos:
        q.col_params.add(hparam=i.name)
    return e, list_session_groups.Handler(c, b, "", q).run()


def golden():
    folder = f"{SOURCE}/tests/golden/tb"
    m = load(folder)
    assert set(m.Runs()) == {".", "0000/seed-4", "0000/seed-4/real", "0001/seed-9", "0001/seed-9/noise"}, m.Runs()
    steps, x = values(m, "0000/seed-4/real", "train/loss")
    assert steps == [0, 1, 2] and np.allclose(x, [2.54, 0.7718, 0.29]), (steps, x)
    assert np.isnan(values(m, "0000/seed-4/real", "val/accuracy")[1][0])
    steps, x = values(m, "0001/seed-9/noise", "train/loss")
    assert np.isinf(x[1]) and np.isnan(x[2]), x
    text = values(m, "0001/seed-9/noise", "reason")[1][0][0].decode()
    assert text == 'diverged: "loss" is <nan>,\nsee it', text
    assert "caf\u00e9s" in values(m, ".", "study")[1][0][0].decode()
    steps, h = values(m, "0000/seed-4/real", "weights/act.W")
    assert h[0].shape == (30, 3) and h[0][:, 2].sum() == 6, h
    assert h[0][0, 0] == -1.25 and h[0][-1, 1] == np.float32(12.678)
    assert "weights/act.b" not in m.GetAccumulator("0000/seed-4/real").Tags()["tensors"]  # nothing finite
    e, page = hparams(m, folder)
    assert {i.name for i in e.hparam_infos} == {"optimizer.lr", "layer.h.units", "layer.act.plugin"}
    assert {g.name for g in page.session_groups} == {"trial 0", "trial 1"}, page
    first = next(g for g in page.session_groups if g.name == "trial 0")
    assert first.hparams["layer.act.plugin"].string_value == 'a "b" <\u00e9>\n\'c\''
    assert first.hparams["layer.h.units"].number_value == 17
    metric = {(v.name.group, v.name.tag): v.value for v in first.metric_values}
    assert abs(metric["", "objective/real.val.accuracy"] - 0.7318) < 1e-6, metric
    assert abs(metric["real", "train/loss"] - 0.29) < 1e-6, metric
    print("golden files: scalars, NaN, infinity, text, histograms, HParams")


EXPERIMENT = """
[run]
epochs = 400
evaluate = 1
batch = 5
checkpoint = 0
[dataset]
plugin = blobs
features = 5
classes = 3
train = 300
test = 60
[layer out]
plugin = dense
units = 3
[logger tb]
plugin = tensorboard
"""


def resumed(folder):
    ini, out = f"{folder}/e.ini", f"{folder}/run"
    with open(ini, "w", encoding="utf-8") as f:
        f.write(EXPERIMENT)
    command = [os.environ["RADEMACHER"], "run", ini, "-o", out, "-q", "--no-report"]
    events = f"{out}/tb/0000/seed-1/main/events.out.tfevents.rademacher"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as p:
        while p.poll() is None and not (os.path.exists(events) and os.path.getsize(events) > 20000):
            time.sleep(0.01)
        p.send_signal(signal.SIGKILL)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    m = load(f"{out}/tb")
    steps, _ = values(m, "0000/seed-1/main", "train/loss")
    assert steps == list(range(401)), steps
    steps, x = values(m, "0000/seed-1/main", "final/train.loss")
    assert steps == [0] and np.isfinite(x[0])
    print("killed and resumed: every epoch once")


IMAGES = """
[run]
epochs = 1
batch = 5
[dataset]
plugin = folder
train = {0}/train
test = {0}/test
height = 6
width = 5
channels = 3
[layer shape]
plugin = conv2d
filters = 3
kernel = 4
[layer flat]
plugin = flatten
[layer out]
plugin = dense
units = 2
[logger tb]
plugin = tensorboard
"""


def pictures(folder):
    """What TensorBoard shows are the samples of the job, and filters with grey for 0."""
    image = np.random.default_rng(1).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
    for split in ("train", "test"):
        for i in range(20):
            os.makedirs(f"{folder}/set/{split}/{i % 2}", exist_ok=True)
            Image.fromarray(image[i]).save(f"{folder}/set/{split}/{i % 2}/{i}.png")
    with open(f"{folder}/i.ini", "w", encoding="utf-8") as f:
        f.write(IMAGES.format(f"{folder}/set"))
    out = f"{folder}/pictures"
    subprocess.run([os.environ["RADEMACHER"], "run", f"{folder}/i.ini", "-o", out, "-q", "--no-report"], check=True)
    m = load(f"{out}/tb")
    job = f"{out}/trials/0000/main/1"
    want = load_file(f"{job}/samples.safetensors")["x"]
    w = load_file(f"{job}/last.safetensors")["shape.W"].transpose(0, 2, 3, 1)
    grey = 127.5 + 127.5 * w / np.abs(w).max(axis=(1, 2, 3), keepdims=True)
    for tag, expect in (("samples", want), ("filters/shape.W", grey.astype(np.uint8))):
        _, (x,) = values(m, "0000/seed-1/main", tag)
        assert [int(x[0]), int(x[1])] == [expect.shape[2], expect.shape[1]], x[:2]
        shown = np.stack([np.asarray(Image.open(io.BytesIO(p))) for p in x[2:]]).reshape(expect.shape)
        assert np.abs(shown.astype(int) - expect).max() <= (tag != "samples"), tag
    assert any((want[0] == i).all() for i in image)
    print("images: samples and filters are the job's own")


golden()
with tempfile.TemporaryDirectory() as FOLDER:
    resumed(FOLDER)
    pictures(FOLDER)
