"""Clips around events: asked of the VMS once an event was delivered and what comes after it is recorded.

A best effort beside the events, never on their way: each clip has a record of its own in the journal (waiting, made
under the VMS's id, gave up with why), is asked for over connections of its own, and touches no event, delivery or lane.
"""
