"""What can go wrong while HPNorton runs, done to it from outside, as docs/reliability.md tells.

One module for each kind of fault. `processes` finds and watches processes, `proxy` stands between
HPNorton and a MongoDB server and waits, cuts or lies at a chosen command. After every fault the
message names a remedy, and the tests run it: nothing is lost, and nothing is doubled.
"""
