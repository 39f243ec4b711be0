# SPDX-License-Identifier: BSD-3-Clause
"""layers.py - dense, flatten and the activations against PyTorch, forward and backward."""
from peer import compare, finish, floats, normal, run, torch, u64

BACKENDS = ("reference", "openblas")


def layer(name, keys, module, x, weights=(), out=None, ours_to_torch=lambda x: x):
    """Output, input gradient and weight gradients of one layer on one batch."""
    tx = torch.tensor(x, requires_grad=True)
    ty = module(ours_to_torch(tx))
    dy = normal(*ty.shape)
    ty.backward(torch.tensor(dy))
    grads = [p.grad for p in module.parameters()]
    for backend in BACKENDS:
        data = run(["layer", name, *keys],
                   [u64(x.shape[0], x.ndim - 1, *x.shape[1:]), x, *weights, dy], backend)
        y, dx, *dw = floats(data, ty.shape, x.shape, *[w.shape for w in weights])
        compare(f"{name} {' '.join(keys)} {backend}", (y, ty), (dx, tx.grad), *zip(dw, grads))


def dense(n, inputs, units, bias):
    module = torch.nn.Linear(inputs, units, bias=bias)
    weights = [normal(units, inputs)] + ([normal(units)] if bias else [])
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), weights):
            parameter.copy_(torch.tensor(value))
    layer("dense", [f"units={units}", f"bias={str(bias).lower()}"], module, normal(n, inputs),
          weights)


for n, inputs, units in ((1, 1, 1), (13, 37, 11), (64, 129, 33)):
    for bias in (True, False):
        dense(n, inputs, units, bias)
layer("flatten", [], torch.nn.Flatten(), normal(5, 4, 3, 2),
      ours_to_torch=lambda x: x.permute(0, 3, 1, 2))
layer("flatten", [], torch.nn.Flatten(), normal(5, 4, 3, 1),
      ours_to_torch=lambda x: x.permute(0, 3, 1, 2))
for keys, name, module in (([], "relu", torch.nn.ReLU()),
                           (["slope=0.07"], "relu", torch.nn.LeakyReLU(0.07)),
                           ([], "elu", torch.nn.ELU()),
                           (["alpha=0.37"], "elu", torch.nn.ELU(0.37)),
                           ([], "tanh", torch.nn.Tanh()),
                           ([], "sigmoid", torch.nn.Sigmoid())):
    layer(name, keys, module, 3 * normal(17, 5, 3))
finish()
