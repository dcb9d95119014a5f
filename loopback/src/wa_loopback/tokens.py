"""WhatsApp's token dictionary, version 3: the tokens which neonize 0.5.2 is seen to use.

The whole dictionary has 236 single and 1024 double tokens (whatsmeow, `binary/token/token.go`).
A client may write any string raw, and accepts any string raw, so the server's encoder needs no
tokens and its decoder only those which the client sends from pairing to logout. An unknown one is
decoded to a placeholder (see `nodes`): nothing this server answers depends on it.
"""

from __future__ import annotations

SINGLE = {
    3: "s.whatsapp.net",
    4: "type",
    8: "id",
    12: "jid",
    17: "to",
    20: "result",
    22: "xmlns",
    25: "iq",
    41: "get",
    56: "text",
    65: "count",
    80: "key-index",
    85: "1",
    87: "w:p",
    90: "set",
    108: "value",
    112: "code",
    113: "list",
    141: "401",
    155: "true",
    156: "identity",
    158: "key",
    162: "3",
    168: "error",
    173: "registration",
    203: "encrypt",
    212: "signature",
    230: "device-identity",
}

DOUBLE = {
    (0, 1): "active",
    (0, 24): "passive",
    (0, 45): "skey",
    (0, 139): "stage",
}
