"""Sockets: SIP listeners over UDP and TCP. Only bytes pass here; what they mean is decided above."""
