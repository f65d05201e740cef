"""The parts of a running switch beside its machines; `softswitch.daemon` puts them together."""
