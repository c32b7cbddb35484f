"""Asking an HTTP server: with which credentials, over which connection, and what is wrong when it does not answer. For
``http-poll``, which asks again and again, and ``http-stream``, whose answer does not end.

Only ``asking.client`` and ``asking.tokens`` import httpx, and they are imported when a connector runs.
"""
