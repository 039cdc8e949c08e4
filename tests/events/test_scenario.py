"""Stories about a decider fail when they should."""

import pytest
from support.lights import LIGHTS, NOON, Broken, Light, Switch, SwitchedOff, SwitchedOn

from orc_events.scenario import Scenario


def test_story():
    """What was given is evolved, what follows is compared whole, and the state after it is returned."""
    story = Scenario(LIGHTS).given(SwitchedOn("bob"), at=NOON)
    assert story.state == Light(is_on=True, since=NOON)
    assert story.when(Switch(on=False)).then(SwitchedOff()) == Light(is_on=False, since=NOON)


def test_nothing_follows():
    """No events is an outcome like any other."""
    assert Scenario(LIGHTS).when(Switch(on=False)).then() == Light()


def test_rejection():
    """A refusal is returned for a closer look."""
    assert isinstance(Scenario(LIGHTS).when(Switch(on=True, by="nobody")).rejected(Broken), Broken)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda story: story.when(Switch(on=True)).then(),
        lambda story: story.when(Switch(on=True)).then(SwitchedOn("bob")),
        lambda story: story.when(Switch(on=True)).rejected(Broken),
        lambda story: story.when(Switch(on=True, by="nobody")).then(),
        lambda story: story.when(Switch(on=True, by="nobody")).rejected(KeyError),
        lambda story: story.then(),
    ],
)
def test_wrong_story(wrong):
    """A story that does not hold fails."""
    with pytest.raises(AssertionError):
        wrong(Scenario(LIGHTS))
