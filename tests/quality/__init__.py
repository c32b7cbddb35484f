"""Quality shown, not claimed: what tests show of connectors and profiles, and the table made of it.

``plugin`` writes down what the tests of a run have shown, ``evidence`` puts runs together, ``rows`` makes of them the
data that ships with the bridge, ``pages`` the tables for people. ``python -m tests.quality FILE ...`` does all of it
(``make quality``).
"""
