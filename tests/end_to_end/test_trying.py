"""A task is tried before it is saved, loads what is new, and is sent back, on the whole stack."""

from support.rest import Rest, into, rows, task, until

INCREMENTAL = {"type": "jsonl", "path": "tried/orders.jsonl", "incremental": {"cursor": "id"}}
APPEND = into("tried/out.duckdb", "orders", write_disposition="append")


def test_tried_loaded_and_sent_back(rest: Rest, data):
    """What a preview tells comes true; a cursor that is set is where the next run begins, once."""
    (data / "tried").mkdir()
    file = data / "tried" / "orders.jsonl"
    file.write_text(records(1, 2))
    body = task(INCREMENTAL, APPEND) | {"limit": 1}
    # An executor takes previews a moment after the gateway is ready.
    preview = until(lambda: _shown(rest, body), "a preview")
    assert (preview["rows"], preview["is_complete"], preview["target"]) == (
        [{"id": 1, "name": "x"}], False,
        {"exists": False, "would": ["make table orders with id BIGINT, name VARCHAR"]},
    )  # fmt: skip
    assert [path.name for path in file.parent.iterdir()] == ["orders.jsonl"]

    job = rest.create_job("tried", task(INCREMENTAL, APPEND))
    path = f"/jobs/{job['job_id']}/tasks/1/cursor"
    assert rest.finished(rest.run(job))["status"] == "success"
    assert rest.get(path) == {"cursor": {"column": "id", "value": "2"}, "set": None}
    file.write_text(records(1, 2, 3))
    rest.finished(rest.run(job))
    assert rest.http.post(path, json={"value": "3"}).status_code == 200
    assert rest.get(path)["set"]["value"] == "3"
    rest.finished(rest.run(job))
    assert rest.get(path) == {"cursor": {"column": "id", "value": "3"}, "set": None}
    rest.finished(rest.run(job))
    assert rows(data / "tried" / "out.duckdb", "SELECT id FROM orders ORDER BY id") == [
        (1,),
        (2,),
        (3,),
        (3,),
    ]


def records(*ids):
    return "".join(f'{{"id": {one}, "name": "x"}}\n' for one in ids)


def _shown(rest: Rest, body):
    answer = rest.http.post("/tasks/preview", json=body)
    if answer.status_code == 503:
        return None
    assert answer.status_code == 200, answer.text
    return answer.json()
