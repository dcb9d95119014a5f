"""What a power cut leaves: record what real code does to its files, and play every legal loss.

In the manner of ALICE (Pillai et al., OSDI 2014) and CrashMonkey (Mohan et al., OSDI 2018), at the
level of system calls:

1. `recorder.c`, preloaded, logs each call that changes a file or a name, and each fsync.
2. `disk` plays the log on a model of a disk that promises no more than POSIX does: what was not
   synced may be there, be gone, or be torn between sectors, in any order and combination.
3. `cuts` has a check look at every disk that a cut at any moment could have left.

Linux with a C compiler; the recorder is made when it is first wanted.
"""
