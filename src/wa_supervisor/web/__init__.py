"""The page and the API of a running supervisor: `run --web`. Needs the extra `web`.

The server has a thread and an event loop of its own. A session's loop has the last word in
everything: the server asks it with a deadline, and says so where it does not answer. So a page that
hangs, a client that reads slowly or a thousand requests cost the session nothing but the few
milliseconds of being asked, and those are shared among all who ask (`watched.FRESH`).
"""
