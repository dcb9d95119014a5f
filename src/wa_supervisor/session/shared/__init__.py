"""What the supervisor and the session process both know: the frames between them."""
