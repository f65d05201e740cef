"""What supervisors look at: the figures of today as a fold of events, and alerts as a machine with an injected clock."""
