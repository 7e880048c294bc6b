"""The page of one CRO: a module for each tab, and what the tabs share.

`facts` reads the claims, `record` the trials; the tabs only arrange them.
"""
