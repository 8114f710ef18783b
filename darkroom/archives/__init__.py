"""Reading files straight out of zip and tar archives, without unpacking them to disk.

An index maps each file's name to where its bytes lie, so that any worker process can read any file
with one `pread`: zip members as they are, tar members after the tar's own compression was undone.
"""
