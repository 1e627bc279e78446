"""What all tests stand on."""

import signal

# A shell that starts us in the background may have Ctrl-C ignored, and children inherit that:
# the tests of Ctrl-C need it to arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)
