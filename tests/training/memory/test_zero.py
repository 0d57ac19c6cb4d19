"""The table of the ZeRO paper comes out of our arithmetic to the digit."""

from __future__ import annotations

import pytest

from training.memory.zero import Stage, model_states

DEGREES = (1, 4, 16, 64, 256, 1024)
# Table 1 of arXiv 1910.02054: GB on each device, by degree of data parallelism. Whole numbers have their fractions cut off there.
TABLE: dict[float, dict[Stage, tuple[str, ...]]] = {
    7.5e9: {
        1: ("120", "52.5", "35.6", "31.4", "30.4", "30.1"),
        2: ("120", "41.3", "21.6", "16.6", "15.4", "15.1"),
        3: ("120", "30", "7.5", "1.88", "0.47", "0.12"),
    },
    128e9: {
        1: ("2048", "896", "608", "536", "518", "513"),
        2: ("2048", "704", "368", "284", "263", "257"),
        3: ("2048", "512", "128", "32", "8", "2"),
    },
    1e12: {
        1: ("16000", "7000", "4750", "4187", "4046", "4011"),
        2: ("16000", "5500", "2875", "2218", "2054", "2013"),
        3: ("16000", "4000", "1000", "250", "62.5", "15.6"),
    },
}


def as_printed(gigabytes: float, like: str) -> str:
    """With as many digits as the paper prints; its whole numbers are cut, its fractions rounded half up."""
    if "." not in like:
        return str(int(gigabytes))
    digits = len(like.split(".")[1])
    return f"{int(gigabytes * 10**digits + 0.5) / 10**digits:.{digits}f}"


@pytest.mark.parametrize("size", TABLE)
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_table_of_the_paper_comes_out_to_the_digit(size: float, stage: Stage) -> None:
    printed = TABLE[size][stage]
    ours = [as_printed(model_states(size, degree, stage).total / 1e9, like) for degree, like in zip(DEGREES, printed, strict=True)]
    assert tuple(ours) == printed


def test_without_sharding_a_parameter_takes_16_bytes() -> None:
    assert model_states(1.0, 64, 0).total == 16


def test_no_process_is_an_error() -> None:
    with pytest.raises(ValueError, match="degree of data parallelism is 0"):
        model_states(1.0, 0, 3)
