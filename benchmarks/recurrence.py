"""What docs/recurrence.md shows: how well each state keeps the past, drawn as SVG, and how long the last of them takes on this machine.

python benchmarks/recurrence.py            # prints the tables
python benchmarks/recurrence.py --draw     # and writes docs/recurrence-hippo.svg and docs/recurrence-recall.svg
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from inference.kernels.gated_delta import gated_delta_rule

DOCS = Path(__file__).resolve().parents[1] / "docs"
Floats = npt.NDArray[np.float64]
ORDERS = (4, 16, 64)
RULES = ("sum", "decay", "delta", "gated delta")
COLOURS = ("#888888", "#d97706", "#2563eb", "#059669")
WIDTHS = {"the signal": 6.0}  # the others are drawn upon it
KEYS = (4, 8, 16, 24, 32, 48, 64, 96, 128)
DIM = 32


def hippo(order: int) -> tuple[Floats, Floats]:
    """HiPPO-LegS: `A [N, N]` and `B [N]` of dx/dt = (-A x + B u) / t."""
    n = np.arange(order)
    scale = np.sqrt(2 * n + 1)
    lower = np.tril(np.outer(scale, scale), -1) + np.diag(n + 1.0)
    return lower, scale


def remembered(signal: Floats, order: int) -> Floats:
    """What `order` numbers still know of all of `signal` at its end: the Legendre series that they are the coefficients of."""
    a, b = hippo(order)
    x = np.zeros(order)
    for k, u in enumerate(signal, start=1):  # bilinear steps of dt = 1 at t = k: the time scale cancels out
        x = np.linalg.solve(np.eye(order) + a / (2 * k), (np.eye(order) - a / (2 * k)) @ x + b * u / k)
    s = (2 * np.arange(len(signal)) + 1) / len(signal) - 1
    values: Floats = np.polynomial.legendre.legval(s, x * np.sqrt(2 * np.arange(order) + 1))
    return values


def smooth_signal(length: int = 1024, seed: int = 0) -> Floats:
    """Random, without what is faster than 20 waves."""
    rng = np.random.default_rng(seed)
    t = np.arange(length) / length
    waves = sum(rng.normal() / (1 + w / 4) * np.sin(2 * np.pi * (w * t + rng.random())) for w in range(1, 20))
    return np.asarray(waves, dtype=np.float64)


def state_after(rule: str, keys: torch.Tensor, values: torch.Tensor, decay: float = 0.98) -> torch.Tensor:
    """The state `[D, Dv]` that `rule` leaves after keys `[T, D]` of length 1 and values `[T, Dv]`."""
    state = torch.zeros(keys.shape[1], values.shape[1], dtype=keys.dtype)
    keep = decay if rule in ("decay", "gated delta") else 1.0
    for k, v in zip(keys, values, strict=True):
        state = keep * state
        known = state.T @ k if "delta" in rule else torch.zeros_like(v)
        state = state + torch.outer(k, v - known)
    return state


def recall_error(rule: str, num_keys: int, *, rewrites: int, trials: int = 20) -> float:
    """Relative error of what is read for the last `DIM // 2` keys that were written; each key's value is written anew `rewrites` times."""
    errors = []
    for seed in range(trials):
        dice = torch.Generator().manual_seed(seed)
        keys = torch.nn.functional.normalize(torch.randn(num_keys, DIM, generator=dice, dtype=torch.float64), dim=-1)
        written = torch.randn(rewrites, num_keys, DIM, generator=dice, dtype=torch.float64)
        state = state_after(rule, keys.repeat(rewrites, 1), written.flatten(0, 1))
        asked = slice(-min(num_keys, DIM // 2), None)
        errors.append(float((keys[asked] @ state - written[-1, asked]).norm() / written[-1, asked].norm()))
    return float(np.mean(errors))


def timings(lengths: tuple[int, ...] = (256, 1024, 4096)) -> list[tuple[int, float, float]]:
    """The length; our chunked kernel and causal attention over the same heads in processor milliseconds of one thread."""
    torch.set_num_threads(1)
    heads, dim = 4, 64
    rows = []
    for length in lengths:
        q, k, v = (torch.randn(length, heads, dim) for _ in range(3))
        decay, beta = -torch.rand(length, heads) * 0.1, torch.rand(length, heads)
        ends = torch.tensor([0, length], dtype=torch.int32)
        rule = _best(lambda q=q, k=k, v=v, d=decay, b=beta, e=ends: gated_delta_rule(q, k, v, d, b, e, normalize=True))
        wide = [x.transpose(0, 1)[None] for x in (q, k, v)]
        attention = _best(lambda w=wide: torch.nn.functional.scaled_dot_product_attention(*w, is_causal=True))
        rows.append((length, rule, attention))
    return rows


def _best(call: Callable[[], object], rounds: int = 5) -> float:
    times = []
    with torch.inference_mode():
        for _ in range(rounds):
            start = time.thread_time()
            call()
            times.append(time.thread_time() - start)
    return min(times) * 1e3


def svg(title: str, x_label: str, y_label: str, lines: list[tuple[str, str, Floats, Floats]], top: float, *, bottom: float = 0.0) -> str:
    """Lines `(name, colour, x, y)` in one frame; what is above `top` or below `bottom` is cut off."""
    left, right, high, low = 60, 700, 40, 300
    most, least = max(float(x.max()) for _, _, x, _ in lines), min(float(x.min()) for _, _, x, _ in lines)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 350" font-family="sans-serif" font-size="13">',
        '<rect width="860" height="350" fill="white"/>',
        f'<text x="{left}" y="24" font-size="15">{title}</text>',
        f'<path d="M{left} {high}V{low}H{right}" fill="none" stroke="#444"/>',
        f'<text x="{(left + right) // 2}" y="338" text-anchor="middle">{x_label}</text>',
        f'<text x="18" y="170" text-anchor="middle" transform="rotate(-90 18 170)">{y_label}</text>',
    ]
    for mark in np.linspace(bottom, top, 5):
        y = low - (mark - bottom) / (top - bottom) * (low - high)
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{mark:.2g}</text>')
    for mark in np.linspace(least, most, 5):
        x = left + (mark - least) / (most - least) * (right - left)
        parts.append(f'<text x="{x:.0f}" y="318" text-anchor="middle">{mark:.0f}</text>')
    for number, (name, colour, xs, ys) in enumerate(lines):
        across = left + (xs - least) / (most - least) * (right - left)
        up = low - (np.clip(ys, bottom, top) - bottom) / (top - bottom) * (low - high)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, up, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{WIDTHS.get(name, 1.6)}"/>')
        parts.append(f'<text x="{right + 10}" y="{60 + 20 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="write the figures into docs/")
    options = parser.parse_args()
    signal = smooth_signal()
    kept = {order: remembered(signal, order) for order in ORDERS}
    print("HiPPO: relative error of 1024 samples rebuilt from N numbers")
    for order, values in kept.items():
        print(f"  N = {order:<3} {float(np.linalg.norm(values - signal) / np.linalg.norm(signal)):.3f}")
    print(f"\nrelative error of what a {DIM} x {DIM} state reads for the keys that were written last: keys, then each rule")
    recalled = {(rule, n, again): recall_error(rule, n, rewrites=again) for again in (1, 3) for rule in RULES for n in KEYS}
    for again in (1, 3):
        print(f"  each written {'once' if again == 1 else f'{again} times, with another value each time'}: {', '.join(RULES)}")
        for n in KEYS:
            print(f"  {n:>5}  " + "  ".join(f"{recalled[rule, n, again]:.2f}" for rule in RULES))
    print("\nprocessor milliseconds of one thread, 4 heads of 64, float32: tokens, ours, causal attention (torch), ratio")
    for length, rule, attention in timings():
        print(f"  {length:>5}  {rule:8.1f}  {attention:8.1f}  {attention / rule:.2f}")
    if options.draw:
        at = np.arange(0, len(signal), 8)
        lines = [("the signal", "#bbbbbb", at * 1.0, signal[at])]
        lines += [(f"from {n} numbers", c, at * 1.0, kept[n][at]) for n, c in zip(ORDERS, COLOURS[1:], strict=True)]
        edge = float(np.abs(signal).max()) * 1.2
        figure = svg("What N numbers remember of 1024 samples (HiPPO-LegS)", "sample", "value", lines, edge, bottom=-edge)
        (DOCS / "recurrence-hippo.svg").write_text(figure)
        keys = np.array(KEYS, dtype=np.float64)
        curves = [(r, c, keys, np.array([recalled[r, n, 3] for n in KEYS])) for r, c in zip(RULES, COLOURS, strict=True)]
        title = f"Error of recall from a {DIM} × {DIM} state, each key's value rewritten twice"
        (DOCS / "recurrence-recall.svg").write_text(svg(title, "keys", "relative error", curves, 2.0))


if __name__ == "__main__":
    main()
