"""The session process: one killable child per session, and the parent's end of it."""
