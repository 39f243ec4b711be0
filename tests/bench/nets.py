# SPDX-License-Identifier: BSD-3-Clause
"""nets.py - the networks that bench.py trains: shapes, operations, experiment files, data.

A network is {shape: [H, W, C], layers: [[kind, numbers...]], images: N, precision}. Both sides read the
same files: N images, each the picture of its class plus uniform noise, in bytes, a fifth of the labels
random, so that the loss stays away from zero.
"""
import os
import random
import struct

BATCH = 128
LR, MOMENTUM = 0.01, 0.9


def mlp(h, w, c, hidden, images, precision='float32'):
    layers = [['flatten']]
    for units in hidden:
        layers += [['dense', units], ['relu']]
    return {'shape': [h, w, c], 'layers': layers + [['dense', 10]], 'images': images,
            'precision': precision}


def cnn(h, w, c, convs, hidden, images):
    """convs: filters, kernel, pad; each with relu and 2 x 2 max pooling."""
    layers = []
    for filters, kernel, pad in convs:
        layers += [['conv', filters, kernel, pad], ['relu'], ['pool', 2]]
    return {**mlp(h, w, c, hidden, images), 'layers': layers + mlp(h, w, c, hidden, 0)['layers']}


NETS = {
    'mlp': mlp(28, 28, 1, [512, 512], 12800),
    'mlpc': mlp(32, 32, 3, [512, 512, 512], 6400),
    'cnn': cnn(32, 32, 3, [(64, 5, 2), (64, 5, 2)], [384, 192], 768),
    'lenet': cnn(28, 28, 1, [(32, 3, 0), (64, 3, 0)], [128], 5120),
    'tiny': mlp(28, 28, 1, [32], 51200),
    'bf16': mlp(28, 28, 1, [512, 512], 12800, 'bf16'),
}


def title(net):
    h, w, c = net['shape']
    words = [f'{h * w * c}' if net['layers'][0] == ['flatten'] else f'{h}x{w}x{c}']
    for kind, *n in net['layers']:
        if kind in ('conv', 'dense'):
            words.append(f'conv{n[1]}x{n[1]}x{n[0]}' if kind == 'conv' else str(n[0]))
    return '-'.join(words) + (' bf16' if net['precision'] == 'bf16' else '')


def flop(net):
    """Of one training image: 2 a multiply-add, forward, dW and dX, no dX of the first layer."""
    h, w, c = net['shape']
    products = []
    for kind, *n in net['layers']:
        if kind == 'conv':
            h, w = h + 2 * n[2] - n[1] + 1, w + 2 * n[2] - n[1] + 1
            products.append(h * w * n[0] * n[1] * n[1] * c)
            c = n[0]
        elif kind == 'pool':
            h, w = h // n[0], w // n[0]
        elif kind == 'dense':
            products.append(h * w * c * n[0])
            h, w, c = 1, 1, n[0]
    return 2 * (3 * sum(products) - products[0])


def experiment(net, folder, epochs, seeds, threads=1, density=None, noise=False):
    """The INI file; density is that of the hidden dense layers; noise is fresh for every image."""
    text = f'[run]\nepochs = {epochs}\nbatch = {BATCH}\nseeds = {str(seeds)[1:-1]}\n'
    text += 'evaluate = 1000000\ncheckpoint = 1000000\n'
    text += f'threads = {threads}\n' if threads != 1 else ''
    text += f'''[dataset]
plugin = idx
train_images = {folder}/train.x
train_labels = {folder}/train.y
test_images = {folder}/test.x
test_labels = {folder}/test.y
classes = 10
val = 0
'''
    text += '[backend]\nprecision = bf16\n' if net['precision'] == 'bf16' else ''
    text += '[noise fresh]\nplugin = fresh_gaussian\nsigma = 0.1\n' if noise else ''
    last = len(net['layers']) - 1
    for i, (kind, *n) in enumerate(net['layers']):
        text += f'[layer {kind}{i}]\n'
        if kind == 'conv':
            text += f'plugin = conv2d\nfilters = {n[0]}\nkernel = {n[1]}\nstride = 1\npad = {n[2]}\n'
        elif kind == 'pool':
            text += f'plugin = max_pool\nkernel = {n[0]}\nstride = {n[0]}\n'
        elif kind == 'dense':
            text += f'plugin = dense\nunits = {n[0]}\n'
            text += f'density = {density}\n' if density and i != last else ''
        else:
            text += f'plugin = {kind}\n'
    return text + f'[optimizer]\nplugin = sgd\nlr = {LR}\nmomentum = {MOMENTUM}\n'


def write_data(net, folder):
    """IDX files: bytes (N,H,W,C) and labels. Sums of whole images as big integers: no byte overflows."""
    os.makedirs(folder, exist_ok=True)
    h, w, c = net['shape']
    size, draw = h * w * c, random.Random(7)
    half = int.from_bytes(b'\x7f' * size, 'big')

    def bits():
        return int.from_bytes(draw.randbytes(size), 'big') & half
    picture = [bits() for _ in range(10)]
    for split, n in (('train', net['images']), ('test', BATCH)):
        classes = [draw.randrange(10) for _ in range(n)]
        with open(os.path.join(folder, split + '.x'), 'wb') as f:
            f.write(struct.pack('>BBBB4I', 0, 0, 8, 4, n, h, w, c))
            for k in classes:
                f.write((picture[k] + bits()).to_bytes(size, 'big'))
        with open(os.path.join(folder, split + '.y'), 'wb') as f:
            f.write(struct.pack('>BBBBI', 0, 0, 8, 1, n))
            f.write(bytes(draw.randrange(10) if draw.random() < 0.2 else k for k in classes))
