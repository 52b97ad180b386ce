"""The providers, one module each, behind one small interface: pure of Flask and of the database."""
