"""softswitch: a SIP/RTP softswitch with a built-in call-queue engine (ACD), in pure Python."""

__version__ = "0.1.0"
