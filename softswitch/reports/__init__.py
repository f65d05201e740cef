"""Reports (FEATURES A.8): pure folds over the journal into rows by quarter of an hour, and what is made of these rows.

`fold` turns events into rows, `store.ledger` keeps them, `figures` says what each number is, `build` makes the reports.
"""
