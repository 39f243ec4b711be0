#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Trains the same networks here and in PyTorch on one thread, in turns, and compares images per second.

Both sides: images at rest as bytes, shuffled every epoch, gathered, scaled, cross entropy, SGD with
momentum; no evaluation. Here that is `rademacher run` of a generated file, twice with a different
number of epochs: the difference of the times leaves out start, evaluation and checkpoint. PyTorch is
first tried in several settings and then runs in the fastest. Without PyTorch only this side is shown.
The share of the peak is nominal: 2 operations per multiply-add, forward, backward and weights, no
gradient of the input.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

BATCH = 128
NETS = {  # height, width, channels, hidden layers, training images, epochs that are timed
    'mlp': (28, 28, 1, [512, 512], 25600, 8),
    'wide': (32, 32, 3, [512, 512, 512], 12800, 5),
    'tiny': (28, 28, 1, [32], 51200, 50),
}
CLEAR = ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'OPENBLAS_VERBOSE', 'OMP_PROC_BIND')
ONE = {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}


def sizes(net):
    h, w, c, hidden, _, _ = NETS[net]
    return [h * w * c] + hidden + [10]


def title(net):
    return '-'.join(map(str, sizes(net)))


def flop(net):
    s = sizes(net)
    products = [a * b for a, b in zip(s, s[1:])]
    return 2 * (3 * sum(products) - products[0])


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in CLEAR}
    return {**env, **ONE, **more}


# --- this side ---

def experiment(net, epochs):
    h, w, c, hidden, images, _ = NETS[net]
    text = f'''[run]
epochs = {epochs}
batch = {BATCH}
evaluate = 1000000
checkpoint = 1000000
[dataset]
plugin = uniform
height = {h}
width = {w}
channels = {c}
train = {images}
test = {BATCH}
val = 0
[layer flat]
plugin = flatten
'''
    for i, units in enumerate(hidden):
        text += f'[layer hidden{i}]\nplugin = dense\nunits = {units}\n[layer act{i}]\nplugin = relu\n'
    return text + '''[layer out]
plugin = dense
units = 10
[optimizer]
plugin = sgd
lr = 0.01
momentum = 0.9
'''


def seconds(folder, net, epochs):
    """Seconds of one training, from the job's own result."""
    ini = os.path.join(folder, f'{net}-{epochs}.ini')
    with open(ini, 'w') as f:
        f.write(experiment(net, epochs))
    with tempfile.TemporaryDirectory(dir=folder) as run:
        out = os.path.join(run, 'run')
        r = subprocess.run([os.environ['RADEMACHER'], 'run', ini, '-q', '--jobs', '1', '-o', out],
                           env=environment(), capture_output=True, text=True)
        if r.returncode != 0:
            sys.exit(f'rademacher run failed ({r.returncode}):\n{r.stderr}')
        for where, _, files in os.walk(out):
            if 'result.json' in files:
                with open(os.path.join(where, 'result.json')) as f:
                    return json.load(f)['seconds']
    sys.exit('rademacher run wrote no result.json')


def here(folder, net):
    images, epochs = NETS[net][4:]
    return images * epochs / (seconds(folder, net, 1 + epochs) - seconds(folder, net, 1))


# --- PyTorch: this file again, as a process that trains on demand, one line in, one line out ---

def serve(net, setting):
    import torch
    from torch import nn
    gather, update = setting.split('+')
    torch.manual_seed(1)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    s = sizes(net)
    images = NETS[net][4]
    layers = []
    for a, b in zip(s, s[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    x = torch.randint(0, 256, (images, s[0]), dtype=torch.uint8)
    x = x.float().mul_(1 / 255) if gather == 'f32' else x
    y = torch.randint(0, 10, (images,))
    more = {} if update == 'loop' else {update: True}
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **more)
    loss = nn.CrossEntropyLoss()

    def epoch():
        order = torch.randperm(images)
        for i in range(0, images, BATCH):
            rows = order[i:i + BATCH]
            batch = x[rows]
            batch = batch if gather == 'f32' else batch.float().mul_(1 / 255)
            sgd.zero_grad(set_to_none=True)
            loss(model(batch), y[rows]).backward()
            sgd.step()

    epoch()
    print('ready', torch.__version__, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            epoch()
        print(int(line) * images / (time.perf_counter() - start), flush=True)


class Peer:
    def __init__(self, net, setting, wait):
        self.name = f'{setting}, {wait} wait'
        more = {'OMP_WAIT_POLICY': 'passive'} if wait == 'passive' else {}
        self.process = subprocess.Popen([sys.executable, __file__, '--serve', net, setting],
                                        env=environment(**more), text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        first = self.process.stdout.readline().split()
        self.version = first[1] if first[:1] == ['ready'] else None

    def rate(self, epochs):
        self.process.stdin.write(f'{epochs}\n')
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def best_peer(net):
    """The fastest of several settings: one thing after another is changed, and kept where it helps."""
    tried = {}

    def rate(setting):
        if setting not in tried:
            peer = Peer(net, *setting)
            tried[setting] = (max(peer.rate(max(1, NETS[net][5] // 4)) for _ in range(2))
                              if peer.version else 0)
            peer.close()
        return tried[setting]

    best = max((('u8+loop', 'default'), ('f32+loop', 'default')), key=rate)
    gather = best[0].split('+')[0]
    best = max((best, (f'{gather}+foreach', 'default'), (f'{gather}+fused', 'default')), key=rate)
    best = max((best, (best[0], 'passive')), key=rate)
    if not tried[best]:
        return None
    peer = Peer(net, *best)
    print(f'  PyTorch {peer.version}: ' + ', '.join(
        f'{name} with {wait} wait {r:.0f}' for (name, wait), r in tried.items() if r) +
        f'; taken: {best[0]}, {best[1]} wait')
    return peer


# --- the comparison ---

def busy():
    """Seconds of work of all cores since boot, or None."""
    try:
        with open('/proc/stat') as f:
            v = [int(n) for n in f.readline().split()[1:]]
    except OSError:
        return None
    return (sum(v[:3]) + sum(v[5:8])) / os.sysconf('SC_CLK_TCK')


def peak(program):
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split(' ', 1)
    return float(out[0]), out[1].strip()


def compare(folder, net, rounds, program, use_torch):
    print(f'{title(net)}, {flop(net) / 1e6:.2f} MFLOP per image')
    peer = best_peer(net) if use_torch else None
    ours, theirs, ratios, shares = [], [], [], []
    for i in range(rounds):
        gflops, _ = peak(program)
        before, start = busy(), time.time()
        ours.append(here(folder, net))
        shares.append(100 * ours[-1] * flop(net) / (gflops * 1e9))
        line = f'  round {i + 1}: {ours[-1]:9.0f} img/s, {shares[-1]:3.0f} % of {gflops:.0f} GFLOP/s'
        if peer:
            theirs.append(peer.rate(NETS[net][5]))
            ratios.append(ours[-1] / theirs[-1])
            line += f'; PyTorch {theirs[-1]:9.0f}; ratio {ratios[-1]:.2f}'
        after = busy()
        if before is not None:
            line += f'; {(after - before) / (time.time() - start):.2f} cores busy'
        print(line, flush=True)
    mid = statistics.median
    line = f'  median {mid(ours):.0f} (best {max(ours):.0f}), {mid(shares):.0f} % of the peak'
    if peer:
        line += (f'; PyTorch {mid(theirs):.0f} (best {max(theirs):.0f}); ratio {mid(ratios):.2f} '
                 f'({min(ratios):.2f} to {max(ratios):.2f})')
        peer.close()
    print(line + '\n', flush=True)


def cpu():
    try:
        with open('/proc/cpuinfo') as f:
            return next(line.split(':', 1)[1].strip() for line in f if line.startswith('model name'))
    except (OSError, StopIteration):
        return os.uname().machine


def has_torch():
    return subprocess.run([sys.executable, '-c', 'import torch'], capture_output=True).returncode == 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('--peak', required=True, help='the built tests/bench/peak')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--nets', default=','.join(NETS), help='some of ' + ', '.join(NETS))
    p.add_argument('--serve', nargs=2, help=argparse.SUPPRESS)
    o = p.parse_args()
    gflops, width = peak(o.peak)
    cleared = ', '.join(f'{k}={os.environ[k]} (unset for this)' if k in os.environ else f'{k} unset'
                        for k in CLEAR)
    print(f'{cpu()}, peak of one core {gflops:.0f} GFLOP/s ({width})')
    print('one thread on both sides: ' + ', '.join(f'{k}={v}' for k, v in ONE.items()))
    print(cleared)
    use_torch = has_torch()
    if not use_torch:
        print(f'no PyTorch for {sys.executable}: make bench PYTHON=... where it is installed')
    print()
    with tempfile.TemporaryDirectory() as folder:
        for net in o.nets.split(','):
            compare(folder, net, o.rounds, o.peak, use_torch)


if __name__ == '__main__':
    if len(sys.argv) == 4 and sys.argv[1] == '--serve':
        serve(sys.argv[2], sys.argv[3])
    else:
        main()
