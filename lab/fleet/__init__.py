"""The fleet on the real client: workers in network namespaces of their own, judged by the server.

`python -m lab fleet`. `stays` says what the server's observations mean; `simulation` plays ten
thousand sessions in virtual time.
"""
