"""A simulated account: its use over time, the server it answers through, and the transcripts it would leave.

Deterministic in time (the same moment gives the same answer), so pictures and tests repeat. The rest of the program
meets it only over HTTP and files, like the real thing.
"""
