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


def gce(t, q, k=0.0):
    """Zhang and Sabuncu 2018, equations (6) and (9); soft targets weigh the classes."""
    return lambda y: (t * (1 - y.softmax(1).clamp(min=k) ** q) / q).sum(1).mean()


def sce(t, alpha, beta, log_zero):
    """Wang et al. 2019, equation (7)"""
    a = t.log().clamp(min=log_zero)
    return lambda y: (-alpha * (t * y.log_softmax(1)).sum(1)
                      - beta * (y.softmax(1) * a).sum(1)).mean()


def bootstrapping(t, beta, mode):
    """Reed et al. 2014, section 3"""
    def mean(y):
        own = y.softmax(1) if mode == "soft" else torch.nn.functional.one_hot(y.argmax(1), K)
        return -((beta * t + (1 - beta) * own) * y.log_softmax(1)).sum(1).mean()
    return mean


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
for kind, target in ((CLASS, one_hot), (SOFT, soft)):
    t = torch.tensor(target)
    for q in (0.7, 0.05, 1):
        loss("gce", [f"q={q}"], kind, target, gce(t, q))
    loss("gce", ["q=0.7", "k=0.25", "start=0"], kind, target, gce(t, 0.7, 0.25))
    loss("gce", ["q=0.7", "k=0.25", "start=1"], kind, target, gce(t, 0.7))
    for alpha, beta, zero in ((0.1, 1, -4), (6, 0.1, -4), (0.3, 0.7, -1.5), (0, 1, -9.21)):
        loss("sce", [f"alpha={alpha}", f"beta={beta}", f"log_zero={zero}"], kind, target,
             sce(t, alpha, beta, zero))
    for mode in ("soft", "hard"):
        for beta in (0.95, 0.3, 0, 1):
            loss("bootstrapping", [f"beta={beta}", f"mode={mode}"], kind, target,
                 bootstrapping(t, beta, mode))
finish()
