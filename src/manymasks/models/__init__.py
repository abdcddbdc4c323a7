"""The networks and how gradients flow through them."""
