"""Where a QR or pair code is shown to a person: terminal, image file, or another program.

Nothing is imported here: the settings want `spec` alone, without rich and what draws a QR.
"""
