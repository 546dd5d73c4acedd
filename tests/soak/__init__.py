"""What takes too long for every run of the tests: ``make soak`` runs all of it, bounded in time, on loopback only."""
