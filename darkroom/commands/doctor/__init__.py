"""What this machine will do, and what is wrong with it.

The modules here need the standard library alone and start in every Python since 3.8, so that they can name a Python
that is too old. What needs packages runs in a process of its own, `probe`.
"""
