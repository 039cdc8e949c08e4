"""P2: under a steady load with one fault after another, throughput is back within 30 s of the last; a plot shows it."""

import statistics
import time

from faults.client import Client
from faults.load import Load
from faults.machine import Machine
from faults.timeline import draw, faults_in, per_second
from faults.verdict import OUTPUT, fetch_all, require_sound

ENDED = "SELECT extract(epoch FROM recorded_at)::float8 AS at FROM log.events WHERE type = 'run.succeeded' ORDER BY 1"
CALM_SECONDS, BETWEEN_SECONDS, BACK_SECONDS_MAX, WINDOW_SECONDS = 12, 6, 30, 5


def test_throughput_comes_back(machine: Machine, client: Client, csv: str):
    """Six faults; within 30 s of the last one five seconds in a row are as good as before (80 % of the median)."""
    jobs = [
        client.create(f"load {n}", {"type": "csv", "path": csv}, {"type": "duckdb", "db_path": f"load{n}.duckdb",
                      "table_name": "rows", "load_id_column": "load_id"})
        for n in range(4)
    ]  # fmt: skip
    began = time.time()
    with Load(client, jobs, callers=4, pause_seconds=0.1) as load:
        machine.rest(CALM_SECONDS)
        machine.kill(machine.executors[0])
        machine.rest(BETWEEN_SECONDS)
        with machine.wires("nats", "cut"):
            machine.rest(3)
        machine.rest(BETWEEN_SECONDS)
        machine.kill("postgres")
        machine.rest(BETWEEN_SECONDS)
        machine.kill("nats", stay_down=True)
        machine.erase_jetstream()
        machine.begin("nats")
        machine.rest(BETWEEN_SECONDS)
        with machine.wires("postgres", "stall"):
            machine.rest(3)
        machine.rest(BETWEEN_SECONDS)
        machine.kill(*machine.schedulers, "gateway")
        last = time.time()
        machine.rest(BACK_SECONDS_MAX)
    assert client.all_finished(load.accepted) == {"success"}
    counts = per_second([row["at"] - began for row in fetch_all(machine, ENDED)])
    draw(
        OUTPUT / "timeline.svg",
        counts,
        faults_in(machine.history.path, began),
        f"seed {machine.history.seed}",
    )
    calm = statistics.median(counts[2:CALM_SECONDS])
    after = int(last - began)
    windows = [
        sum(counts[second : second + WINDOW_SECONDS]) / WINDOW_SECONDS
        for second in range(after, min(after + BACK_SECONDS_MAX, len(counts)) - WINDOW_SECONDS)
    ]
    back = next((n for n, rate in enumerate(windows) if rate >= 0.8 * calm), None)
    machine.history.write("figure", name="throughput back", before=calm, seconds=back)
    machine.history.require(
        kill_executor=1, cut_nats=1, kill_postgres=1, jetstream_erased=1, stall_postgres=1, kill_scheduler=2
    )
    require_sound(machine)
    assert back is not None, f"{calm} runs/s before, {windows} after the last fault"
