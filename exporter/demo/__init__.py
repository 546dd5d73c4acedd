"""A simulator that publishes AD FS-shaped metadata on loopback: the demo, and what the tests watch."""
