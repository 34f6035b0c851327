"""Bringing in the database of BioQL's first server."""
