"""Carets, spinners and films are not news; windows over them are."""

from __future__ import annotations

from actions.geometry import Size
from agent.change import Rect
from agent.habits import LOOKS, Flicker, Habits, Restless, is_caret

SIZE = Size(1280, 720)
SPINNER = Rect(100, 100, 124, 124)
FILM = Rect(320, 160, 640, 400)


def test_a_tiny_place_that_changes_again_and_again_stops_counting() -> None:
    flicker = Flicker()
    for turn in range(3):
        assert flicker.news([SPINNER]) == (SPINNER,), turn
        flicker.learn([SPINNER])
    assert flicker.news([SPINNER]) == ()
    inner = Rect(104, 103, 120, 121)
    assert flicker.news([inner]) == (), "a spinner touches less than its whole square at some turns"
    assert flicker.news([Rect(200, 100, 224, 124)]) != ()


def test_a_large_place_counts_however_often_it_changes() -> None:
    flicker = Flicker()
    for _ in range(20):
        flicker.learn([FILM])
    assert flicker.news([FILM]) == (FILM,)


def test_a_caret_is_known_by_its_shape() -> None:
    assert is_caret(Rect(50, 50, 52, 70))
    assert not is_caret(Rect(50, 50, 60, 70))


def test_a_film_that_plays_all_the_time_is_no_news_but_a_window_over_it_is() -> None:
    restless = Restless(SIZE)
    for frame in range(LOOKS):
        restless.learn([Rect(320 + 10 * (frame % 3), 160, 640, 400 - 10 * (frame % 2))])
    assert restless.news([FILM]) == ()
    over = Rect(500, 300, 900, 600)
    assert restless.news([over]) == (over,)


def test_a_page_that_changed_now_and_then_is_news() -> None:
    restless = Restless(SIZE)
    for look in range(2 * LOOKS):
        restless.learn([FILM] if look % 4 == 0 else [])
    assert restless.news([FILM]) == (FILM,)


def test_a_clock_is_told_from_what_changed_once() -> None:
    habits = Habits(SIZE)
    clock, once = Rect(1200, 5, 1230, 20), Rect(50, 50, 70, 70)
    for changes in ((clock, once), (), (clock,), (FILM,), (FILM,)):
        habits.learn(changes)
    assert habits.restless_places() == (clock,), "a film is too large to be looked through"


def test_two_looks_are_too_few_to_call_anything_a_habit() -> None:
    habits = Habits(SIZE)
    for _ in range(2):
        habits.learn((FILM, SPINNER))
    assert habits.news([FILM, SPINNER]) == (FILM, SPINNER)
