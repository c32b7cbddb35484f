"""The main job on one machine: simulated readers, the real bridge as a child process, a simulated VMS, a ledger."""
