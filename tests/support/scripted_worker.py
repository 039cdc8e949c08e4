"""A worker process that does what its order's `do` says: for what a real one does only on a bad day."""

import os
import signal
import sys
import threading

from orc_domain.run_messages import TaskResult
from orc_executor.frames import (
    Failed,
    Loaded,
    NoReceipt,
    Ping,
    Pong,
    Progress,
    Ready,
    Stop,
    Stopped,
    TaskOrder,
    encode,
    orders,
)


def say(frame):
    os.write(1, encode(frame))


def obey(order, stop):
    match order.extractor_config["do"]:
        case "load":
            say(Progress(1, 10, 50.0))
            say(Loaded(TaskResult(rows=order.attempt)))
        case "look" if order.settle:
            say(NoReceipt())
        case "fail":
            say(Failed("source_unavailable", "HTTP 503", True))
        case "break":
            say(Failed("source_malformed", "line 3", False, fatal=True))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if order.attempt == 1:
            os._exit(3)
        case "die once":
            say(Loaded(TaskResult(rows=order.attempt)))
        case "wait":
            sys.stderr.write("waiting\n")
            sys.stderr.flush()
            stop.wait()
            say(Stopped())
        case "chatter":
            sys.stderr.write("x" * 1_000_000)
            sys.stderr.flush()
            say(Loaded(TaskResult(rows=0)))
        case "nonsense":
            os.write(1, b"\xff" * 64)
            threading.Event().wait()
        case _:
            # Also "deaf": it neither stops nor ends.
            threading.Event().wait()


def main():
    stop = threading.Event()
    say(Ready(os.getpid()))
    frames = orders()
    answers_pings = True
    while data := os.read(0, 65536):
        for frame in frames.feed(data):
            match frame:
                case TaskOrder():
                    stop.clear()
                    answers_pings = frame.extractor_config["do"] != "mute"
                    threading.Thread(target=obey, args=(frame, stop), daemon=True).start()
                case Stop():
                    stop.set()
                case Ping() if answers_pings:
                    say(Pong())


if __name__ == "__main__":
    main()
