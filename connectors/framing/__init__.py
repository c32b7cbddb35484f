"""Messages in a stream of bytes: which bytes belong to which, and a connection that carries them. For ``tcp``, which
listens, ``tcp-client``, which connects, and whatever else brings a stream."""
