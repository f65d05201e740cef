"""Spawns media workers, speaks media.control, notices and replaces a dead one."""
