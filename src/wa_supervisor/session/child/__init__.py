"""The session process: the real neonize, the bot beside it, and what they say."""
