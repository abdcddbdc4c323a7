"""Light tables, a row per kind of thing; settings, plans and science read them."""
