"""What Seg is like for everybody, and when a row of failures is nobody's bad luck."""

from __future__ import annotations

import pytest

from consumer.seg.answers import Answer
from consumer.seg.weather import BOUND, FAIR_CALLS, SLICE_MAX_S, TROUBLE_MAX, Weather
from tests.seg.support import chance

FAILED = Answer(500, "", None, 0.1)


def weather_of(*, taken: int = 0, troubled: int = 0, refused: int = 0) -> Weather:
    """Return weather in which first attempts have met that since the start."""
    weather = Weather(0.0)
    weather.taken += taken
    weather.troubled += troubled
    weather.refused += refused
    return weather


class TestChance:
    """How probable it is that a call like the others fails."""

    def test_nobody_else(self) -> None:
        """Where nobody else was tried a failure says nothing of the call."""
        weather = Weather(0.0)

        assert weather.chance_since(weather.mark(), FAILED) == 1.0

    def test_all_others_fail(self) -> None:
        """Nor where all others fail as well."""
        weather = Weather(0.0)
        mark = weather.mark()
        weather.troubled += 50

        assert weather.chance_since(mark, FAILED) == 1.0

    @pytest.mark.parametrize(("taken", "troubled"), [(1, 0), (9, 0), (50, 50), (1, 99)])
    def test_share(self, taken: int, troubled: int) -> None:
        """The chance to be among those that failed, of all that were tried."""
        weather = Weather(0.0)
        mark = weather.mark()
        weather.taken += taken
        weather.troubled += troubled

        expected = (troubled + 1) / (taken + troubled + 1)
        assert weather.chance_since(mark, FAILED) == expected

    @pytest.mark.parametrize("status", [429])
    def test_throttle(self, status: int) -> None:
        """A 429 speaks of all requests together, never of one call."""
        weather = Weather(0.0)
        mark = weather.mark()
        weather.taken += 1_000

        assert weather.chance_since(mark, FAILED._replace(status=status)) == 1.0

    @pytest.mark.parametrize("status", [503, None])
    def test_bad_weather(self, status: int | None) -> None:
        """503 and silence speak against a call only where hardly anybody else meets trouble."""
        weather = Weather(0.0)
        mark = weather.mark()
        weather.taken += 90
        fair = weather.chance_since(mark, FAILED._replace(status=status))
        weather.troubled += 10
        bad = weather.chance_since(mark, FAILED._replace(status=status))

        assert fair < 0.02
        assert bad == 1.0

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
    def test_bound_holds(self, share: float) -> None:
        """A good call's row is below a bound no more often than the bound says, in any weather."""
        dice, bound, rows, below = chance(7), 0.01, 20_000, 0
        for _ in range(rows):
            weather, row = Weather(0.0), 1.0
            mark = weather.mark()
            while dice.random() < share and row >= bound:
                others = dice.choice([0, 1, 3, 10])
                troubled = sum(dice.random() < share for _ in range(others))
                weather.troubled += troubled
                weather.taken += others - troubled
                row *= weather.chance_since(mark, FAILED)
                mark = weather.mark()
            below += row < bound

        assert below / rows <= bound


class TestWindow:
    """What counts is what Seg is like lately."""

    def test_fair_at_the_start(self) -> None:
        """The first failure of a run makes no bad weather."""
        assert weather_of(troubled=1).trouble == 1 / (1 + FAIR_CALLS)

    def test_moves_on(self) -> None:
        """What was a while ago is forgotten, however little was tried since."""
        weather = weather_of(troubled=1_000)
        before = weather.trouble
        for number in range(1, 5):
            weather.taken += 1
            weather.turn(number * SLICE_MAX_S)

        assert before == TROUBLE_MAX
        assert weather.trouble == 0.0

    def test_row_of_bad_weather(self) -> None:
        """At half of all failing, 30 in a row are less probable than one in a thousand millions."""
        weather = weather_of(taken=5_000, troubled=5_000)

        assert weather.row(BOUND) == 30
        assert Weather(0.0).row(BOUND) == 1

    def test_takes(self) -> None:
        """It knows whether Seg has taken anything lately."""
        assert not weather_of(troubled=5, refused=5).takes
        assert weather_of(taken=1).takes

    def test_restart(self) -> None:
        """After an outage its trouble does not count any more, but no count is lost."""
        weather = weather_of(taken=3, troubled=1_000)
        mark = weather.mark()
        weather.restart(5.0)

        assert weather.trouble == 0.0
        assert weather.mark() == mark
