# SPDX-License-Identifier: BSD-3-Clause
"""search_values.py - prints the numbers that tests/search_parts.c expects, made with SciPy and
scikit-learn."""
import sys

try:
    import numpy as np
    from scipy.stats import norm
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
        return max(1 / (m + 2), 0.07 * m ** (-1 / (4 + 4)))

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


density()
