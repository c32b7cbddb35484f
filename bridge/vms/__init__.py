"""VMS targets: a folder each behind the contract in ``base``, declared in ``pyproject.toml`` under ``vms_bridge.vms``.

A new one takes what it needs of what they share, and writes its settings, its requests (``steps``), what its answers
mean and its search. ``digifort`` is the smallest whole example of a server that is logged in to, ``webhook`` of one
that is not.

- ``one_server``: one place and one user for all cameras, what most VMS are; ``tokens``: logging in for a token.
- ``http``: requests out, an answer told from an answer lost, and what that means (``http.outcome``); ``plain`` and
  ``datagrams`` for what is no HTTP.
- ``lines``, ``one_line``, ``text``: an event as a text, as one line, in as much room as there is.
- Told besides, where it can: its cameras and what a credential opens (``credentials``), its own record (``recorded``,
  ``by_record``), event types to declare (``declaring``), clips (``clip``), where it is and its time (``places``).
"""
