"""The simulator: the production queue engine (`softswitch.acd.engine`) under virtual time.

`scenario` describes a centre and what is expected of it, `world` plays callers and phones around the engine, `study` runs
replications and says how certain the figures are, `rules` finds what breaks an expectation. `tape` reads what a running
switch recorded; `replay` plays it again exactly; `whatif` plays it under another policy.
"""
