"""The vision transformer (Dosovitskiy et al., ICLR 2021) as DINO and DINOv2 use it, with the names of their files."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention of tokens ``(N, T, C)``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = (part.unflatten(2, (self.heads, -1)).transpose(1, 2)
                                 for part in self.qkv(x).chunk(3, dim=2))
        return self.proj(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))

    def keys(self, x: Tensor) -> Tensor:
        """The keys ``(N, T, C)``, those of all heads side by side."""
        width = self.qkv.in_features
        rows = slice(width, 2 * width)
        return F.linear(x, self.qkv.weight[rows], self.qkv.bias[rows])


class Mlp(nn.Module):
    """Two layers, four times as wide between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    """A factor for each channel (Touvron et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Attention and MLP, each normalised before and added to its input."""

    def __init__(self, width: int, heads: int, layer_scale: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn, self.mlp = Attention(width, heads), Mlp(width)
        self.ls1, self.ls2 = (LayerScale(width) if layer_scale else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Images ``(N, 3, H, W)`` to one token per whole patch, row by row: ``(N, T, C)``."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """Normalised images ``(N, 3, H, W)`` to the outputs of :func:`outputs_of`.

    Tokens are the class token, then registers (Darcet et al. 2024), then the patches row by row.

    Args:
        width: C, numbers in a token.
        depth: blocks.
        heads: of the attention.
        patch: side of the patches.
        side: of the images for which there are position embeddings; for others, these are interpolated.
        registers: extra tokens without a place.
        layer_scale: as in DINOv2.
        offset: added to the numbers of patches from which the factor of the interpolation follows; 0 gives the target
            size in place of a factor.
        antialias: of the interpolation.
    """

    def __init__(self, width: int, depth: int, heads: int, patch: int, side: int, registers: int = 0,
                 layer_scale: bool = False, offset: float = 0.1, antialias: bool = False) -> None:
        super().__init__()
        self.patch, self.side, self.offset, self.antialias = patch, side, offset, antialias
        self.patch_embed = PatchEmbed(patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (side // patch) ** 2, width))
        self.register_tokens = nn.Parameter(torch.zeros(1, registers, width)) if registers else None
        self.blocks = nn.ModuleList(Block(width, heads, layer_scale) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """The outputs ``names``; later blocks are not computed."""
        asked = {int(name.removeprefix('keys')) for name in names if name.startswith('keys')}
        whole = any(not name.startswith('keys') for name in names)
        out: dict[str, Tensor] = {}
        tokens = self.tokens(x)
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            if number in asked:
                out[f'keys{number}'] = block.attn.keys(block.norm1(tokens))
            if not whole and number == max(asked):
                break
            tokens = block(tokens)
        if whole:
            tokens = self.norm(tokens)
            first = 1 if self.register_tokens is None else 1 + self.register_tokens.shape[1]
            out |= {'cls': tokens[:, 0], 'patches': tokens[:, first:]}
        return {name: out[name] for name in names}

    def tokens(self, x: Tensor) -> Tensor:
        """What enters the first block, ``(N, T, C)``."""
        patches = self.patch_embed(x)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], 1) + self.positions(x.shape[2], x.shape[3])
        if self.register_tokens is None:
            return tokens
        return torch.cat([tokens[:, :1], self.register_tokens.expand(len(x), -1, -1), tokens[:, 1:]], 1)

    def positions(self, height: int, width: int) -> Tensor:
        """Position embeddings ``(1, 1 + patches, C)`` for images of this size."""
        rows, columns = height // self.patch, width // self.patch
        side = math.isqrt(self.pos_embed.shape[1] - 1)
        if rows * columns == side**2 and height == width:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        if self.offset:
            factor = ((rows + self.offset) / side, (columns + self.offset) / side)
            grid = F.interpolate(grid, scale_factor=factor, mode='bicubic', antialias=self.antialias)
        else:
            grid = F.interpolate(grid, (rows, columns), mode='bicubic', antialias=self.antialias)
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], 1)


def outputs_of(depth: int) -> tuple[str, ...]:
    """``'cls'`` ``(N, C)`` and ``'patches'`` ``(N, patches, C)``, both after the last norm, and ``'keys0'`` ... of
    every block, ``(N, T, C)``."""
    return ('cls', 'patches', *(f'keys{number}' for number in range(depth)))
