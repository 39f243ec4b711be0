# SPDX-License-Identifier: BSD-3-Clause
"""layers.py - all layers against PyTorch: output, input gradients, weight gradients, buffers.
Images are (n,H,W,C) here and (n,C,H,W) there, filters (O,KH,KW,C) and (O,C,KH,KW)."""
from peer import compare, finish, floats, normal, np, run, torch, u64

BACKENDS = ("reference", "openblas")


def plain(x):
    return x


def images(x):
    """(n,..,C) to (n,C,..), which is what PyTorch's modules want."""
    return x.movedim(-1, 1)


def back(y):
    """(n,C,..) to (n,..,C)"""
    return y.movedim(1, -1)


def layer(name, keys, module, *xs, weights=(), there=plain, here=plain, buffers=(),
          backends=BACKENDS):
    """One layer on one batch. weights: arrays as we hold them, each with the same values as a
    parameter of `module`, by which `there` and `here` get to its order and back. PyTorch works in
    double, which is the truth here."""
    module = module.double() if isinstance(module, torch.nn.Module) else module
    txs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in xs]
    ty = here(module(*[there(t) for t in txs]))
    dy = normal(*ty.shape)
    ty.backward(torch.tensor(dy))
    grads = [back(p.grad) if p.grad.ndim == 4 else p.grad for p in
             getattr(module, "parameters", list)()]
    theirs = [ty, *[t.grad for t in txs], *grads, *[getattr(module, b) for b in buffers]]
    shape = [u64(xs[0].shape[0], len(xs)), *[u64(x.ndim - 1, *x.shape[1:]) for x in xs]]
    for backend in backends:
        data = run(["layer", name, *keys], [*shape, *xs, *weights, dy], backend)
        ours = floats(data, *[t.shape for t in theirs])
        compare(f"{name} {' '.join(keys)} {backend}", *zip(ours, theirs))


def with_weights(module):
    """Irregular values for the parameters of a module, and the arrays as we hold them."""
    arrays = []
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.tensor(normal(*p.shape)))
            arrays.append((back(p) if p.ndim == 4 else p).detach().numpy().copy())
    return module, arrays


def dense(n, inputs, units, bias):
    module, weights = with_weights(torch.nn.Linear(inputs, units, bias=bias))
    layer("dense", [f"units={units}", f"bias={str(bias).lower()}"], module, normal(n, inputs),
          weights=weights)


def conv(x, filters, kernel, stride=(1, 1), pad=(0, 0), groups=1, bias=True, same=False):
    module, weights = with_weights(torch.nn.Conv2d(
        x.shape[-1], filters, kernel, stride, [k // 2 for k in kernel] if same else pad,
        groups=groups, bias=bias))
    keys = [f"filters={filters}", f"groups={groups}", f"bias={str(bias).lower()}"]
    pairs = [("kernel", kernel), ("stride", stride)] + ([] if same else [("pad", pad)])
    for key, (high, wide) in pairs:
        keys += [f"{key}={high}"] + ([f"{key}_w={wide}"] if wide != high else [])
    layer("conv2d", keys + (["same=true"] if same else []), module, x, weights=weights,
          there=images, here=back, backends=("reference",))


def batch_norm(x, affine, **keys):
    there, here = (images, back) if x.ndim > 2 else (plain, plain)
    kind = torch.nn.BatchNorm2d if x.ndim == 4 else torch.nn.BatchNorm1d
    module, weights = with_weights(kind(x.shape[-1], affine=affine, **keys))
    layer("batch_norm", [f"affine={str(affine).lower()}", *[f"{k}={v}" for k, v in keys.items()]],
          module, x, weights=weights, there=there, here=here,
          buffers=("running_mean", "running_var"))


def positive(w, shift):
    """What the convex layers read of a weight."""
    return torch.where(w < 0, torch.exp(w - shift), w)


class ConvexDense(torch.nn.Linear):
    shift = 5.0

    def forward(self, x):
        return torch.nn.functional.linear(x, positive(self.weight, self.shift), self.bias)


class ConvexConv(torch.nn.Conv2d):
    shift = 5.0

    def forward(self, x):
        return self._conv_forward(x, positive(self.weight, self.shift), self.bias)


def convex(name, module, x, keys, shift, images_=False):
    module, weights = with_weights(module)
    module.shift = shift
    layer(name, keys + [f"shift={shift}"], module, x, weights=weights,
          there=images if images_ else plain, here=back if images_ else plain,
          backends=("reference",) if images_ else BACKENDS)


for n, inputs, units in ((1, 1, 1), (13, 37, 11), (64, 129, 33)):
    for bias in (True, False):
        dense(n, inputs, units, bias)
for c in (2, 1):
    layer("flatten", [], torch.nn.Flatten(), normal(5, 4, 3, c), there=images)
for keys, name, module in (([], "relu", torch.nn.ReLU()),
                           ([], "leaky_relu", torch.nn.LeakyReLU()),
                           (["slope=0.07"], "leaky_relu", torch.nn.LeakyReLU(0.07)),
                           ([], "elu", torch.nn.ELU()),
                           (["alpha=0.37"], "elu", torch.nn.ELU(0.37)),
                           ([], "tanh", torch.nn.Tanh()),
                           ([], "sigmoid", torch.nn.Sigmoid()),
                           ([], "softplus", torch.nn.Softplus()),
                           (["sharpness=2.3"], "softplus", torch.nn.Softplus(2.3)),
                           ([], "identity", torch.nn.Identity())):
    layer(name, keys, module, 3 * normal(17, 5, 3))

conv(normal(3, 9, 7, 5), 11, (3, 3))
conv(normal(3, 9, 7, 5), 11, (3, 3), same=True)
conv(normal(2, 12, 11, 3), 8, (5, 5), stride=(2, 2), pad=(2, 2))
conv(normal(2, 9, 10, 4), 6, (2, 5), stride=(3, 2), pad=(1, 0))
conv(normal(2, 9, 10, 4), 6, (1, 7), stride=(1, 2), same=True, bias=False)
conv(normal(3, 8, 8, 16), 32, (1, 1), stride=(2, 2), bias=False)
conv(normal(3, 7, 6, 6), 4, (3, 3), pad=(1, 1), groups=2)
conv(normal(3, 7, 6, 6), 12, (3, 3), pad=(1, 1), groups=6)
conv(normal(2, 4, 4, 3), 5, (4, 4))
for shift in (5, 0.5, 0):
    convex("convex_dense", ConvexDense(37, 11), normal(13, 37), ["units=11"], shift)
    convex("convex_conv2d", ConvexConv(5, 11, 3, 2, 1), normal(3, 9, 7, 5),
           ["filters=11", "kernel=3", "stride=2", "pad=1"], shift, True)
for k, s, p in ((2, 0, 0), (3, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 1), (4, 1, 2), (5, 5, 0)):
    keys = [f"kernel={k}", f"stride={s}", f"pad={p}"]
    for name, kind in (("max_pool", torch.nn.MaxPool2d), ("avg_pool", torch.nn.AvgPool2d)):
        layer(name, keys, kind(k, s or None, p), normal(3, 11, 8, 19), there=images, here=back)
layer("global_avg_pool", [], lambda x: x.mean((1, 2)), normal(5, 7, 6, 13))

for affine in (True, False):
    batch_norm(normal(7, 5, 4, 13), affine)
    batch_norm(normal(37, 13), affine, momentum=0.37, eps=0.01)
batch_norm(normal(9, 6, 4, 5) + np.float32(300), True)
for size, alpha, beta, k in ((5, 0.37, 0.75, 2.0), (9, 0.001 / 9, 0.75, 1.0), (4, 0.37, 0.61, 1.3),
                             (1, 0.37, 0.75, 1.0), (3, 0.37, 1.0, 0.5), (21, 0.37, 0.5, 1.0)):
    layer("lrn", [f"size={size}", f"alpha={alpha}", f"beta={beta}", f"k={k}"],
          torch.nn.LocalResponseNorm(size, alpha * size, beta, k), normal(3, 4, 3, 17),
          there=images, here=back)
layer("add", [], lambda a, b, c: a + b + c, *[normal(4, 3, 2, 5) for _ in range(3)])
layer("concat", [], lambda a, b, c: torch.cat((a, b, c), -1), normal(4, 3, 2, 5),
      normal(4, 3, 2, 1), normal(4, 3, 2, 7))
layer("concat", [], lambda a, b: torch.cat((a, b), -1), normal(4, 3), normal(4, 8))
finish()
