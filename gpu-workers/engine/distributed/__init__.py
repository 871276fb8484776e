"""One model on several GPUs or machines: ranks are Ray actors, what is trained is sharded (FSDP2).

`driver.py` is the engine's process: places the ranks by Ray, hands them the operations, ends all
of them on the first failure. `rank.py` is a rank: the engine of one process with what is trained
in shards (`sharded_trainable.py`), its gradients and scores by torch's `fully_shard`
(`sharded_network.py`), and where it is asked for also the frozen base (`sharded_base.py`).
`checkpoint.py` saves and loads by torch Distributed Checkpoint, `splitting.py` shares out the work,
`placement.py` counts the ranks that there is room for.

Ray is imported by `driver.py` and by ranks alone.
"""
