"""Calls a person, once, when one is needed, and says when it is over.

`incidents` decides what is worth a notice, and is pure; `notice` is what is said; `channels` say it
(Apprise, a signed webhook, a command, a heartbeat); `memory` keeps what was said across restarts;
`notices` listens to a supervisor and has the channels speak, without ever holding it up.
"""
