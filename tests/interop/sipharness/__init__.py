"""Real SIP clients, driven headless: they register, call, answer, hold and send digits, and what they heard is judged."""

from .core import Account, Event, Phone, PhoneError, free_port

__all__ = ["Account", "Event", "Phone", "PhoneError", "free_port"]
