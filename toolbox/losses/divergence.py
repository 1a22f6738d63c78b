"""Divergences of distributions of codes."""

from __future__ import annotations

from torch import Tensor


def kl_to_standard_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """``KL(N(mu, exp(log_var)) || N(0, 1))`` in nats per row of ``(N, d)``, a scalar.

    Summed over dimensions (Kingma and Welling 2014, appendix B).
    """
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum() / len(mu)


def kl_of_sample(eps: Tensor, log_var: Tensor, noise: Tensor, log_det: Tensor) -> Tensor:
    """``log q(z) - log p(z)`` in nats per row, a scalar: what the divergence is on the average over samples z of q.

    q is ``N(mu, exp(log_var))`` and ``z = mu + exp(log_var / 2) eps``; p is the distribution of z whose ``noise``, a
    function of z with a Jacobian of determinant ``exp(log_det)``, is N(0, 1) (Real NVP, section 3.1).

    Args:
        eps: ``(N, d)``.
        log_var: ``(N, d)``.
        noise: ``(N, d)``.
        log_det: ``(N,)``.
    """
    return (0.5 * (noise.square() - eps.square() - log_var).sum(1) - log_det).mean()
