"""SIP as pure values and machines (RFC 3261 and its updates): no socket, no clock, no await."""
