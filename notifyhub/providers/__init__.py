"""The providers, one module or folder each, behind one small interface: pure of Flask and of the database."""
