"""What tests are made with: the application, accounts, rows, brokers, services."""
