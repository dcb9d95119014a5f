"""The supervisor's end of a session process: start it, talk to it, end it."""
