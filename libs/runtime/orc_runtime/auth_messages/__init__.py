"""
What the gateway asks the auth service over core NATS, and what it answers: a module per kind of question.

Request and reply only, never a stream: these messages hold passwords and tokens. All of them are `Secret`s, so that
printing a message shows none; `wire.encode` and `wire.decode` are the one place where they go through the wire.
"""
