"""The mediator: wires the machines and routes each drained item to the machine that wants it."""
