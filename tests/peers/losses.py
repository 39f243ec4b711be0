# SPDX-License-Identifier: BSD-3-Clause
"""losses.py - losses and their gradients against PyTorch; weights are one unless PyTorch has them."""
from peer import compare, finish, floats, normal, np, random, run, torch, u64

CLASS, SOFT, REAL = 1, 3, 4
N, K = 23, 7


def loss(name, keys, kind, target, theirs):
    """theirs(y) is the mean over the batch, as PyTorch reduces it."""
    y = 2 * normal(N, K)
    ty = torch.tensor(y, requires_grad=True)
    total = theirs(ty)
    total.backward()
    scale = np.array([1 / N], np.float32)
    data = run(["loss", name, *keys],
               [u64(N, K, kind), scale, y, target.astype(np.float32), np.ones(N, np.float32)])
    ours = np.frombuffer(data[:8 * N], np.float64)
    dy, = floats(data[8 * N:], (N, K))
    compare(f"{name} {' '.join(keys)} {kind}", (ours.mean(), total), (dy, ty.grad))


labels = random.integers(0, K, N)
one_hot = np.eye(K, dtype=np.float32)[labels]
soft = random.dirichlet(np.ones(K), N).astype(np.float32)
real = normal(N, K)
for smoothing in (0.0, 0.13):
    for kind, target, peer in ((CLASS, one_hot, torch.tensor(labels)),
                               (SOFT, soft, torch.tensor(soft))):
        ce = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
        loss("cross_entropy", [f"smoothing={smoothing}"], kind, target,
             lambda y, ce=ce, peer=peer: ce(y, peer))
for kind, target in ((CLASS, one_hot), (SOFT, soft), (REAL, real)):
    loss("mse", [], kind, target,
         lambda y, t=torch.tensor(target): torch.nn.functional.mse_loss(y, t))
finish()
