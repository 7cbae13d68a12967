"""What can be broken of the configuration: people, rooms, roles, keys, words and the workspace beside what pages show."""
