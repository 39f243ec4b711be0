# SPDX-License-Identifier: BSD-3-Clause
"""torch_side.py - trains a network of nets.py in PyTorch on demand: a line of JSON in, one out.

    python torch_side.py NET-AS-JSON FOLDER THREADS    says its version, then waits for
    {"do": "tune", "seconds": S, "compiled": bool}     changes one setting after another, keeps what helps
    {"do": "rate", "seconds": S}                       images per second, per CPU-second; CPU-seconds
    {"do": "loss", "epochs": E, "seeds": [..]}         losses on the training images after E epochs
"""
import contextlib
import json
import sys
import time

import numpy as np
import torch
from torch import nn

from nets import BATCH, LR, MOMENTUM

START = {'precision': 'float32', 'data': 'bytes', 'layout': 'channels_last', 'order': 'relu-pool',
         'relu': 'inplace', 'update': 'foreach', 'compile': 'no'}
TRY = {'precision': ['autocast', 'medium'], 'data': ['float'], 'layout': ['nchw'], 'order': ['pool-relu'],
       'relu': ['new'], 'update': ['loop', 'fused'], 'compile': ['yes']}


def build(net, setting):
    """nn.Sequential, initial weights as the other side draws them."""
    layers = [list(item) for item in net['layers']]
    for i in range(len(layers) - 1):
        if setting['order'] == 'pool-relu' and layers[i + 1][0] == 'pool':
            layers[i], layers[i + 1] = layers[i + 1], layers[i]
    h, w, c = net['shape']
    out = []
    for kind, *n in layers:
        if kind == 'conv':
            out.append(nn.Conv2d(c, n[0], n[1], padding=n[2]))
            h, w, c = h + 2 * n[2] - n[1] + 1, w + 2 * n[2] - n[1] + 1, n[0]
        elif kind == 'pool':
            out.append(nn.MaxPool2d(n[0]))
            h, w = h // n[0], w // n[0]
        elif kind == 'dense':
            out.append(nn.Linear(h * w * c, n[0]))
            h, w, c = 1, 1, n[0]
        else:
            out.append(nn.ReLU(setting['relu'] == 'inplace') if kind == 'relu' else nn.Flatten())
        if hasattr(out[-1], 'weight'):
            nn.init.kaiming_uniform_(out[-1].weight, nonlinearity='relu')
            nn.init.zeros_(out[-1].bias)
    return nn.Sequential(*out)


class Training:
    def __init__(self, net, x, y, setting, seed=1):
        torch.manual_seed(seed)
        h, w, c = net['shape']
        last = setting['layout'] == 'channels_last'
        self.shape, self.permute = ((-1, h, w, c), (0, 3, 1, 2)) if last else ((-1, c, h, w), (0, 1, 2, 3))
        self.x = torch.tensor(x if last else x.transpose(0, 3, 1, 2).copy()).reshape(len(y), -1)
        self.y, self.rows, self.loss = y, iter(()), nn.CrossEntropyLoss()
        self.precision = setting['precision']
        if setting['data'] == 'float':
            self.x = self.x.float().mul_(1 / 255)
        model = build(net, setting)
        model = model.to(memory_format=torch.channels_last) if last else model
        self.sgd = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM,
                                   **({} if setting['update'] == 'loop' else {setting['update']: True}))
        self.model = torch.compile(model) if setting['compile'] == 'yes' else model

    def output(self, rows):
        x = self.x[rows]
        x = x if x.is_floating_point() else x.float().mul_(1 / 255)
        torch.set_float32_matmul_precision('medium' if self.precision == 'medium' else 'highest')
        with (torch.autocast('cpu', torch.bfloat16) if self.precision == 'autocast'
              else contextlib.nullcontext()):
            return self.loss(self.model(x.view(self.shape).permute(self.permute)), self.y[rows])

    def step(self):
        rows = next(self.rows, None)
        if rows is None:  # the next epoch
            self.rows = iter(torch.randperm(len(self.y)).split(BATCH))
            rows = next(self.rows)
        self.sgd.zero_grad(set_to_none=True)
        self.output(rows).backward()
        self.sgd.step()

    def rate(self, seconds):
        self.step()
        start, cpu, n = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - start < seconds:
            self.step()
            n += BATCH
        return n / (time.perf_counter() - start), n / (time.process_time() - cpu)


class Server:
    def __init__(self, net, folder, threads):
        self.net, self.by_cpu = net, threads == 1
        self.x = np.fromfile(folder + '/train.x', np.uint8)[20:].reshape(-1, *net['shape'])
        self.y = torch.tensor(np.fromfile(folder + '/train.y', np.uint8)[8:].astype(np.int64))
        self.setting, self.best, self.training = START, 0, None

    def attempt(self, seconds, change):
        """Takes the setting if it is faster than the best: by CPU time on one thread, by the clock on
        several. Its images per second, 0 if there is no such setting."""
        setting = {**self.setting, **change}
        try:
            training = Training(self.net, self.x, self.y, setting)
            rate = max(training.rate(seconds)[self.by_cpu] for _ in range(3))
        except Exception as error:  # a setting that this PyTorch lacks may raise anything
            print(f'{change}: {error}', file=sys.stderr)
            return 0
        if rate > self.best:
            self.best, self.setting, self.training = rate, setting, training
        return round(rate)

    def tune(self, seconds, compiled):
        conv, bf16 = self.net['layers'][0][0] == 'conv', self.net['precision'] == 'bf16'
        order = conv and 'order' not in self.net
        keys = [k for k in TRY if {'precision': bf16, 'layout': conv, 'order': order,
                                   'compile': compiled}.get(k, True)]
        tried = {'start': self.attempt(seconds, {})}
        for key, value in [(key, value) for key in keys for value in TRY[key]]:
            tried[f'{key} {value}'] = self.attempt(seconds, {key: value})
        return [f'{k} {self.setting[k]}' for k in keys], tried

    def rate(self, seconds):
        start = time.process_time()
        return *self.training.rate(seconds), time.process_time() - start

    def loss(self, epochs, seeds):
        out = []
        for seed in seeds:
            t = Training(self.net, self.x, self.y, {**self.setting, 'compile': 'no'}, seed)
            for _ in range(epochs * len(self.y) // BATCH):
                t.step()
            with torch.no_grad():
                out.append(np.mean([float(t.output(r)) for r in torch.arange(len(self.y)).split(BATCH)]))
        return out


def main():
    torch.set_num_threads(int(sys.argv[3]))
    torch.set_flush_denormal(True)
    server = Server(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(getattr(server, order.pop('do'))(**order)), flush=True)


main()
