# SPDX-License-Identifier: BSD-3-Clause
"""schedules.py - learning rate schedules against PyTorch's, step by step."""
import warnings

from peer import compare, finish, np, random, run, torch, u64

EPOCHS, STEPS = 40, 9
warnings.filterwarnings("ignore", category=UserWarning)  # no optimizer step is taken
lr_of = torch.optim.lr_scheduler


def ours(words, metric):
    data = run(["schedule", *words], [u64(EPOCHS, STEPS), metric])
    return np.frombuffer(data, np.float64).reshape(EPOCHS, STEPS)


def schedule(words, make, per_step=False, metric=None):
    """make(optimizer) is PyTorch's; stepped after each epoch or each step, with the metric."""
    values = np.zeros(EPOCHS) if metric is None else metric
    peer_optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    peer, theirs = make(peer_optimizer), np.empty((EPOCHS, STEPS))
    for epoch in range(EPOCHS):
        for step in range(STEPS):
            theirs[epoch, step] = peer_optimizer.param_groups[0]["lr"]
            if per_step:
                peer.step()
        if not per_step:
            peer.step(*([] if metric is None else [values[epoch]]))
    compare(" ".join(words), (ours(words, values), theirs))


schedule(["constant"], lambda o: lr_of.ConstantLR(o, factor=1.0))
schedule(["step", "step=7", "gamma=0.3"], lambda o: lr_of.StepLR(o, 7, 0.3))
schedule(["exponential", "gamma=0.95"], lambda o: lr_of.ExponentialLR(o, 0.95))
TOTAL = EPOCHS * STEPS
schedule(["cosine"], lambda o: lr_of.CosineAnnealingLR(o, TOTAL), per_step=True)
schedule(["cosine", "floor=0.07"], lambda o: lr_of.CosineAnnealingLR(o, TOTAL, eta_min=0.07),
         per_step=True)
RISE = 5 * STEPS
schedule(["cosine", "warmup=5", "floor=0.07"],
         lambda o: lr_of.SequentialLR(o, [
             lr_of.LinearLR(o, 1 / RISE, 1.0, RISE - 1),
             lr_of.CosineAnnealingLR(o, TOTAL - RISE, eta_min=0.07)], [RISE]), per_step=True)
noisy = 2 + random.standard_normal(EPOCHS)
for goal in ("min", "max"):
    for patience in (0, 3):
        for values in (noisy, np.linspace(3, 1, EPOCHS), np.full(EPOCHS, 2.0)):
            schedule(["plateau", f"goal={goal}", f"patience={patience}", "factor=0.4",
                      "threshold=0.01", "floor=0.02"],
                     lambda o, g=goal, p=patience: lr_of.ReduceLROnPlateau(
                         o, g, 0.4, p, 0.01, min_lr=0.02, eps=0), metric=values)
finish()
