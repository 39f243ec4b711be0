# SPDX-License-Identifier: BSD-3-Clause
"""optimizers.py - optimizers, alone, with weight_decay or ioc, against PyTorch over many steps."""
from peer import compare, finish, floats, normal, np, run, torch, u64

N, STEPS = 31, 60


def optimizer(words, decay, make, lr, pure=False, tail=None, after=None):
    w, gradients = normal(N), normal(STEPS, N)
    tw = torch.tensor(w, requires_grad=True)
    theirs, peer = [], make([tw], lr)
    for g in gradients:
        tw.grad = torch.tensor(g)
        peer.step()
        if after:
            with torch.no_grad():
                after(tw)
        theirs.append(tw.detach().numpy().copy())
    tail = tail or (["--", "weight_decay", *decay] if decay else [])
    data = run(["optimizer", *words, *tail],
               [u64(N, STEPS, pure), np.array([lr]), w, gradients])
    ours, = floats(data, (STEPS, N))
    compare(" ".join(words + tail) + (" pure" if pure else ""), (ours, np.array(theirs)))


L2 = ["lambda=0.03", "mode=l2"]
DECOUPLED = ["lambda=0.3", "mode=decoupled"]
for pure in (False, True):
    for momentum in (0, 0.9):
        for nesterov in (False, True) if momentum else (False,):
            for decay in ([], L2):
                optimizer(["sgd", f"momentum={momentum}", f"nesterov={str(nesterov).lower()}"],
                          decay,
                          lambda p, lr, m=momentum, n=nesterov, d=decay: torch.optim.SGD(
                              p, lr=lr, momentum=m, nesterov=n, weight_decay=0.03 if d else 0),
                          0.05, pure)
for lr in (1e-3, 0.1):
    for betas, eps in (((0.9, 0.999), 1e-8), ((0.37, 0.95), 1e-3)):
        words = ["adam", f"beta1={betas[0]}", f"beta2={betas[1]}", f"eps={eps}"]
        for decay in ([], L2):
            optimizer(words, decay, lambda p, lr, b=betas, e=eps, d=decay: torch.optim.Adam(
                p, lr=lr, betas=b, eps=e, weight_decay=0.03 if d else 0), lr)
        optimizer(words, DECOUPLED, lambda p, lr, b=betas, e=eps: torch.optim.AdamW(
            p, lr=lr, betas=b, eps=e, weight_decay=0.3), lr)
for shift in (5, 0.5):
    def ioc(w, shift=shift):
        w[w < 0] = torch.exp(w[w < 0] - shift)
    tail = ["--", "ioc", f"shift={shift}"]
    optimizer(["sgd", "momentum=0.9"], [], lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
              0.05, tail=tail, after=ioc)
    optimizer(["adam"], [], torch.optim.Adam, 0.1, tail=tail, after=ioc)
finish()
