"""The main job on real data, on this machine, in one command."""
