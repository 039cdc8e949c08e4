"""How many runs an executor takes, and when it claims one ahead."""

from uuid import UUID

from orc_executor.admission import SHORT_SECONDS_MAX, Admission

QUICK_JOB, SLOW_JOB = UUID(int=1), UUID(int=2)


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Messages:
    """A subscription's side of it: what was asked for and has not come."""

    def __init__(self, slots):
        self.time = Time()
        self.asked_for = Admission.capacity(slots)
        self.admission = Admission(slots, self.release, self.time)

    def release(self):
        self.asked_for += 1

    def come(self, job_id):
        assert self.asked_for > 0
        self.asked_for -= 1
        return self.admission.admit(job_id)


def test_unknown_jobs_get_the_slots_and_no_more():
    """A job that never ran here may be long: behind it nothing is claimed."""
    messages = Messages(2)
    tickets = [messages.come(SLOW_JOB) for _ in range(4)]
    assert [ticket is not None for ticket in tickets] == [True, True, False, False]
    assert (messages.asked_for, messages.admission.active) == (0, 2)


def test_nothing_is_asked_for_while_all_slots_are_long():
    """A message that was given back is not asked for again before a slot is free; then exactly one is."""
    messages = Messages(1)
    ticket = messages.come(SLOW_JOB)
    assert messages.come(SLOW_JOB) is None
    assert messages.asked_for == 0
    ticket.leave(10.0)
    assert messages.asked_for == 1


def test_behind_a_short_run_one_is_claimed_ahead():
    """A job whose last run was short lets the next claim happen while it runs."""
    messages = Messages(1)
    messages.come(QUICK_JOB).leave(0.01)
    first, second = messages.come(QUICK_JOB), messages.come(QUICK_JOB)
    assert (first is not None, second is not None, messages.admission.active) == (True, True, 2)
    assert messages.asked_for == 0


def test_a_short_run_that_grows_long_lets_nobody_in():
    """When a run takes longer than its job's last one, nothing more waits behind it."""
    messages = Messages(1)
    messages.come(QUICK_JOB).leave(0.01)
    messages.come(QUICK_JOB)
    messages.time.now += SHORT_SECONDS_MAX
    assert messages.come(QUICK_JOB) is None


def test_a_ticket_may_turn_to_a_long_run():
    """Where another job's run was claimed instead, that one's length counts: nobody is let in behind it, nor by it."""
    messages = Messages(1)
    messages.come(QUICK_JOB).leave(0.01)
    ticket = messages.come(QUICK_JOB)
    messages.admission.turn(ticket, SLOW_JOB)
    assert messages.come(SLOW_JOB) is None
    ticket.leave(10.0)
    messages.come(QUICK_JOB)
    assert messages.come(QUICK_JOB) is not None


def test_leaving_twice_frees_one_slot():
    """A ticket is taken back once."""
    messages = Messages(1)
    ticket = messages.come(SLOW_JOB)
    ticket.leave(1.0)
    ticket.leave()
    assert (messages.admission.active, messages.asked_for) == (0, 1)


def test_room_and_requests_always_add_up():
    """Whatever comes and goes, what is asked for always covers the free room."""
    messages = Messages(3)
    here = []
    for step in range(200):
        if step % 3 and messages.asked_for:
            ticket = messages.come(QUICK_JOB if step % 5 else SLOW_JOB)
            here += [ticket] if ticket else []
        elif here:
            here.pop(0).leave(0.01 if step % 2 else 5.0)
        messages.time.now += 0.03
        room = messages.admission.limit - messages.admission.active
        assert messages.asked_for >= room
        assert messages.admission.active <= 6
