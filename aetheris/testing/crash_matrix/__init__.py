"""The crash matrix: a job is run again and again, and each time a process of it is struck at another failpoint.

A `scenario.Scenario` is run once undisturbed, which tells every failpoint that it reaches; each of those, with each
kind of blow, is a cell. A cell is green if the job comes to the end that its scenario tells, each effect has happened
as the kill table says, and all invariants hold (`judge`). `servers.Servers` is what it needs, `rig.Rig` runs cells.
"""
