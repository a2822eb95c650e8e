"""What stands around the app: setting up, running, testing, taking its picture."""
