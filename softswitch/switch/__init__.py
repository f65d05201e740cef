"""The whole switch as one machine: the mediator of SIP, calls and queues, and what is asked and seen of it.

`mediator` wires the machines and routes what they say to each other; `admission` lets requests in; `orders` are what
operators may order of calls; `views` is what they may look at.
"""

from __future__ import annotations

from softswitch.switch.mediator import Effect, Switch
from softswitch.switch.settings import ALLOW, CAPABILITIES, METHODS, Settings

__all__ = ["ALLOW", "CAPABILITIES", "METHODS", "Effect", "Settings", "Switch"]
