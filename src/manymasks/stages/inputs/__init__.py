"""What stages read: members, weights, documents, probes."""
