"""Commands over REST, the same ones for ``vethctl`` and for the OpenStack client.

Exit status: 0 done; 1 refused, failed, would fail, or not so within ``--timeout``; 2 wrong usage, before any request
(the OpenStack client answers 1 to that); 130 interrupted by Ctrl-C.
"""
