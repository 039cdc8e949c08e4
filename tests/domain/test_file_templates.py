"""Templates in the URLs of files: the day may be in the path, never in what is asked."""

import pytest

from orc_domain.job_spec import JobSpec, TaskSpec, check_spec
from orc_domain.rejection import Invalid

S3 = {"anonymous": True}


def check(**extractor):
    task = TaskSpec(extractor_config={"type": "jsonl", **extractor}, loader_config={"type": "discard"})
    check_spec(JobSpec(job_name="files", schedule="0 9 * * *", tasks=(task,)))


@pytest.mark.parametrize(
    "extractor",
    [
        {"path": "s3://bucket/day={{ due_at:%Y-%m-%d }}/*.jsonl", "storage": S3},
        {"path": ["day/{{ due_at:%Y }}.jsonl", "https://host/{{ due_at:%Y }}.jsonl"]},
        {"path": "s3://bucket/a", "storage": {**S3, "endpoint": "https://host/{{ due_at:%Y }}"}},
    ],
)
def test_a_template_after_the_host_is_taken(extractor):
    """Or the bucket."""
    check(**extractor)


@pytest.mark.parametrize(
    ("extractor", "place"),
    [
        ({"path": "{{ due_at:https://host/%Y }}"}, "path"), ({"path": "s{{ due_at:%w }}://bucket/a", "storage": S3}, "path"),
        ({"path": "s3://bucket-{{ due_at:%Y }}/a", "storage": S3}, "path"),
        ({"path": ["a", "https://{{ due_at:%Y }}.host/a"]}, "path[1]"),
        ({"path": "s3://bucket/a", "storage": {**S3, "endpoint": "https://{{ due_at:%Y }}.host"}}, "storage.endpoint"),
    ],
)  # fmt: skip
def test_a_template_that_decides_where_to_ask_is_refused(extractor, place):
    """What was judged when the job was created stays what is asked."""
    with pytest.raises(Invalid, match="scheme or the host") as refused:
        check(**extractor)
    assert refused.value.field == f"tasks[0].extractor_config.{place}"
