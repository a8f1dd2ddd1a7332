"""What a cut proves: trouble of our own making, or such as strikes at random."""

from __future__ import annotations

import pytest

from consumer.seg.trial import TRIAL_ANSWERS, TRIAL_ANSWERS_MAX, Trial, Usual
from tests.seg.support import chance


class TestUsual:
    """A share of trouble that fewer requests did not cure."""

    def test_nothing_is_usual_at_first(self) -> None:
        """At first little is tolerated."""
        assert Usual().exceeded_by(0.1, 50)
        assert not Usual().exceeded_by(0.01, 50)

    def test_learnt(self) -> None:
        """What was learnt is no trouble any more, and chance adds to it; much more is."""
        usual = Usual()
        usual.learn(0.3, 400)

        assert not usual.exceeded_by(0.4, 100)
        assert usual.exceeded_by(0.7, 100)

    def test_slowly_less(self) -> None:
        """It comes down slowly where there is a little less."""
        usual = Usual()
        usual.learn(0.3, 400)
        usual.less(0.25, 50)

        assert 0.29 < usual.share < 0.3

    def test_gone(self) -> None:
        """Where there is none any more that is no chance, and it is forgotten at once."""
        usual = Usual()
        usual.learn(0.3, 400)
        usual.less(0.0, 100)

        assert usual.share == 0.0


def verdict(trial: Trial, share: float, seed: int) -> bool | None:
    """Look at *trial* as the limits do, while *share* of all answers is trouble at random."""
    dice, answers, trouble = chance(seed), 0, 0
    enough, helped = TRIAL_ANSWERS, None
    while helped is None:
        trouble += sum(dice.random() < share for _ in range(enough - answers))
        answers = enough
        helped, enough = trial.helped(trouble / answers, answers), 2 * answers
    return helped


class TestTrial:
    """A cut that has yet to show that it helps."""

    @pytest.mark.parametrize(("share", "answers"), [(0.3, 30), (0.7, 10), (0.06, 50), (0.97, 300)])
    def test_cured(self, share: float, answers: int) -> None:
        """It helps where the trouble goes, or nearly so."""
        trial = Usual().trial(share, answers)

        assert all(verdict(trial, 0.0, seed) for seed in range(20))
        assert all(verdict(trial, share / 20, seed) for seed in range(20))

    @pytest.mark.parametrize("true", [0.05, 0.2, 0.35, 0.5, 0.6])
    @pytest.mark.parametrize("answers", [40, 400])
    def test_luck(self, true: float, answers: int) -> None:
        """It does not help against what strikes at random, however high chance made it before."""
        unlucky = true + 2.0 * (true * (1.0 - true) / answers) ** 0.5
        trial = Usual().trial(min(unlucky, 0.95), answers)

        cuts_kept = sum(verdict(trial, true, seed) is True for seed in range(200))

        assert cuts_kept <= 10

    def test_worse(self) -> None:
        """Much more trouble than before the cut is another throttle, and no chance."""
        assert Usual().trial(0.2, 50).helped(0.9, 50) is True

    def test_beyond_the_usual(self) -> None:
        """What was usual before need not be cured."""
        usual = Usual()
        usual.learn(0.3, 400)
        trial = usual.trial(0.8, 400)

        assert trial.helped(0.3, 400) is True
        assert trial.helped(0.75, 400) is False

    def test_undecided(self) -> None:
        """One that never tells is undone in the end."""
        trial = Trial(0.2, 0.1, 0.1)

        assert trial.helped(0.1, TRIAL_ANSWERS) is None
        assert trial.helped(0.1, TRIAL_ANSWERS_MAX) is False
