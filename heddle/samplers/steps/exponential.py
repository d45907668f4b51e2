"""The functions that exponential integrators are made of.

phi_0 is the exponential; phi_k(z) = (phi_(k-1)(z) - 1 / (k-1)!) / z, the sum of z^n / (n + k)!.
Source: Hochbruck and Ostermann 2010, Exponential integrators, Acta Numerica 19, equation 2.11.
"""

from __future__ import annotations

import math


def phi(order: int, z: float) -> float:
    if abs(z) < 1:  # near 0 the quotients are differences of nearly equal numbers
        return sum(z**n / math.factorial(n + order) for n in range(18))
    value = math.exp(z)
    for k in range(order):
        value = (value - 1 / math.factorial(k)) / z
    return value
