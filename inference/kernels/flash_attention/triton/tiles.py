"""Pieces of every Triton kernel here: rows of a matrix, in a main part and a tail, and scores with their soft cap.

A head size is cut into the greatest power of two in it and the rest, padded to a power of two: 72 = 64 + 16, 192 = 128 + 64,
576 = 512 + 64. Padding 80 to 128 instead would cost more than half of the work again. Where there is no tail, any tensor stands in for it
and is not looked at.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load_rows(base, offsets, inside, FIRST: tl.constexpr, BLOCK: tl.constexpr, SIZE: tl.constexpr, UP: tl.constexpr):
    """Columns `FIRST … FIRST + BLOCK` of the rows at `offsets`, zero past `SIZE` and where not `inside`.

    `UP`: as float32. Triton's interpreter computes with the bits of bfloat16 as if they were integers.
    """
    columns = FIRST + tl.arange(0, BLOCK)
    mask = inside[:, None]
    if FIRST + BLOCK > SIZE:
        mask = mask & (columns < SIZE)[None, :]
    x = tl.load(base + offsets[:, None] + columns[None, :], mask=mask, other=0.0)
    if UP:
        x = x.to(tl.float32)
    return x


@triton.jit
def store_rows(base, offsets, inside, x, FIRST: tl.constexpr, BLOCK: tl.constexpr, SIZE: tl.constexpr):
    columns = FIRST + tl.arange(0, BLOCK)
    mask = inside[:, None] & (columns < SIZE)[None, :]
    tl.store(base + offsets[:, None] + columns[None, :], x.to(base.dtype.element_ty), mask=mask)


@triton.jit
def two_part_dot(a, a_tail, b, b_tail, TAIL: tl.constexpr, PRECISION: tl.constexpr):
    """`[a a_tail] · [b b_tail]ᵀ`."""
    product = tl.dot(a, tl.trans(b), input_precision=PRECISION)
    if TAIL:
        product = tl.dot(a_tail, tl.trans(b_tail), product, input_precision=PRECISION)
    return product


@triton.jit
def tanh(x):
    """To the last bits, which `1 - 2 / (e²ˣ + 1)` alone loses near 0. Polynomial: Cephes' tanhf (Moshier, netlib.org/cephes)."""
    square = x * x
    near = -5.70498872745e-3 * square + 2.06390887954e-2
    near = near * square - 5.37397155531e-2
    near = near * square + 1.33314422036e-1
    near = near * square - 3.33332819422e-1
    near = near * square * x + x
    size = tl.abs(x)
    far = 1.0 - 2.0 / (tl.exp(2.0 * size) + 1.0)
    return tl.where(size < 0.625, near, tl.where(x < 0, -far, far))


@triton.jit
def bent(product, scale, softcap, SOFTCAP: tl.constexpr):
    """What `factor` has to be multiplied on to get scores: the product itself, or its tanh."""
    if SOFTCAP:
        product = tanh(product * (scale / softcap))
    return product


@triton.jit
def factor(scale, softcap, SOFTCAP: tl.constexpr):
    """From `bent` products to scores in units of ln 2, for exp2."""
    if SOFTCAP:
        return softcap * 1.4426950408889634
    else:  # noqa: RET505 - Triton compiles one branch only
        return scale * 1.4426950408889634


@triton.jit
def visible(keys, places, num_keys, window_left, window_right, LEFT: tl.constexpr, RIGHT: tl.constexpr):
    """Which of `keys` a query at each of `places` sees; either may be a column and the other a row."""
    seen = (keys < num_keys) & (places == places)
    if LEFT:
        seen = seen & (keys >= places - window_left)
    if RIGHT:
        seen = seen & (keys <= places + window_right)
    return seen
