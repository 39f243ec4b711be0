# SPDX-License-Identifier: BSD-3-Clause
"""search_values.py - prints the numbers that tests/search_parts.c expects, made with SciPy and
scikit-learn."""
import sys

try:
    import numpy as np
    from scipy.optimize import minimize
    from scipy.stats import norm
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(0)


def density():
    """log p(x) of parzen.h by its formula. Dimensions: rate, real from 0.0001 to 1, log; kind, one
    of three; kernel, integer from 1 to 5, where kind is 1; width, integer from 3 to 900, log."""
    points = [(0.0031, 1, 4, 17), (0.27, 0, None, 640), (0.00052, 1, 1, 55)]
    weight = [0.31, 0.17, 0.29, 0.23]
    queries = [(0.0092, 1, 3, 28), (0.44, 2, None, 3)]

    def log_unit(v, lo, hi):
        return (np.log(v) - np.log(lo)) / (np.log(hi) - np.log(lo))

    def cell(v, lo, hi, log):
        at = [v - 0.5, v, v + 0.5]
        if log:
            return [log_unit(a, lo - 0.5, hi + 0.5) for a in at]
        return [(a - lo + 0.5) / (hi - lo + 1) for a in at]

    def width(m):
        return max(0.7 / (m + 2), 0.07 * m ** (-1 / (4 + 4)))

    def number(mu, sigma, lo, hi=None):
        mass = norm.cdf((1 - mu) / sigma) - norm.cdf(-mu / sigma)
        if hi is None:
            return norm.pdf(lo, mu, sigma) / mass
        return (norm.cdf(hi, mu, sigma) - norm.cdf(lo, mu, sigma)) / mass

    for q in queries:
        p = 0
        for k in range(4):
            prior = k == 3
            own = points[k] if not prior else None
            mu = 0.5 if prior else log_unit(own[0], 1e-4, 1)
            product = number(mu, 1 if prior else width(3), log_unit(q[0], 1e-4, 1))
            product *= 1 / 3 if prior else (1 / 4 + (own[1] == q[1])) / (1 + 3 / 4)
            if q[2] is not None:
                lo, _, hi = cell(q[2], 1, 5, False)
                far = prior or own[2] is None
                product *= number(0.5 if far else cell(own[2], 1, 5, False)[1],
                                  1 if far else width(2), lo, hi)
            lo, _, hi = cell(q[3], 3, 900, True)
            product *= number(0.5 if prior else cell(own[3], 3, 900, True)[1],
                              1 if prior else width(3), lo, hi)
            p += weight[k] * product
        print("parzen", repr(np.log(p)))


def points():
    """Of a process: two numbers and a choice of three. 12 points, y; 16 queries."""
    k = np.arange(28)
    x = np.stack([(0.37 * k + 0.11) % 1, (0.73 * k + 0.29) % 1, k % 3], 1)
    y = np.sin(5 * x[:, 0]) + x[:, 1] ** 2 - 0.4 * (x[:, 2] == 1) + 0.05 * np.cos(40 * k)
    return x, (y - y.mean())[:12]


def one_hot(x):
    """A choice as coordinates at distance 1 from each other."""
    return np.hstack([x[:, :2], np.eye(3)[x[:, 2].astype(int)] / np.sqrt(2)])


def covariance(theta, x):
    length = np.exp(theta[[0, 1, 2, 2, 2]])
    return Matern(length, nu=2.5)(one_hot(x)) + np.exp(theta[3]) * np.eye(len(x))


def likelihood(theta, x, y):
    """By the formula of gp.h."""
    K = covariance(theta, x)
    variance = (y @ np.linalg.solve(K, y) + 1) / (len(y) + 1)
    mean = np.append(np.full(3, np.log(0.3) + 0.5 * np.log(3)), np.log(1e-3))
    return (-0.5 * (len(y) + 1) * np.log(variance) - 0.5 * np.linalg.slogdet(K)[1]
            - 0.5 * np.sum((theta - mean) ** 2 / np.array([1, 1, 1, 4])))


def process():
    x, y = points()
    theta = np.log([0.41, 0.83, 1.27, 0.013])
    K = covariance(theta, x[:12])
    variance = (y @ np.linalg.solve(K, y) + 1) / 13
    kernel = ConstantKernel(variance) * Matern(np.exp(theta[[0, 1, 2, 2, 2]]), nu=2.5)
    model = GaussianProcessRegressor(kernel, alpha=variance * np.exp(theta[3]), optimizer=None)
    model.fit(one_hot(x[:12]), y)
    mean, std = model.predict(one_hot(x[12:]), return_std=True)
    print("process mean", [float(f"{v:.12g}") for v in mean])
    print("process variance", [float(f"{v:.12g}") for v in std ** 2])
    print("process likelihood", likelihood(theta, x[:12], y))
    h = 1e-5
    print("process gradient", [(likelihood(theta + h * e, x[:12], y)
                                - likelihood(theta - h * e, x[:12], y)) / (2 * h)
                               for e in np.eye(4)])
    best = min((minimize(lambda t: -likelihood(t, x[:12], y), start, method="L-BFGS-B")
                for start in np.random.default_rng(1).normal(-1, 1.5, (20, 4))),
               key=lambda r: r.fun)
    print("process best", best.x, -best.fun)


def constrained():
    """Function of Gardner et al. 2014, first example, with the opposite constraint: minimum."""
    a, b = np.meshgrid(*[np.linspace(0, 6, 6001)] * 2)
    f = np.cos(2 * a) * np.cos(b) + np.sin(a)
    kept = np.cos(a) * np.cos(b) - np.sin(a) * np.sin(b) >= 0.5
    print("constrained", f[kept].min(), "of all", f.min(), "kept", kept.mean())


density()
process()
constrained()
