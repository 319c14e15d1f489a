"""The data sets of scripts/generate.py: what a row holds, for each of them.

`draws` has the random choices for a row, `people` names and addresses; `store`, `social` and
`payments` are the data sets.
"""
