"""Reading files straight out of zip and tar archives, without unpacking them to disk.

An index maps each file's name to the position of its bytes, so that any process can read any file by itself. A
compressed tar is decompressed as a whole first, and a 7z or rar is unpacked.
"""
