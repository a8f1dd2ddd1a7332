"""What every room speaks, and what holds the promise: values, errors, ledger, lanes.

Pure: no I/O, no clock of its own, no lock. It imports nothing of ours but itself.
"""
