"""Likeness of texts: edit distance, and the token F1 of several benchmarks."""

from __future__ import annotations

import re
import string
from collections import Counter


def edit_distance(left: str, right: str) -> int:
    """Levenshtein distance: insertions, deletions and replacements of one character.

    By bit vectors (Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances"): a row of the table is two
    whole numbers, so long texts cost little.
    """
    if not left or not right:
        return len(left) or len(right)
    positions: dict[str, int] = {}
    for index, char in enumerate(left):
        positions[char] = positions.get(char, 0) | 1 << index
    last, every = 1 << (len(left) - 1), (1 << len(left)) - 1
    up, down, distance = every, 0, len(left)
    for char in right:
        matches = positions.get(char, 0)
        diagonal = (((matches & up) + up) ^ up) | matches | down
        right_up, right_down = down | ~(diagonal | up) & every, up & diagonal
        distance += 1 if right_up & last else -1 if right_down & last else 0
        right_up = right_up << 1 & every | 1
        up, down = right_down << 1 & every | ~(diagonal | right_up) & every, right_up & diagonal
    return distance


def set_f1(predicted: str, wanted: str) -> float:
    """F1 of the two sets of blank-separated words, 1 when both are empty (Mind2Web's operation F1)."""
    said, meant = set(predicted.split()), set(wanted.split())
    if not said or not meant:
        return float(said == meant)
    both = len(said & meant)
    if not both:
        return 0.0
    precision, recall = both / len(said), both / len(meant)
    return 2 * precision * recall / (precision + recall)


def squad_f1(predicted: str, wanted: str) -> float:
    """SQuAD's F1 of two texts as bags of words, without articles and punctuation (Rajpurkar et al. 2016, its evaluate-v1.1.py)."""
    said, meant = _squad_words(predicted), _squad_words(wanted)
    if not said or not meant:
        return float(said == meant)
    both = sum((Counter(said) & Counter(meant)).values())
    if not both:
        return 0.0
    precision, recall = both / len(said), both / len(meant)
    return 2 * precision * recall / (precision + recall)


def _squad_words(text: str) -> list[str]:
    bare = "".join(char for char in text.lower() if char not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()
