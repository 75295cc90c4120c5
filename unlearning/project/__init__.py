"""One repository, opened: its settings, stores, plugins and recipe, its tables and people, its requests and suppressions."""
