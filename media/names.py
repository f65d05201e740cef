"""Names that settings and command lines give: what asks for them need not know the records of the media workers."""

RELAYS = ("auto", "tcx", "tc", "uring", "epoll", "reference")  # what `media.relay` may say (media/relay)
