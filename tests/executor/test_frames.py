"""The pipe between an executor and its worker."""

from uuid import UUID

import pytest

from orc_domain.run_messages import TaskResult
from orc_executor.frames import (
    FRAME_BYTES_MAX,
    FrameError,
    Loaded,
    Ping,
    Stop,
    TaskOrder,
    answers,
    encode,
    orders,
)

ORDER = TaskOrder(
    run_id=UUID(int=1),
    root_id=UUID(int=1),
    attempt=1,
    task_id=UUID(int=2),
    task_order=1,
    extractor_config={"type": "inline", "rows": [{"big": 2**200, "text": "é\n"}]},
    loader_config={"type": "discard"},
)


def test_frames_arrive_whole_however_the_bytes_come():
    """Cut anywhere, glued together or one by one, the same frames come out in order."""
    sent = [Ping(), ORDER, Stop()]
    data = b"".join(encode(frame) for frame in sent)
    for size in (1, 7, len(data)):
        reader = orders()
        pieces = [data[place : place + size] for place in range(0, len(data), size)]
        assert [frame for piece in pieces for frame in reader.feed(piece)] == sent


def test_an_answer_comes_back_as_it_was():
    """A result passes unchanged, its cursor included."""
    loaded = Loaded(
        TaskResult(rows=3, bytes=10, seconds=0.5, receipt="x", cursor={"after": 2**70}), already=True
    )
    assert list(answers().feed(encode(loaded))) == [loaded]


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", b"\0\0\0\2{}", b"\0\0\0\1{", encode(Loaded(TaskResult(rows=1)))]
)
def test_what_is_no_frame_is_refused(data):
    """A length past the limit, an unknown frame, broken JSON, a frame of the other direction."""
    with pytest.raises(FrameError):
        list(orders().feed(data))


def test_a_frame_past_the_limit_is_not_sent():
    """The sender says so, not the receiver."""
    with pytest.raises(FrameError, match=str(FRAME_BYTES_MAX)):
        encode(Loaded(TaskResult(rows=1, receipt="x" * FRAME_BYTES_MAX)))
