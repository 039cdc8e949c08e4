"""
Seeds that are run for ever, each with what it is kept for.

A seed draws from the whole simulation, so a change to it makes another history of the same number: what a kept seed found
has a test of its own where the fault was.
"""

KEPT: dict[int, str] = {
    3: "the bus forgets events that the relay had published; without the rewind they stay lost",
    16: "an attempt is lost after its COMMIT; without the receipt the next one loads again",
    25: "a handler dies with a command in its hands; acknowledged before its append, it were forgotten",
    105: "a worker sleeps through its lease and loads after its run was settled; without the fence it could",
}
