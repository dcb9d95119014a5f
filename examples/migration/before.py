"""A bot as many are: bare neonize, and a loop that hopes.

python before.py
"""

from __future__ import annotations

import time
from typing import Any

from neonize.client import NewClient
from neonize.events import MessageEv

client = NewClient("shop.sqlite3")


@client.event(MessageEv)
def on_message(client: Any, message: Any) -> None:
    """Tell when the shop is open."""
    text = message.Message.conversation or message.Message.extendedTextMessage.text
    if "open" in text.lower():
        client.reply_message("We are open from 9 to 18.", message)


while True:
    try:
        client.connect()  # may return, raise, hang while a QR shows, or take the process along
    except Exception as error:
        print("again:", error)
    time.sleep(5)  # until WhatsApp takes us for a spammer
