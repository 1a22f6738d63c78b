"""Divergences of distributions of codes."""

from __future__ import annotations

from torch import Tensor


def kl_to_standard_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """``KL(N(mu, exp(log_var)) || N(0, 1))`` in nats per row of ``(N, d)``, a scalar.

    Summed over dimensions (Kingma and Welling 2014, appendix B).
    """
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum() / len(mu)
