"""Where a QR or pair code is shown to a person: terminal, image file, or another program."""
