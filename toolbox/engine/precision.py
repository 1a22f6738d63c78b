"""Mixed precision: which types autocast takes, and where they are slow."""

from __future__ import annotations

import platform
from typing import Literal

import torch

from ..errors import ConfigError

Amp = Literal['bf16', 'bf16-slow', 'fp16']
AMP_DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16, 'bf16-slow': torch.bfloat16}
BF16 = ('avx512_bf16', 'amx_bf16', 'avx_ne_convert', 'avx10_2')  # instructions, by torch's names


def require_fast(amp: Amp, device: str) -> None:
    """Refuse what a processor can only imitate.

    Raises:
        ConfigError: fp16, or bf16 without instructions for it, on a CPU.
    """
    if device == 'cpu' and amp == 'fp16':
        raise ConfigError("optim_wrapper.amp: 'fp16' needs a GPU (a convolution is hundreds of times slower on a CPU); "
                          "use 'bf16'.")
    if device == 'cpu' and amp == 'bf16' and not computes_bf16():
        raise ConfigError("optim_wrapper.amp: 'bf16', but this processor has no instructions for it "
                          f'({torch.backends.cpu.get_cpu_capability()} alone): an iteration would take 14 to 100 times '
                          "as long as in float32. Leave it out (--amp, amp=None), or, to train all the same, write "
                          "'bf16-slow' (--amp bf16-slow).")


def computes_bf16() -> bool:
    """Whether this CPU has instructions for bf16, as far as torch tells; True where it does not."""
    if platform.machine().lower() not in ('x86_64', 'amd64'):
        return True
    if hasattr(torch.cpu, 'get_capabilities'):
        known = torch.cpu.get_capabilities()
        return any(known.get(name) for name in BF16)
    asked = [getattr(torch.cpu, name)() for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
             if hasattr(torch.cpu, name)]
    return any(asked) if asked else torch.backends.cpu.get_cpu_capability() not in ('DEFAULT', 'AVX2')
