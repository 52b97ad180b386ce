"""Files of recipients as spreadsheets write them: read, and their columns guessed."""
