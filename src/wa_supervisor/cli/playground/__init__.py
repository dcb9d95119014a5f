"""`wa-supervisor playground`: a session, WhatsApp's part and a phone, all on this machine."""
