"""
Transfer: one order, from its configs to its answer.

    settle        read the receipt, load nothing
    check         an earlier attempt may have loaded it: read the receipt, hold that attempt back
    look          where the task goes on from its last run: read what the target remembers
    gather        bring near what is far away, no target locked
    load          in one transaction, with its receipt and what is to be remembered

The loader `discard` keeps nothing, so it has no receipts and loads again whenever it is asked.
"""

from orc_domain.extract import Extractor
from orc_domain.load import Loader
from orc_domain.task_rules import goes_on
from orc_executor.engine import Engine
from orc_executor.errors import StateContended
from orc_executor.extractors.opening import open_source
from orc_executor.frames import Answer, Loaded, NoReceipt, TaskOrder
from orc_executor.loaders.discard import discard
from orc_executor.loaders.opening import open_target
from orc_executor.loaders.target import NOTHING_KNOWN, Known, StateMoved
from orc_executor.state import NO_STATE, TaskState, set_by
from orc_executor.underway import Underway

STATE_TRIES_MAX = 3
"""How often an order begins again because another run of its task was loaded meanwhile."""


def transfer(extractor: Extractor, loader: Loader, engine: Engine, underway: Underway) -> Answer:
    """Do what the order says; raises TaskError, TaskStopped."""
    order = underway.order
    target = open_target(loader, engine, underway)
    if target is None:
        if order.settle:
            return NoReceipt()
        source = open_source(extractor, underway, NO_STATE)
        source.gather()
        return Loaded(discard(source, engine, underway))
    known, is_stateful = NOTHING_KNOWN, goes_on(extractor) and order.window is None
    if order.settle or order.check_receipt:
        known = target.look()
        if known.receipt is not None:
            return Loaded(known.receipt.result, already=True)
        if order.settle:
            return NoReceipt()
    for tries_left in reversed(range(STATE_TRIES_MAX)):
        if is_stateful:
            known = target.look()
            if known.receipt is not None:
                return Loaded(known.receipt.result, already=True)
        state = _where_to_go_on(known, order) if is_stateful else NO_STATE
        source = open_source(extractor, underway, state)
        source.gather()
        underway.check_stop()
        try:
            receipt, already = target.load(source, state if is_stateful else None)
        except StateMoved as moved:
            if not tries_left:
                raise StateContended(STATE_TRIES_MAX) from moved
            continue
        return Loaded(receipt.result, already=already)
    raise AssertionError("the last try returns or raises")


def _where_to_go_on(known: Known, order: TaskOrder) -> TaskState:
    """Return the state, with a cursor that somebody set since in place of its own."""
    return known.state if order.cursor_set is None else set_by(order.cursor_set, known.state)
