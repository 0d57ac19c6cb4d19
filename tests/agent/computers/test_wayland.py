"""Where the monitors of a Wayland session lie on the one screen; the contract's tests have the rest."""

from __future__ import annotations

from actions.geometry import Size
from agent.computers.wayland.portal import Monitor
from agent.computers.wayland.streams import arrange


def test_monitors_lie_as_on_the_desktop_in_pixels_of_the_finest() -> None:
    coarse = Monitor(node=1, left=-1920, top=0, logical=(1920, 1080))
    fine = Monitor(node=2, left=0, top=100, logical=(1280, 720))
    places = arrange([(coarse, Size(1920, 1080)), (fine, Size(2560, 1440))])
    assert [(place.left, place.top, *place.size) for place in places] == [(0, 0, 3840, 2160), (3840, 200, 2560, 1440)]
    assert places[0].logical(3839, 2159) == (1919.5, 1079.5)
    assert places[1].logical(3840, 200) == (0.0, 0.0)
    assert [place.distance(3845, 210) for place in places] == [6, 0]
