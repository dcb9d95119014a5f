"""How another program, in any language, holds a session: through its running supervisor.

Whoever may open the control socket may listen, send and change the gate here; it lies in the
session's private directory, so these are the session's owner and root. The program talks to a
command (`wa-supervisor listen`, `send`, `gate`), and the command to the supervisor by lines of JSON
(`wire`). Nothing of it opens the session's files: the supervisor alone writes them, it alone knows
whom the gate admits now, and its client alone knows which number belongs to a LID.
"""
