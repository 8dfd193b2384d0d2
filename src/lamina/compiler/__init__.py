"""From a program to native code: graph passes, loops, and LLVM."""
