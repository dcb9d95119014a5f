"""`python -m wa_loopback.control` is `wa-loopback`."""

from .command import main

main()
