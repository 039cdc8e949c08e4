"""An API that is asked only for what is newer than the last run's answer."""

from email.utils import formatdate

import pytest
from support.web_server import web_server
from support.worker_process import order, table

from orc_domain.egress import parse_egress
from orc_domain.extract import parse_extractor
from orc_executor.extractors.api.source import ApiSource
from orc_executor.frames import LoadLimits
from orc_executor.paths import Folders
from orc_executor.scratch import Scratch
from orc_executor.secrets import Secrets
from orc_executor.state import NO_STATE, NOTHING_LEARNED, TaskState
from orc_executor.underway import Reach, Underway

MODIFIED = formatdate(1_700_000_000, usegmt=True)


@pytest.fixture
def gathered(tmp_path):
    """Gather from a config and return the source."""

    def gather(config, state=NO_STATE):
        reach = Reach(
            Folders(tmp_path, ()), Scratch(tmp_path / "x"), Secrets({}, None), parse_egress(("loopback",))
        )
        underway = Underway(order(config, table(), limits=LoadLimits()), reach)
        source = ApiSource(parse_extractor(config), underway, state)
        source.gather()
        return source, underway

    return gather


def keeping(learned):
    return TaskState(etag=learned.etag, last_modified=learned.last_modified)


def answer_on(condition):
    def answer(asked):
        if asked.headers.get(condition[0]) == condition[1]:
            return 304, {}, b""
        return 200, {"etag": '"v1"', "last-modified": MODIFIED}, [{"a": 1}]

    return answer


@pytest.mark.parametrize("condition", [("if-none-match", '"v1"'), ("if-modified-since", MODIFIED)])
def test_what_is_unchanged_is_not_loaded_again(gathered, condition):
    """The second run asks with what the first one learned, and keeps it."""
    with web_server(answer_on(condition)) as server:
        config = {"type": "api", "url": server.url, "conditional": True}
        first, underway = gathered(config)
        assert (first.learned().is_unchanged, underway.rows) == (False, 1)
        second, underway = gathered(config, keeping(first.learned()))
        assert (second.learned().is_unchanged, underway.rows, underway.bytes) == (True, 0, 0)
        third, _ = gathered(config, keeping(second.learned()))
        assert third.learned() == second.learned()
    assert condition[0] not in server.asked[0].headers


def test_another_question_is_asked_without_condition(gathered):
    """A new parameter or column: the old answer's validators say nothing of it."""
    with web_server(answer_on(("if-none-match", '"v1"'))) as server:
        config = {"type": "api", "url": server.url, "conditional": True}
        first, _ = gathered(config)
        for more in ({"params": {"day": 2}}, {"select": ["a"]}):
            source, underway = gathered({**config, **more}, keeping(first.learned()))
            assert (source.learned().is_unchanged, underway.rows) == (False, 1)
    assert all("if-none-match" not in asked.headers for asked in server.asked)


def test_a_new_answer_has_new_validators(gathered):
    """Those of the old one are not kept beside them; what a header cannot hold is none."""
    versions = iter(['"v1"', None, '"' + "x" * 5000 + '"'])

    def answer(asked):
        etag = next(versions)
        return 200, {} if etag is None else {"etag": etag}, [{"a": 1}]

    with web_server(answer) as server:
        config = {"type": "api", "url": server.url, "conditional": True}
        learned = gathered(config)[0].learned()
        assert learned.etag.endswith(' "v1"')
        for _ in range(2):
            assert gathered(config, keeping(learned))[0].learned() == NOTHING_LEARNED


def test_nothing_is_learned_where_the_config_does_not_ask(gathered):
    """The default."""
    with web_server(answer_on(("if-none-match", '"v1"'))) as server:
        assert gathered({"type": "api", "url": server.url})[0].learned() == NOTHING_LEARNED
