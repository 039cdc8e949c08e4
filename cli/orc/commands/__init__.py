"""Commands of `orc`, a file each."""
