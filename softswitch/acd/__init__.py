"""The queue engine: callers wait, agents serve, one function decides.

Sans-I/O and clock-injected: `Engine` takes items of `softswitch.effects` with `now` (monotonic seconds), and what it wants
done comes out of `drain`. Everything a decision needs is in memory; nothing polls.
"""
